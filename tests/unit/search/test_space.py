from pathlib import Path

import pytest
from optuna.trial import FixedTrial

from mien.errors import ConfigError
from mien.search.config import load_search
from mien.search.space import Choices, FloatRange, IntRange, dimension_of, with_values
from mien.train.config import TrainingConfig


@pytest.mark.parametrize(
    ("space", "fault"),
    [
        (
            '"optimizer.momentun" = { low = 0, high = 0.5 }',
            r"'optimizer.momentun'; did you mean 'optimizer.momentum'\?",
        ),
        ("network = { choices = [1] }", "unknown key 'network'"),
        ('"optimizer.momentum" = { lo = 0, high = 0.5 }', r"momentum: low is missing; unknown key 'lo'; .* 'low'"),
        (
            '"optimizer.momentum" = { low = 0, high = 1.5 }',
            "optimizer.momentum: high = 1.5: input should be less than 1",
        ),
        ('"optimizer.momentum" = { low = 0.5, high = 0.5 }', "low = 0.5 is not less than high = 0.5"),
        ('"optimizer.momentum" = { low = 0, high = 0.5, log = true }', "log needs a low above 0"),
        ('"network.stem_width" = { low = 8, high = 17, step = 4 }', "step = 4 does not lead from 8 to 17"),
        ('"network.stem_width" = { low = 8.5, high = 12 }', "stem_width: low = 8.5: input should be a valid integer"),
        ('"network.family" = { low = 1, high = 2 }', "network.family is not a number; give choices"),
        (
            '"network.family" = { choices = ["vgg", "vggg"] }',
            "network.family: choice 'vggg': input should be 'residual'",
        ),
        ('"network.widths" = { choices = [[8, 8], [0, 8]] }', r"network.widths: choice \[0, 8\]: .*greater than"),
        ('"network.widths" = { choices = [[8], [8]] }', "a choice is there twice"),
        ('"network.widths" = { choices = [[8]], low = 3 }', "network.widths: unknown key 'low'; known here: choices"),
        ('"network.dropout" = { low = 0.1 }', "network.dropout: high is missing"),
        ("seed = { low = 1, high = 9 }", "seed cannot be searched: the best of many seeds is luck"),
        ("epochs = { low = 1, high = 9 }", "epochs cannot be searched: all trials must have the same"),
    ],
)
def test_a_space_that_cannot_be_searched_is_refused(tmp_path: Path, space: str, fault: str) -> None:
    path = tmp_path / "some.toml"
    path.write_text(f"[space]\n{space}\n", "utf-8")
    with pytest.raises(ConfigError, match=fault) as raised:
        load_search(path)
    assert "\n" not in str(raised.value)


def test_values_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ConfigError, match="widths has 1 stages and depths 3"):
        with_values(TrainingConfig(), {"network.widths": [8]})


def test_the_key_decides_whether_a_range_is_of_integers() -> None:
    assert dimension_of("augmentation.rotation_deg", {"low": 0, "high": 20}) == FloatRange(low=0, high=20)
    assert dimension_of("batch_size", {"low": 8, "high": 32, "step": 8}) == IntRange(low=8, high=32, step=8)
    assert dimension_of("batch_size", {"choices": [8, 32]}) == Choices(choices=(8, 32))


def test_a_step_of_integers_is_an_integer() -> None:
    with pytest.raises(ConfigError, match=r"batch_size: step = 0\.5: input should be a valid integer"):
        dimension_of("batch_size", {"low": 8, "high": 32, "step": 0.5})


def test_all_faults_of_a_space_are_named(tmp_path: Path) -> None:
    path = tmp_path / "some.toml"
    path.write_text("[space]\nseed = { low = 1, high = 2 }\nloss.fer7_weight = { low = 2, high = 1 }\n", "utf-8")
    with pytest.raises(ConfigError, match=r"seed cannot be searched.*; loss\.fer7_weight: low = 2\.0 is not less than"):
        load_search(path)


@pytest.mark.parametrize(
    ("key", "dimension", "stored", "value"),
    [
        ("network.widths", {"choices": [[4], [8, 8]]}, "[8, 8]", [8, 8]),
        ("start_from", {"choices": ["runs/a"]}, '"runs/a"', "runs/a"),
        ("batch_size", {"low": 8, "high": 32}, 9, 9),
        ("optimizer.momentum", {"low": 0.5, "high": 0.9}, 0.7, 0.7),
    ],
)
def test_a_trial_is_given_the_value_that_is_stored(key: str, dimension: dict, stored: object, value: object) -> None:
    found = dimension_of(key, dimension)
    assert found.suggest(key, FixedTrial({key: stored})) == value  # type: ignore[arg-type]
    assert found.decode(stored) == value
