from optuna.trial import FrozenTrial, TrialState, create_trial

from mien.search.config import SearchConfig
from mien.search.report import history


def trial(number: int, state: TrialState, *reported: float, value: float | None = None) -> FrozenTrial:
    made = create_trial(state=state, value=value, intermediate_values=dict(enumerate(reported)))
    made.number = number
    return made


def test_every_kind_of_trial_is_drawn() -> None:
    config = SearchConfig.model_validate({"space": {"batch_size": {"low": 8, "high": 64}}})
    trials = [
        trial(0, TrialState.COMPLETE, value=0.0),
        trial(1, TrialState.PRUNED, 0.2, 0.1),
        trial(2, TrialState.PRUNED),
        trial(3, TrialState.FAIL),
    ]
    drawn = history(trials, config)
    for label in ("best so far", "finished", "pruned, at its last epoch", "failed", config.metric):
        assert label in drawn
    assert "pruned" not in history(trials[:1], config)
