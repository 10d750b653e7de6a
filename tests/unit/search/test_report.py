import pytest
from matplotlib.figure import Figure
from optuna.trial import FrozenTrial, TrialState, create_trial

from mien.search.report import _history


def trial(number: int, value: float) -> FrozenTrial:
    made = create_trial(state=TrialState.COMPLETE, value=value)
    made.number = number
    return made


def test_a_metric_of_zero_is_one_of_the_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = Figure().add_subplot()
    monkeypatch.setattr("mien.search.report.svg", lambda draw, _: (draw(axes), b"")[1])
    _history([trial(0, 0.5), trial(1, 0.0)], "P2", smaller_is_better=False)
    shown = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert shown == {"best so far": [0.5, 0.5, 0.5], "finished": [0.5, 0.0]}
