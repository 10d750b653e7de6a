"""Drawings of all reports, as SVG: readable in grayscale and by those who see colors differently.

They take numbers, arrays and estimates, never the results of one command, so that the same thing looks the same in
every report. Nothing is told apart by color alone. Matplotlib is loaded when something is drawn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import MissingExtra
from mien.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, GUIDE, BAND = "#0b3c5d", "#767676", "#9db8cc"
"""Dark, for what is shown; a middle gray, for what it is to be compared with; light, for areas."""

_STYLE: Any = {
    "font.size": 9,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text, which is small and can be searched
    "svg.hashsalt": "mien",  # the same drawing is the same file
}
_LINES = (("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"), ("v", "-"), ("x", "--"))
_PHONE_IN = 4.2  # fits a phone at its own size, so that text stays as large as the page's
_ROW_IN, _EDGES_IN = 0.34, 0.9
_MEAN: Any = {"color": INK, "marker": "s", "markersize": 4, "capsize": 3, "linestyle": "", "label": "mean, 95 %"}
_SEEDS: Any = {
    "color": GUIDE, "marker": "o", "markersize": 3.5, "fillstyle": "none", "linestyle": "", "label": "a seed",
}  # fmt: skip


def require_matplotlib(feature: str = "a report with drawings", extra: str = "evaluate") -> None:
    """Raises `MissingExtra`, which names the `feature` and what to install, if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401, PLC0415 - an optional dependency
    except ImportError as missing:
        raise MissingExtra.for_feature(feature, extra, missing) from missing


def svg(draw: Callable[["Axes"], None], size_in: tuple[float, float]) -> bytes:
    """What `draw` draws into the axes it is given, `size_in` inches wide and high; the same each time."""
    return svg_figure(lambda figure: draw(figure.add_subplot()), size_in)


def svg_figure(draw: Callable[["Figure"], None], size_in: tuple[float, float]) -> bytes:
    """As `svg`, for what has several axes: `draw` is given the figure."""
    from matplotlib import rc_context  # noqa: PLC0415 - an optional dependency
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(_STYLE):
        figure = Figure(figsize=size_in, layout="constrained")
        draw(figure)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def confusion_matrix(counts: NDArray[np.int64], labels: Sequence[str], *, normalized: bool) -> bytes:
    """Images by true class (row) and answer (column), as numbers or as per cent of each true class.

    Args:
        counts: int64 of shape (K, K).
        labels: K class names.
        normalized: Whether per cent are given; cells are shaded by these either way.
    """
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)

    def draw(axes: "Axes") -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(shares.shape):
            share = shares[row, column]
            text = f"{share * 100:.0f}" if normalized else f"{counts[row, column]:.0f}"
            axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else "black")
        axes.set_xticks(range(len(labels)), labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(labels)), labels)
        axes.set(xlabel="answer", ylabel="truth")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return svg(draw, (4.0, 3.6))


@dataclass(frozen=True, slots=True)
class Curve:
    """Estimates over a quantity, both as shares.

    Attributes:
        x: The quantity at each point.
        y: The estimate there, as many.
        note: What is written beside it; may be empty.
    """

    x: Sequence[float]
    y: Sequence[Estimate]
    note: str = ""


