"""Plots as SVG, sized for a phone and legible without colour."""

from base64 import b64encode
from collections.abc import Callable
from io import BytesIO

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mien.data.audit.composition import Composition, Light

_WIDTH_IN = 4.2  # fits a phone at its own size, so that text stays as large as the page's
_ROW_IN = 0.34
_EDGES_IN = 0.9
# From the palette of Okabe and Ito, told apart by the colour-blind; their lightness differs, too.
_COLOURS = ("#0072B2", "#E69F00", "#FFFFFF")
_HATCHES = ("", "", "////")
_INK = "#222222"


def balance_plot(composition: Composition) -> str:
    """Each class's share of each split, as the data URI of an SVG."""
    splits, labels = composition.counts, composition.labels
    height = 0.8 / len(splits)

    def draw(axes: Axes) -> None:
        places = np.arange(len(labels))
        for number, (split, counts) in enumerate(splits.items()):
            total = sum(counts.values())
            shares = [100 * count / total for count in counts.values()]
            bars = axes.barh(
                places + (number - (len(splits) - 1) / 2) * height,
                shares,
                height,
                label=split,
                color=_COLOURS[number],
                edgecolor=_INK,
                linewidth=0.6,
                hatch=_HATCHES[number],
            )
            axes.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3, fontsize=7)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set_xlabel("share of the split, %; number of faces at the bar")
        axes.margins(x=0.15)
        axes.legend(frameon=False, fontsize=8, loc="lower right")

    return _svg_uri(draw, rows=len(labels) * max(1.0, 0.55 * len(splits)))


def light_plot(composition: Composition, measure: str) -> str:
    """One measure of light by split and class, as the data URI of an SVG.

    Args:
        composition: What was measured.
        measure: `brightness`, `contrast` or `sharpness`.
    """
    groups = [*composition.light_by_split, *composition.light_by_label]
    splits = len(composition.light_by_split)

    def draw(axes: Axes) -> None:
        places = [number + (0.5 if number >= splits else 0) for number in range(len(groups))]
        boxes = [_box(group, measure) for group in groups]
        drawn = axes.bxp(
            boxes,
            positions=places,
            orientation="horizontal",
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": _INK, "linewidth": 1.8},
        )
        for number, patch in enumerate(drawn["boxes"]):
            patch.set_facecolor("#BBBBBB" if number < splits else "#CFE3F0")
        axes.set_yticks(places, [group.group for group in groups])
        axes.invert_yaxis()
        axes.set_xlabel(f"{measure}, grey levels")
        axes.set_xlim(left=0)

    return _svg_uri(draw, rows=len(groups))


def _box(group: Light, measure: str) -> dict[str, float]:
    low, first, median, third, high = getattr(group, measure)
    return {"whislo": low, "q1": first, "med": median, "q3": third, "whishi": high}


def _svg_uri(draw: Callable[[Axes], None], rows: float) -> str:
    # A literal, since matplotlib's type of it names every key.
    with rc_context(
        {
            "svg.fonttype": "none",  # text stays text
            "svg.hashsalt": "mien",  # the same plot is the same file
            "font.family": "sans-serif",
            "font.size": 9,
            "hatch.linewidth": 0.6,
            "axes.spines.top": False,
            "axes.spines.right": False,
        }
    ):
        figure = Figure(figsize=(_WIDTH_IN, _EDGES_IN + _ROW_IN * rows), layout="constrained")
        draw(figure.subplots())
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None}, transparent=True)
    return "data:image/svg+xml;base64," + b64encode(file.getvalue()).decode()
