"""The two plots of a model card, in black and gray: calibration, and risk by coverage."""

from collections.abc import Mapping
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from mien.model.facts import Certainty
from mien.report.plots import require_matplotlib, svg, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CALIBRATION = "calibration.svg"
RISK = "risk-coverage.svg"

_LINES = (("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"))


def write_plots(certainty: Mapping[str, Certainty], folder: Path) -> tuple[Path, Path]:
    """Draws what `certainty` says into `folder`, which must exist, and returns the two files.

    Args:
        certainty: By answer.
        folder: Where `calibration.svg` and `risk-coverage.svg` go.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    require_matplotlib("the model card's plots", "train")
    paths = folder / CALIBRATION, folder / RISK
    paths[0].write_bytes(svg_figure(partial(_draw_calibration, certainty=certainty), (7.0, 2.4)))
    paths[1].write_bytes(svg(partial(_draw_risk, certainty=certainty), (5.0, 3.2)))
    return paths


def _draw_calibration(figure: "Figure", certainty: Mapping[str, Certainty]) -> None:
    """For each answer, share right against mean probability; on the diagonal both are the same."""
    panels = figure.subplots(1, len(certainty), sharex=True, sharey=True, squeeze=False)[0]
    for axes, (name, found), (marker, _) in zip(panels, certainty.items(), cycle(_LINES), strict=False):
        confidence, right, _ = zip(*found.bins, strict=True)
        axes.plot((0, 1), (0, 1), color="0.6", linewidth=0.8)
        axes.plot(confidence, right, color="0", marker=marker, markersize=3, linewidth=0.8)
        axes.set(title=name, xlim=(0, 1), ylim=(0, 1), aspect="equal")
        axes.text(0.97, 0.06, f"ECE {found.calibration_error:.1%}", ha="right", transform=axes.transAxes)
    panels[0].set_ylabel("share right")
    figure.supxlabel("probability of the answer", fontsize=9)


def _draw_risk(axes: "Axes", certainty: Mapping[str, Certainty]) -> None:
    """For each answer, share of wrong answers against share of faces answered."""
    for (name, found), (marker, dashes) in zip(certainty.items(), cycle(_LINES), strict=False):
        axes.plot(
            found.coverage, found.risk, label=name, color="0", marker=marker, linestyle=dashes, markersize=3.5,
            linewidth=1, markevery=2,
        )  # fmt: skip
    axes.set(xlabel="share of the faces answered, best supported first", ylabel="share of wrong answers")
    axes.set(xlim=(0, 1.02), ylim=(0, None))
    axes.legend(frameon=False, loc="upper left")