def reliability(curves: Mapping[str, Curve]) -> bytes:
    """How often answers of like confidence are right, with 95 % intervals, beside the diagonal; a panel each.

    Args:
        curves: Accuracy over mean confidence, by title of the panel.
    """

    def draw(figure: "Figure") -> None:
        panels = figure.subplots(1, len(curves), sharex=True, sharey=True, squeeze=False)[0]
        for axes, (title, curve) in zip(panels, curves.items(), strict=True):
            axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--", linewidth=1, label="confidence = accuracy")
            _with_intervals(axes, curve.x, curve.y)
            axes.set(title=title, xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
            axes.text(0.97, 0.06, curve.note, ha="right", transform=axes.transAxes)
        panels[0].set_ylabel("accuracy")
        panels[0].legend(frameon=False, loc="upper left")
        figure.supxlabel("mean confidence", fontsize=9)

    return svg_figure(draw, (3.6, 3.4) if len(curves) == 1 else (2.4 * len(curves), 2.9))


def risk_coverage(curves: Mapping[str, Curve]) -> bytes:
    """Share of wrong answers among the most certain images; of a single curve with its 95 % band.

    Args:
        curves: Risk over coverage, by name.
    """

    def draw(axes: "Axes") -> None:
        for (marker, dashes), (name, curve) in zip(_LINES, curves.items(), strict=False):
            style: Any = {"color": INK, "marker": marker, "linestyle": dashes, "markersize": 3.5, "label": name}
            axes.plot(curve.x, [risk.value for risk in curve.y], linewidth=1, markevery=2, **style)
        if len(curves) == 1:
            _band(axes, next(iter(curves.values())))
        greatest = max(risk.high for curve in curves.values() for risk in curve.y)
        axes.set(xlabel="share answered, most certain first", ylabel="share of these wrong", xlim=(0, 1.02))
        axes.set_ylim(0, max(greatest * 1.35, 0.01))
        axes.legend(frameon=False, loc="upper left")

    return svg(draw, (3.8, 3.4) if len(curves) == 1 else (5.0, 3.4))


def _band(axes: "Axes", curve: Curve) -> None:
    low, high = [risk.low for risk in curve.y], [risk.high for risk in curve.y]
    axes.fill_between(curve.x, low, high, color=BAND, linewidth=0, zorder=0, label="95 % interval")
    every = curve.y[int(np.argmax(curve.x))].value
    axes.axhline(every, color=GUIDE, linestyle="--", linewidth=1, label="without regard to confidence")


def accuracy_by_severity(accuracy: Sequence[Estimate], clean: float) -> bytes:
    """Accuracy by severity of one corruption, 1 upwards, beside that on the faces as they are."""
    severities = range(1, len(accuracy) + 1)

    def draw(axes: "Axes") -> None:
        axes.axhline(clean, color=GUIDE, linestyle="--", linewidth=1)
        _with_intervals(axes, severities, accuracy, joined=True)
        axes.set(xlabel="severity", ylabel="accuracy", xticks=severities, ylim=(0, 1.02))

    return svg(draw, (2.4, 2.0))


def grouped_bars(counts: Mapping[str, Mapping[str, int]], xlabel: str) -> bytes:
    """Shares of each group by class, one bar below the other, with the counts at their ends.

    Args:
        counts: By group, then by class; the same classes in each.
        xlabel: What the axis is.
    """
    labels = list(next(iter(counts.values())))
    height = 0.8 / len(counts)
    colors, hatches = (INK, BAND, "white"), ("", "", "////")

    def draw(axes: "Axes") -> None:
        places = np.arange(len(labels))
        for number, (group, of_group) in enumerate(counts.items()):
            total = max(sum(of_group.values()), 1)
            shares = [100 * count / total for count in of_group.values()]
            style: Any = {"color": colors[number % 3], "hatch": hatches[number % 3], "edgecolor": INK}
            lower = places + (number - (len(counts) - 1) / 2) * height
            bars = axes.barh(lower, shares, height, label=group, linewidth=0.6, **style)
            axes.bar_label(bars, [f"{count:,}" for count in of_group.values()], padding=3, fontsize=7)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        axes.margins(x=0.15)
        axes.figure.legend(frameon=False, fontsize=8, loc="outside upper right", ncols=len(counts))

    return svg(draw, (_PHONE_IN, _EDGES_IN + _ROW_IN * len(labels) * max(1.0, 0.55 * len(counts))))


def boxes(groups: Mapping[str, Sequence[float]], xlabel: str, *, apart: int = 0) -> bytes:
    """Five percentiles (5, 25, 50, 75, 95) of each group, one box below the other.

    Args:
        groups: Percentiles by name.
        xlabel: What the axis is.
        apart: How many of the first groups stand apart from the others.
    """
    names = ("whislo", "q1", "med", "q3", "whishi")

    def draw(axes: "Axes") -> None:
        places = [number + (0.5 if number >= apart else 0) for number in range(len(groups))]
        drawn = axes.bxp(
            [dict(zip(names, percentiles, strict=True)) for percentiles in groups.values()],
            positions=places,
            orientation="horizontal",
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 1.8},
        )
        for number, patch in enumerate(drawn["boxes"]):
            patch.set_facecolor("#dddddd" if number < apart else BAND)
        axes.set_yticks(places, list(groups))
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        axes.set_xlim(left=0)

    return svg(draw, (_PHONE_IN, _EDGES_IN + _ROW_IN * len(groups)))


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean share, and the shares that it is the mean of.

    Attributes:
        estimate: The mean with its interval.
        values: What it is the mean of, such as one share for each seed.
        x: Where it stands on an axis of its own; None where means stand one below the other.
    """

    estimate: Estimate
    values: Sequence[float]
    x: float | None = None


def means_by_row(means: Mapping[str, Mean], xlabel: str, *, reference: str = "") -> bytes:
    """Means in per cent one below the other, with a line through that of the `reference`."""

    def draw(axes: "Axes") -> None:
        for place, mean in enumerate(means.values()):
            axes.plot([100 * value for value in mean.values], [place + 0.22] * len(mean.values), **_SEEDS)
            axes.errorbar([100 * mean.estimate.value], [place], xerr=_reach(mean.estimate), **_MEAN)
        if reference in means:
            axes.axvline(100 * means[reference].estimate.value, color=GUIDE, linestyle="--", linewidth=0.8)
        axes.set_yticks(range(len(means)), list(means))
        axes.set_ylim(len(means) - 0.4, -0.6)
        axes.set_xlabel(xlabel)
        axes.grid(axis="x", linewidth=0.3)
        _legend_once(axes)

    return svg(draw, (5.4, 1.3 + 0.42 * max(len(means), 1)))


def means_by_x(means: Mapping[str, Mean], xlabel: str, ylabel: str) -> bytes:
    """Means in per cent over `Mean.x`, on a logarithmic axis, each with its name."""

    def draw(axes: "Axes") -> None:
        for name, mean in means.items():
            if mean.x is None:
                continue
            axes.plot([mean.x] * len(mean.values), [100 * value for value in mean.values], **_SEEDS)
            axes.errorbar([mean.x], [100 * mean.estimate.value], yerr=_reach(mean.estimate), **_MEAN)
            axes.annotate(name, (mean.x, 100 * mean.estimate.value), (6, -10), textcoords="offset points")
        axes.set_xscale("log")
        axes.margins(x=0.15)
        axes.set(xlabel=xlabel, ylabel=ylabel)
        axes.grid(linewidth=0.3)
        _legend_once(axes)

    return svg(draw, (5.4, 3.8))


@dataclass(frozen=True, slots=True)
class Trials:
    """Trials of a search by their number.

    Attributes:
        finished: Numbers and values of those that finished.
        pruned: Likewise of those that were pruned, with their last value.
        failed: Numbers of those without a value.
        last: The greatest number there is.
    """

    finished: Sequence[tuple[int, float]]
    pruned: Sequence[tuple[int, float]]
    failed: Sequence[int]
    last: int


def search_history(trials: Trials, metric: str, *, smaller_is_better: bool) -> bytes:
    """Each trial's value in the order of their numbers, and the best one so far."""
    better: Callable[[float, float], float] = min if smaller_is_better else max

    def draw(axes: "Axes") -> None:
        from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - loaded when something is drawn

        if trials.finished:
            numbers, values = zip(*trials.finished, strict=True)
            best = [*accumulate(values, better)]
            style: Any = {"where": "post", "color": GUIDE, "linestyle": "--", "linewidth": 1}
            axes.step([*numbers, trials.last], [*best, best[-1]], label="best so far", **style)
            axes.plot(numbers, values, "o", color=INK, markersize=4, label="finished")
        if trials.pruned:
            style = {"color": INK, "markerfacecolor": "white", "markersize": 5}
            axes.plot(*zip(*trials.pruned, strict=True), "v", label="pruned, at its last epoch", **style)
        if trials.failed:
            style = {"color": INK, "markersize": 5, "transform": axes.get_xaxis_transform()}
            axes.plot(trials.failed, [0.02] * len(trials.failed), "x", label="failed", **style)
        axes.set(xlabel="trial", ylabel=f"{metric}, {'smaller' if smaller_is_better else 'greater'} is better")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.12)
        if trials.finished or trials.pruned or trials.failed:
            axes.figure.legend(frameon=False, loc="outside upper center", ncols=2)

    return svg(draw, (5.0, 3.4))


