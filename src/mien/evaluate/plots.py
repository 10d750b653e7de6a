"""The report's drawings."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mien.evaluate.analysis.robustness import Robustness, Worsened
from mien.evaluate.analysis.selective import ReliabilityBin, RiskCoverage
from mien.evaluate.metrics import Metrics
from mien.report.pictures import png
from mien.report.plots import BAND, GUIDE, INK, svg
from mien.stats import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def confusion(metrics: Metrics, *, normalized: bool) -> bytes:
    """The confusion matrix, as numbers of images or as per cent of each true class."""
    counts = np.array([[cell.value for cell in row] for row in metrics.confusion])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    size = len(metrics.labels)

    def draw(axes: "Axes") -> None:
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row in range(size):
            for column in range(size):
                share = shares[row, column]
                text = f"{share * 100:.0f}" if normalized else f"{counts[row, column]:.0f}"
                axes.text(column, row, text, ha="center", va="center", color="white" if share > 0.5 else "black")
        axes.set_xticks(range(size), metrics.labels, rotation=40, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(size), metrics.labels)
        axes.set(xlabel="answer", ylabel="truth")
        axes.spines[:].set_visible(False)
        axes.tick_params(length=0)

    return svg(draw, (4.0, 3.6))


def reliability(bins: Sequence[ReliabilityBin]) -> bytes:
    """How often answers of like confidence are right, with 95 % intervals, beside the diagonal."""

    def draw(axes: "Axes") -> None:
        axes.plot([0, 1], [0, 1], color=GUIDE, linestyle="--", linewidth=1, label="confidence = accuracy")
        _points(axes, [each.confidence for each in bins], [each.accuracy for each in bins])
        axes.set(xlabel="mean confidence", ylabel="accuracy", xlim=(0, 1.02), ylim=(0, 1.02), aspect="equal")
        axes.legend(frameon=False, loc="upper left")

    return svg(draw, (3.6, 3.4))


def risk_coverage(curve: RiskCoverage) -> bytes:
    """Share of wrong answers among the most certain images, with its 95 % band."""

    def draw(axes: "Axes") -> None:
        coverage = [point.coverage for point in curve.points]
        risks = [point.risk for point in curve.points]
        axes.fill_between(coverage, [r.low for r in risks], [r.high for r in risks], color=BAND, label="95 % interval")
        axes.plot(coverage, [r.value for r in risks], color=INK, marker="o", markersize=3)
        axes.axhline(risks[0].value, color=GUIDE, linestyle="--", linewidth=1, label="without regard to confidence")
        axes.set(xlabel="share answered, most certain first", ylabel="share of these wrong", xlim=(0, 1.02))
        axes.set_ylim(0, max(max(r.high for r in risks) * 1.35, 0.01))
        axes.legend(frameon=False, loc="upper left")

    return svg(draw, (3.8, 3.4))


def worsened(row: Worsened, whole: Robustness) -> bytes:
    """Accuracy by severity of one corruption, beside that on the faces as they are."""

    def draw(axes: "Axes") -> None:
        axes.axhline(whole.clean.value, color=GUIDE, linestyle="--", linewidth=1)
        _points(axes, range(1, len(row.accuracy) + 1), row.accuracy, joined=True)
        axes.set(xlabel="severity", ylabel="accuracy", xticks=range(1, len(row.accuracy) + 1), ylim=(0, 1.02))

    return svg(draw, (2.4, 2.0))


def heat(values: NDArray[np.float64]) -> bytes:
    """Values of shape (H, W) as PNG, in colors that grow lighter from 0 to the greatest; below 0 counts as 0."""
    from matplotlib import colormaps  # noqa: PLC0415 - an optional dependency

    scaled = np.clip(values, 0, None) / max(float(values.max()), 1e-9)
    colors: NDArray[np.uint8] = colormaps["cividis"](scaled, bytes=True)[..., :3]
    return png(colors)


def _points(axes: "Axes", x: Sequence[float], estimates: Sequence[Estimate], *, joined: bool = False) -> None:
    values = np.array([estimate.value for estimate in estimates])
    # A score interval holds its figure; what is below 0 is rounding.
    below = np.maximum(values - [estimate.low for estimate in estimates], 0)
    above = np.maximum([estimate.high for estimate in estimates] - values, 0)
    axes.errorbar(
        x,
        values,
        yerr=[below, above],
        color=INK,
        marker="o",
        markersize=3.5,
        linewidth=1,
        linestyle="-" if joined else "",
    )
