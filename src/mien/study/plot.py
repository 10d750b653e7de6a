"""A study's plot: accuracy of each arm with its interval, and each seed's beside it."""

from typing import TYPE_CHECKING, Any

from mien.page.pictures import GUIDE, INK, svg
from mien.study.results import ArmResult, StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MEAN: Any = {"color": INK, "marker": "s", "markersize": 4, "capsize": 3, "linestyle": "", "label": "mean, 95 %"}
_SEEDS: Any = {
    "color": GUIDE,
    "marker": "o",
    "markersize": 3.5,
    "fillstyle": "none",
    "linestyle": "",
    "label": "a seed",
}


def plot(result: StudyResult) -> bytes:
    """The plot as SVG: arms one below the other, or by multiply-adds on a logarithmic axis."""
    code = result.study.config.protocol
    shown = {name: arm for name, arm in result.arms.items() if arm.run is not None}
    by_size = result.study.config.x_axis == "multiply-adds"

    def draw(axes: "Axes") -> None:
        if by_size:
            _by_multiply_adds(axes, shown, code)
        else:
            _one_below_the_other(axes, shown, code, result.study.reference)
        if shown:
            handles, labels = axes.get_legend_handles_labels()
            once = dict(zip(labels, handles, strict=True))
            axes.figure.legend(once.values(), once.keys(), loc="outside upper right", frameon=False, ncols=2)

    return svg(draw, (5.4, 3.8) if by_size else (5.4, 1.3 + 0.42 * max(len(shown), 1)))


def _one_below_the_other(axes: "Axes", shown: dict[str, ArmResult], code: str, reference: str) -> None:
    for place, arm in enumerate(shown.values()):
        estimate, seeds = arm.accuracy[code], arm.by_seed[code]
        axes.plot([100 * s for s in seeds], [place + 0.22] * len(seeds), **_SEEDS)
        reach = [[100 * (estimate.value - estimate.low)], [100 * (estimate.high - estimate.value)]]
        axes.errorbar([100 * estimate.value], [place], xerr=reach, **_MEAN)
    if reference in shown:
        axes.axvline(100 * shown[reference].accuracy[code].value, color=GUIDE, linestyle="--", linewidth=0.8)
    axes.set_yticks(range(len(shown)), list(shown))
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlabel(f"accuracy by {code}, %")
    axes.grid(axis="x", linewidth=0.3)


def _by_multiply_adds(axes: "Axes", shown: dict[str, ArmResult], code: str) -> None:
    for name, arm in shown.items():
        if arm.run is None:
            continue
        millions, estimate, seeds = arm.run.multiply_adds / 1e6, arm.accuracy[code], arm.by_seed[code]
        axes.plot([millions] * len(seeds), [100 * s for s in seeds], **_SEEDS)
        reach = [[100 * (estimate.value - estimate.low)], [100 * (estimate.high - estimate.value)]]
        axes.errorbar([millions], [100 * estimate.value], yerr=reach, **_MEAN)
        axes.annotate(name, (millions, 100 * estimate.value), (6, -10), textcoords="offset points")
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.set(xlabel="million multiply-adds for one face", ylabel=f"accuracy by {code}, %")
    axes.grid(linewidth=0.3)
