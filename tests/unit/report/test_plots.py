"""Drawings: whole, small, the same each time, and with what they are about in them."""

import re
from collections.abc import Callable
from functools import partial
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from mien.report import plots
from mien.report.plots import Curve, Mean, Trials
from mien.stats import Estimate, Proportion

pytestmark = pytest.mark.slow

SHARES = [Proportion.of(hits, 20) for hits in (4, 11, 20)]
CURVE = Curve([0.3, 0.6, 1.0], SHARES, "ECE 2.0 %")
MEANS = {
    "wide": Mean(Estimate(0.8, 0.78, 0.82), [0.79, 0.81], 12.5),
    "narrow": Mean(Estimate(0.7, 0.6, 0.8), [0.7], 2.0),
}
TRIALS = Trials(finished=[(0, 0.5), (1, 0.0)], pruned=[(2, 0.1)], failed=[3], last=3)
COUNTS = np.array([[3, 1], [0, 9]])
SPLITS = {"train": {"sad": 3, "glad": 0}, "test": {"sad": 1, "glad": 1}}

DRAWINGS: dict[str, tuple[Callable[[], bytes], list[str]]] = {
    "confusion": (partial(plots.confusion_matrix, COUNTS, ["sad", "glad"], normalized=True), ["75", "glad"]),
    "reliability": (partial(plots.reliability, {"core4": CURVE, "fer7": CURVE}), ["core4", "fer7", "ECE 2.0 %"]),
    "one reliability": (partial(plots.reliability, {"": CURVE}), ["mean confidence"]),
    "risk": (partial(plots.risk_coverage, {"core4": CURVE, "fer7": CURVE}), ["core4", "fer7"]),
    "one risk": (partial(plots.risk_coverage, {"wrong": CURVE}), ["95 % interval", "without regard"]),
    "severity": (partial(plots.accuracy_by_severity, SHARES, 0.9), ["severity"]),
    "bars": (partial(plots.grouped_bars, SPLITS, "share"), ["train", "glad"]),
    "no faces": (partial(plots.grouped_bars, {"train": {"sad": 0}}, "share"), ["train"]),
    "boxes": (partial(plots.boxes, {"a": [1, 2, 3, 4, 5], "b": [1, 1, 1, 1, 1]}, "levels", apart=1), ["levels", "b"]),
    "rows": (partial(plots.means_by_row, MEANS, "accuracy", reference="wide"), ["wide", "narrow", "a seed"]),
    "no rows": (partial(plots.means_by_row, {}, "accuracy"), ["accuracy"]),
    "by x": (partial(plots.means_by_x, MEANS, "size", "accuracy"), ["wide", "narrow", "mean, 95 %"]),
    "trials": (partial(plots.search_history, TRIALS, "P2", smaller_is_better=False), ["best so far", "pruned"]),
    "shares": (partial(plots.share_bars, {"rate": 0.8, "depth": 0.2}, "importance"), ["rate", "80%"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_drawing_is_whole_and_the_same_each_time(name: str) -> None:
    draw, words = DRAWINGS[name]
    drawn = draw()
    assert drawn == draw()
    assert len(drawn) < 60_000
    ElementTree.fromstring(drawn)  # noqa: S314 - drawn above
    for word in words:
        assert word in drawn.decode()


def test_nothing_is_told_apart_by_color_alone() -> None:
    """All curves of one drawing have the same ink, and each its own marker and dashes."""
    drawn = plots.risk_coverage(dict.fromkeys("abcd", CURVE)).decode()
    strokes = set(re.findall(r"stroke-dasharray: ([^;]+);", drawn))
    assert len(strokes) >= 3


def test_a_value_of_zero_is_one_of_the_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    axes = Figure().add_subplot()
    monkeypatch.setattr("mien.report.plots.svg", lambda draw, _: (draw(axes), b"")[1])
    plots.search_history(Trials([(0, 0.5), (1, 0.0)], [], [], 1), "P2", smaller_is_better=False)
    shown = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert shown == {"best so far": [0.5, 0.5, 0.5], "finished": [0.5, 0.0]}
