"""The plots of an audit as SVG, sized for a phone."""

from typing import TYPE_CHECKING

import numpy as np

from mien.audit.class_balance import Composition, Light
from mien.report.plots import BAND, INK, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_WIDTH_IN = 4.2  # fits a phone at its own size, so that text stays as large as the page's
_ROW_IN = 0.34
_EDGES_IN = 0.9
_COLORS = (INK, BAND, "white")
_HATCHES = ("", "", "////")


def balance_plot(composition: Composition) -> bytes:
    """Each class's share of each split."""
    splits, labels = composition.counts, composition.labels
    height = 0.8 / len(splits)

    def draw(axes: "Axes") -> None:
        places = np.arange(len(labels))
        for number, (split, counts) in enumerate(splits.items()):
            total = sum(counts.values())
            shares = [100 * count / total for count in counts.values()]
            bars = axes.barh(
                places + (number - (len(splits) - 1) / 2) * height,
                shares,
                height,
                label=split,
                color=_COLORS[number],
                edgecolor=INK,
                linewidth=0.6,
                hatch=_HATCHES[number],
            )
            axes.bar_label(bars, [f"{count:,}" for count in counts.values()], padding=3, fontsize=7)
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.set_xlabel("share of the split, %; number of faces at the bar")
        axes.margins(x=0.15)
        axes.legend(frameon=False, fontsize=8, loc="lower right")

    return svg(draw, _size_in(len(labels) * max(1.0, 0.55 * len(splits))))


def light_plot(composition: Composition, measure: str) -> bytes:
    """One measure of light by split and class.

    Args:
        composition: What was measured.
        measure: `brightness`, `contrast` or `sharpness`.
    """
    groups = [*composition.light_by_split, *composition.light_by_label]
    splits = len(composition.light_by_split)

    def draw(axes: "Axes") -> None:
        places = [number + (0.5 if number >= splits else 0) for number in range(len(groups))]
        boxes = [_box(group, measure) for group in groups]
        drawn = axes.bxp(
            boxes,
            positions=places,
            orientation="horizontal",
            widths=0.6,
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK, "linewidth": 1.8},
        )
        for number, patch in enumerate(drawn["boxes"]):
            patch.set_facecolor("#dddddd" if number < splits else BAND)
        axes.set_yticks(places, [group.group for group in groups])
        axes.invert_yaxis()
        axes.set_xlabel(f"{measure}, gray levels")
        axes.set_xlim(left=0)

    return svg(draw, _size_in(len(groups)))


def _size_in(rows: float) -> tuple[float, float]:
    return _WIDTH_IN, _EDGES_IN + _ROW_IN * rows


def _box(group: Light, measure: str) -> dict[str, float]:
    low, first, median, third, high = getattr(group, measure)
    return {"whislo": low, "q1": first, "med": median, "q3": third, "whishi": high}
