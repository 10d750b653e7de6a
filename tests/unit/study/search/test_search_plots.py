from optuna.trial import FrozenTrial, TrialState, create_trial

from mien.study.search.plots import history


def trial(number: int, value: float) -> FrozenTrial:
    made = create_trial(state=TrialState.COMPLETE, value=value)
    made.number = number
    return made


def test_a_figure_of_nought_is_one_of_the_finished() -> None:
    both = history([trial(0, 0.5), trial(1, 0.0)], "P2", smaller_is_better=False)
    one = history([trial(0, 0.5)], "P2", smaller_is_better=False)
    assert both.count("<use ") > one.count("<use ")
