from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.search.config import SearchConfig, load_search
from mien.train.config import TrainingConfig

ROOT = Path(__file__).resolve().parents[3]


def loaded(folder: Path, text: str) -> SearchConfig:
    path = folder / "some.toml"
    path.write_text(text, "utf-8")
    return load_search(path)


def test_the_shipped_file_is_valid() -> None:
    search = load_search(ROOT / "configs" / "search" / "base.toml")
    assert search.direction == "minimize"
    assert search.trial_epochs < search.base.epochs


def test_the_base_may_be_another_file(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text("epochs = 7\n", "utf-8")
    search = loaded(tmp_path, 'base = "other.toml"\n[space]\n"loss.fer7_weight" = { low = 0, high = 1 }\n')
    assert search.base == TrainingConfig(epochs=7)
    assert search.trial_epochs == 7


@pytest.mark.parametrize(
    "learning",
    [
        '[base]\nstart_from = "runs/teacher"\n[space]\nbatch_size = { choices = [8] }',
        '[base.distillation]\nteachers = ["base"]\n[space]\nbatch_size = { choices = [8] }',
        '[space]\n"distillation.teachers" = { choices = [[], ["base"]] }',
        '[space]\nstart_from = { choices = ["runs/teacher"] }',
    ],
)
def test_models_that_may_have_been_trained_on_the_measured_faces_are_refused(tmp_path: Path, learning: str) -> None:
    assert loaded(tmp_path, learning).learns_from_models
    with pytest.raises(
        ConfigError, match=r"some\.toml: selected_on = \"train\" .* or set selected_on = \"validation\"$"
    ):
        loaded(tmp_path, f'selected_on = "train"\n{learning}')


def test_training_alone_may_be_selected_on(tmp_path: Path) -> None:
    text = 'selected_on = "train"\n[space]\n"distillation.teachers" = { choices = [[]] }'
    assert loaded(tmp_path, text).selected_on == "train"


def test_keys_need_no_quotes(tmp_path: Path) -> None:
    search = loaded(
        tmp_path, "[space]\noptimizer.momentum = { low = 0.5, high = 0.9 }\nbatch_size = { choices = [8] }\n"
    )
    assert set(search.space) == {"optimizer.momentum", "batch_size"}


def test_other_faults_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"space is missing; unknown key 'metrik'; did you mean 'metric'\?"):
        loaded(tmp_path, 'metrik = "P1"\n')


def test_a_mean_is_over_the_protocols_that_have_labels() -> None:
    space = {"space": {"loss.fer7_weight": {"low": 0, "high": 1}}}
    search = SearchConfig.model_validate({"metric": "mean_P", **space})
    assert search.direction == "maximize"
    assert search.value_of({"P1": 0.5, "P3": 0.7, "nll_P1": 9.0}) == pytest.approx(0.6)
    assert SearchConfig.model_validate(space).value_of({"P2": 0.5, "nll_P2": 1.25}) == 1.25
