from pathlib import Path

import pytest
from optuna import Study
from optuna.trial import TrialState

from mien.errors import ConfigError
from mien.search.config import SearchConfig
from mien.search.storage import counted, open_study, shown, try_again

pytestmark = pytest.mark.slow

SPACE = {"optimizer.momentum": {"low": 0.1, "high": 0.9}}
CONFIG = SearchConfig.model_validate({"space": SPACE, "sampler": {"random_trials": 2}})
DATA = {"training_sha256": "0" * 64}


def opened(folder: Path, name: str, config: SearchConfig = CONFIG) -> Study:
    return open_study(name, f"sqlite:///{folder / 'search.db'}", config, DATA)


def drawn(study: Study) -> float:
    trial = study.ask()
    value: float = config_dimension().suggest("optimizer.momentum", trial)
    study.tell(trial, (value - 0.3) ** 2)
    return value


def config_dimension():
    return CONFIG.space["optimizer.momentum"]


@pytest.mark.filterwarnings("ignore:Heartbeat:UserWarning")  # of trials that are asked for by hand
def test_values_are_drawn_by_the_number_of_the_trial(tmp_path: Path) -> None:
    whole = opened(tmp_path, "whole")
    expected = [drawn(whole) for _ in range(6)]
    assert len(set(expected)) == 6
    values = [drawn(opened(tmp_path, "continued")) for _ in range(6)]  # as if each were a process of its own
    assert values == expected
    other = CONFIG.model_copy(update={"sampler": CONFIG.sampler.model_copy(update={"seed": 2})})
    assert drawn(opened(tmp_path, "other", other)) != expected[0]


def test_a_search_of_another_configuration_is_refused(tmp_path: Path) -> None:
    opened(tmp_path, "mine")
    opened(tmp_path, "mine")
    changed = SearchConfig.model_validate({"space": SPACE | {"loss.fer7_weight": {"low": 0, "high": 1}}})
    with pytest.raises(ConfigError, match=r"cannot continue the search 'mine' .*: sampler\.random_trials was 2"):
        opened(tmp_path, "mine", changed)


@pytest.mark.filterwarnings("ignore:Heartbeat:UserWarning")
def test_a_trial_is_tried_three_times_at_most_and_counts_once(tmp_path: Path) -> None:
    study = opened(tmp_path, "mine")
    values = set()
    for _ in range(3):
        trial = study.ask()
        values.add(config_dimension().suggest("optimizer.momentum", trial))
        study.tell(trial, state=TrialState.FAIL)
        try_again(study, study.get_trials()[trial.number])
    assert len(values) == 1
    assert len(study.trials) == 3
    assert [each.number for each in counted(study)] == [2]


def test_a_password_is_not_shown() -> None:
    assert shown("postgresql://me:secret@db/searches") == "postgresql://me:***@db/searches"
    assert shown("nonsense") == "nonsense"