def share_bars(shares: Mapping[str, float], xlabel: str) -> bytes:
    """Shares by name, the first on top."""

    def draw(axes: "Axes") -> None:
        bars = axes.barh(list(shares), list(shares.values()), height=0.6, color=GUIDE, edgecolor=INK)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel=xlabel, xlim=(0, None))

    return svg(draw, (5.0, 0.8 + 0.32 * len(shares)))


def _reach(estimate: Estimate) -> list[list[float]]:
    """How far a share's interval reaches below and above it, in per cent."""
    return [[100 * (estimate.value - estimate.low)], [100 * (estimate.high - estimate.value)]]


def _legend_once(axes: "Axes") -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        once = dict(zip(labels, handles, strict=True))
        axes.figure.legend(once.values(), once.keys(), loc="outside upper right", frameon=False, ncols=2)


def _with_intervals(axes: "Axes", x: Sequence[float], y: Sequence[Estimate], *, joined: bool = False) -> None:
    values = np.array([estimate.value for estimate in y])
    # A score interval holds its figure; what is below 0 is rounding.
    below = np.maximum(values - [estimate.low for estimate in y], 0)
    above = np.maximum([estimate.high for estimate in y] - values, 0)
    style: Any = {"color": INK, "marker": "o", "markersize": 3.5, "linewidth": 1, "linestyle": "-" if joined else ""}
    axes.errorbar(x, values, yerr=[below, above], **style)
