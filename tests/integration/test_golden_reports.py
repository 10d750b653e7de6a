"""What the commands write, whole, beside what they wrote when it was last looked at (`pytest --update-golden`).

The files stand in `tests/golden/reports` and `tests/golden/cards`. Everything is asked for on the command line, so that
these tests hold whatever the modules behind it are called.
"""

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from golden_inputs import (
    SPLITS,
    ferplus8_positions,
    template_weights,
    trials,
    write_answers,
    write_class_folders,
    write_fer2013,
    write_foreign_model,
    write_model,
    write_pictures,
    write_study_runs,
)
from golden_text import Golden
from typer.testing import CliRunner, Result

from mien import __version__
from mien.cli import app

TRAINING = """
epochs = 1
batch_size = 16
precision = "32-true"
network = { family = "mlp", dense = [16], dropout = 0 }
augmentation = { mixup_share = 0, erase_share = 0 }
"""
STUDY = """
title = "What augmentation gives"
question = "Is it worth its time?"
seeds = [1, 2, 3]
[training]
epochs = 1
[[arms]]
name = "all"
about = "everything"
[[arms]]
name = "none"
training.augmentation.mixup_share = 0
[[arms]]
name = "teacher"
[[arms]]
name = "broken"
training.start_from = "nowhere"
"""
SEARCH = """
images = 64
epochs = 2
[base]
batch_size = 16
precision = "32-true"
network = { family = "mlp", dense = [16] }
[space]
"optimizer.peak_learning_rate" = { low = 0.01, high = 1.0 }
"network.dense" = { choices = [[16], [32, 16]] }
"""
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_fer2013(folder / "faces")
    write_class_folders(folder / "own")
    write_answers(folder / "others.csv")
    write_model(folder / "templates.onnx")
    write_foreign_model(folder / "foreign.toml")
    return folder


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    replaced = {rf"\b{re.escape(__version__)}\b": "VERSION", r"\b[0-9a-f]{64}\b": "SHA-256"}
    return Golden(update=request.config.getoption("update_golden"), replaced=replaced)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A terminal of 100 columns, and two processors, by whatever name a module knows how to count them."""
    monkeypatch.setenv("COLUMNS", "100")
    counted = os.cpu_count
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    _replace_in_mien(counted, os.cpu_count)
    yield
    _replace_in_mien(os.cpu_count, counted)


def _replace_in_mien(before: object, after: object) -> None:
    for name, module in list(sys.modules.items()):
        if name.startswith("mien.") and getattr(module, "cpu_count", None) is before:
            module.cpu_count = after


@pytest.fixture
def run(inputs: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `mien` with the inputs in the working folder, so that no path of this machine is in what it writes."""
    monkeypatch.chdir(inputs)

    def run(*arguments: object, status: int = 0) -> Result:
        result = CliRunner().invoke(app, list(map(str, arguments)))
        assert result.exit_code == status, (result.output, result.exception)
        return result

    return run


def spoken(result: Result) -> str:
    return f"{result.stdout}--- standard error\n{result.stderr}"


def test_evaluation_of_a_model_with_everything(run: Run, golden: Golden, tmp_path: Path) -> None:
    files = {form: tmp_path / f"report.{form}" for form in ("json", "markdown", "html")}
    ran = run(
        *("evaluate", "templates.onnx", "faces/fer2013.csv", "--training", "faces/fer2013.csv"),
        *("--against", "others.csv", "--invariance", "--robustness", 24),
        *(part for form, path in files.items() for part in (f"--{form}", path)),
    )
    golden.check("reports/evaluate.txt", spoken(ran))
    for form, path in files.items():
        golden.check(f"reports/evaluate.{form}", path.read_text("utf-8"))


def test_evaluation_of_another_tools_answers(run: Run, golden: Golden, tmp_path: Path) -> None:
    report = tmp_path / "report.md"
    ran = run("evaluate", "others.csv", "faces/fer2013.csv", "--split", "test", "--markdown", report)
    golden.check("reports/evaluate-answers.txt", spoken(ran))
    golden.check("reports/evaluate-answers.markdown", report.read_text("utf-8"))


