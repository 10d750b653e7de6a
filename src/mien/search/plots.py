"""The two plots of a search, as SVG in black and gray."""

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from optuna.trial import FrozenTrial, TrialState

from mien.report.plots import GUIDE, INK, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def history(trials: Sequence[FrozenTrial], figure: str, *, smaller_is_better: bool) -> str:
    """Each trial's figure in the order of their numbers, and the best one so far."""
    better: Callable[[float, float], float] = min if smaller_is_better else max
    complete = [each for each in trials if each.state == TrialState.COMPLETE]
    finished = [(each.number, each.value) for each in complete if each.value is not None]
    pruned = [
        (each.number, each.intermediate_values[max(each.intermediate_values)])
        for each in trials
        if each.state == TrialState.PRUNED and each.intermediate_values
    ]
    failed = [each.number for each in trials if each.state == TrialState.FAIL]

    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - loaded when something is drawn

    def draw(axes: "Axes") -> None:
        if finished:
            numbers, values = zip(*finished, strict=True)
            best = [*accumulate(values, better)]
            last = max(each.number for each in trials)
            axes.step([*numbers, last], [*best, best[-1]], where="post", color=GUIDE, linestyle="--", linewidth=1,
                label="best so far")  # fmt: skip
            axes.plot(numbers, values, "o", color=INK, markersize=4, label="finished")
        if pruned:
            axes.plot(*zip(*pruned, strict=True), "v", color=INK, markerfacecolor="white", markersize=5,
                label="given up, at its last epoch")  # fmt: skip
        if failed:
            places = [0.02] * len(failed)
            axes.plot(failed, places, "x", color=INK, markersize=5, transform=axes.get_xaxis_transform(),
                label="failed (no figure)")  # fmt: skip
        axes.set(xlabel="trial", ylabel=f"{figure}, {'smaller' if smaller_is_better else 'greater'} is better")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.12)
        if trials:
            axes.figure.legend(frameon=False, loc="outside upper center", ncols=2)

    return svg(draw, (5.0, 3.4)).decode()


def importance(shares: Mapping[str, float], figure: str) -> str:
    """Each key's share of what decides the figure, the greatest on top."""

    def draw(axes: "Axes") -> None:
        bars = axes.barh(list(shares), list(shares.values()), height=0.6, color=GUIDE, edgecolor=INK)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel=f"importance for {figure} (share, PED-ANOVA)", xlim=(0, None))

    return svg(draw, (5.0, 0.8 + 0.32 * len(shares))).decode()