def test_evaluation_of_a_foreign_model_on_own_pictures(run: Run, golden: Golden, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    ran = run(
        *("evaluate", "foreign.toml", "own", "--split", "validation", "--class", "joy=happy", "--protocol", "P3"),
        *("--robustness", 0, "--html", report),
    )
    golden.check("reports/evaluate-foreign.txt", spoken(ran))
    golden.check("reports/evaluate-foreign.html", report.read_text("utf-8"))


def test_audit_with_a_model_as_judge(run: Run, golden: Golden, tmp_path: Path) -> None:
    page, figures = tmp_path / "audit.html", tmp_path / "audit.json"
    unseen = [part for split in SPLITS for part in ("--unseen", split)]
    ran = run("data", "audit", "faces", "--model", "templates.onnx", *unseen, "--html", page, "--json", figures)
    golden.check("reports/audit.txt", spoken(ran).replace(str(page), "PAGE"))
    golden.check("reports/audit.json", figures.read_text("utf-8"))
    golden.check("reports/audit.html", page.read_text("utf-8"))


def test_audit_that_judges_out_of_fold(run: Run, golden: Golden, tmp_path: Path) -> None:
    page, figures = tmp_path / "audit.html", tmp_path / "audit.json"
    ran = run("data", "audit", "faces", "--split", "Training", "--html", page, "--json", figures)
    golden.check("reports/audit-out-of-fold.txt", spoken(ran).replace(str(page), "PAGE"))
    golden.check("reports/audit-out-of-fold.json", figures.read_text("utf-8"), units=50)


@pytest.fixture
def pictures(inputs: Path, examples: Path, tmp_path: Path) -> Path:
    shutil.copy(inputs / "templates.onnx", tmp_path)
    return write_pictures(tmp_path / "pictures", examples)


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_recognition_in_pictures(
    form: str, pictures: Path, run: Run, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    ran = run("recognize", "pictures/*.*", "nowhere.png", "--format", form, "--threads", 1, status=1)
    golden.check(f"reports/recognize.{form}", spoken(ran), units=30)


@pytest.mark.parametrize("form", ["table", "jsonl", "csv"])
def test_recognition_of_face_crops(
    form: str, pictures: Path, run: Run, golden: Golden, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures.parent)
    ran = run(
        *("recognize", "pictures/drawn", "--detector", "none", "--model", "templates.onnx", "--format", form),
        *("--expressions", "fer7"),
    )
    golden.check(f"reports/recognize-crops.{form}", spoken(ran))


def test_study_of_finished_runs(run: Run, golden: Golden, tmp_path: Path) -> None:
    study, folder = tmp_path / "toy.toml", tmp_path / "study"
    study.write_text(STUDY, "utf-8")
    write_study_runs(folder, {"all": (12, 13, 12), "none": (8, 7, 9), "teacher": (13, 12, 13)})
    ran = run("study", study, "--data", "faces", "--output", folder, "--threads", 1, status=1)
    golden.check("reports/study.txt", spoken(ran).replace(str(folder), "FOLDER"))
    for form in ("md", "csv", "json"):
        golden.check(f"reports/study.{form}", (folder / f"report.{form}").read_text("utf-8"))


def test_search_of_finished_trials(run: Run, golden: Golden, tmp_path: Path) -> None:
    folder = tmp_path / "search"
    folder.mkdir()
    (tmp_path / "toy.toml").write_text(SEARCH, "utf-8")
    write_trials(folder / "search.db")
    ran = run("search", tmp_path / "toy.toml", "--data", "faces", "--output", folder, "--trials", 8, "--threads", 1)
    golden.check("reports/search.txt", spoken(ran).replace(str(folder), "FOLDER"))
    for name in ("trials.md", "trials.csv", "trials.json", "best.toml"):
        golden.check(f"reports/search-{name}", (folder / name).read_text("utf-8"))


def write_trials(database: Path) -> None:
    import optuna
    from optuna.distributions import CategoricalDistribution, FloatDistribution
    from optuna.trial import TrialState, create_trial

    widths = ("[16]", "[32, 16]")
    space = {
        "optimizer.peak_learning_rate": FloatDistribution(0.01, 1.0),
        "network.dense": CategoricalDistribution(widths),
    }
    study = optuna.create_study(storage=f"sqlite:///{database}", study_name="toy", direction="minimize")
    for number, one in enumerate(trials()):
        reported, state = one["reported"], TrialState[one["state"]]
        figures = {"P2": 0.75, "nll_P2": reported[max(reported)]}
        study.add_trial(
            create_trial(
                state=state,
                value=reported[2] if state == TrialState.COMPLETE else None,
                params=dict(zip(space, (one["rate"], widths[one["width"]]), strict=True)),
                distributions=space,
                intermediate_values=reported,
                user_attrs={
                    "elapsed_s": 10.5 + number,
                    **({"reason": "the training diverged | stopped"} if state == TrialState.FAIL else {}),
                    **({"metrics": figures} if state != TrialState.FAIL else {}),
                },
            )
        )


def test_cards_of_exported_models(run: Run, golden: Golden, tmp_path: Path) -> None:
    config, folder, model = tmp_path / "toy.toml", tmp_path / "run", tmp_path / "drawn.onnx"
    config.write_text(TRAINING, "utf-8")
    run("train", "--config", config, "--data", "faces", "--output", folder, "--threads", 1)
    give_weights(folder / "last.ckpt")
    ran = run(
        "export",
        folder,
        "--data",
        "faces",
        "--output",
        model,
        "--precision",
        "fp32",
        "--precision",
        "int8",
        "--data-license",
        "CC0",
    )
    varies = {
        r"(differ by at most|differ from the trained network's by at most) [\d.e-]+": r"\1 LITTLE",
        r"\(mean [\d.e-]+\)": "(mean LITTLE)",
        r"\d+ minutes": "SOME minutes",
        r"\d+\.\d+ MB": "SOME MB",
    }
    # What 8 bits round away decides little, but not the same everywhere.
    golden.check("reports/export.txt", spoken(ran).replace(str(tmp_path), "FOLDER"), units=30, replaced=varies)
    for name, units in (("drawn", 2), ("drawn-int8", 30)):
        golden.check(f"cards/{name}.md", (tmp_path / f"{name}.md").read_text("utf-8"), units=units, replaced=varies)


def give_weights(checkpoint: Path) -> None:
    """Puts drawn mouths in the place of what was trained for an epoch, which no two kinds of machine do alike."""
    import torch

    mouths = template_weights(range(7)).T
    first, fer7, ferplus8 = np.zeros((16, 48 * 48)), np.eye(7, 16), np.zeros((8, 16))
    first[:7] = 20 * mouths
    for row, position in enumerate(ferplus8_positions()):
        if position is not None:
            ferplus8[row, position] = 1
    biases = np.full(16, 10.0), np.zeros(7), np.full(8, 0.5)
    biases[0][:7] -= 0.27 * first[:7].sum(axis=1)  # a picture's mean is darker than its face
    by_shape = {value.shape: value for value in (first, fer7, ferplus8, *biases)}
    kept = torch.load(checkpoint, weights_only=True)
    for weights in kept["state_dict"].values():
        weights.copy_(torch.from_numpy(by_shape[tuple(weights.shape)]))
    torch.save(kept, checkpoint)
