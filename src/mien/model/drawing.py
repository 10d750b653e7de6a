"""Draws the layers of a model as SVG, one row for each, from the face down to the heads."""

from itertools import accumulate, groupby
from math import sqrt
from textwrap import wrap
from typing import TYPE_CHECKING

from mien.model.layers import Layer, sides, total_multiply_adds, total_weights
from mien.model.metadata import ModelMetadata
from mien.report.plots import BAND, GUIDE, INK, require_matplotlib, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROW_IN, _WIDTH_IN = 0.36, 4.8
_WIDEST, _LANE = 3.0, 0.28  # in units of the axis across, of which there are ten
_AXIS_X, _TEXT_X = 3.1, 4.9
_HEAD_ROWS = 1.7  # a head has its labels below
_SIGNS = {"add": "+", "multiply": "×"}


def architecture_svg(model: ModelMetadata) -> bytes:
    """The drawing: feature maps are as wide as their resolution and as high as the root of their channels.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    require_matplotlib("a drawing of a model")
    height = _rows(model.layers)[-1] + 3
    return svg_figure(lambda figure: _draw(figure.add_subplot(), model), (_WIDTH_IN, height * _ROW_IN))


def _draw(axes: "Axes", model: ModelMetadata) -> None:
    layers, face = model.layers, model.input.input_shape
    axes.set_axis_off()
    ys = _rows(layers)
    axes.set(xlim=(0, 10), ylim=(ys[-1] + 1.6, -1.4))
    title = f"{model.name}: {short(total_weights(layers))} weights"
    axes.text(0, -1.1, title, fontsize=12, fontweight="bold")
    axes.text(0, -0.7, f"{short(total_multiply_adds(layers))} multiply-adds for one face", fontsize=8, color=GUIDE)
    for block, inside in groupby(range(len(layers)), key=lambda at: layers[at].block):
        first, *_, last = [*inside] * 2
        if block:
            axes.axhspan(ys[first] - 0.47, ys[last + 1] - 0.53, color="#f3f3f3", zorder=0)
            axes.text(10, ys[first] - 0.28, block, fontsize=7, color=GUIDE, ha="right", va="center")
    deepest = max(layer.shape[0] for layer in layers)
    _box(axes, 0, _width(face, face), 0.3, filled=False)
    _words(axes, 0, ("one gray face" if face[0] == 1 else "one face in color", sides(face)))
    for layer, y in zip(layers, ys, strict=False):
        if len(layer.inputs) > 1:
            axes.text(_AXIS_X, y, _SIGNS.get(layer.operation, "·"), ha="center", va="center",
                bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": INK})  # fmt: skip
        else:
            height = max(0.1, 0.7 * sqrt(layer.shape[0] / deepest))
            _box(axes, y, _width(layer.shape, face), height, filled=bool(layer.weights))
        _words(axes, y, _description(layer, model))
    _arrows(axes, layers, ys)
    axes.text(0, ys[-1] + 0.5, "Filled: has weights; dashed: has none. /2 halves the resolution.", fontsize=7.5)


def _rows(layers: tuple[Layer, ...]) -> list[float]:
    """The height of each layer on the axis down, and of the end; the face is at 0."""
    return [*accumulate((_HEAD_ROWS if layer.output else 1.0 for layer in layers), initial=1.0)]


def _arrows(axes: "Axes", layers: tuple[Layer, ...], ys: list[float]) -> None:
    """Down from each row to the next that reads it, and past rows in between on the left, each in a free lane."""
    ends_of_lanes: list[float] = []
    head = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0, "linewidth": 1}
    for at, layer in enumerate(layers):
        for source in layer.inputs:
            start, end = ys[source] if source >= 0 else 0.0, ys[at]
            if source == at - 1:
                axes.annotate("", (_AXIS_X, end - 0.36), (_AXIS_X, start + 0.36), arrowprops=head)
                continue
            lane = next((lane for lane, busy in enumerate(ends_of_lanes) if busy <= start), len(ends_of_lanes))
            ends_of_lanes[lane : lane + 1] = [end]
            x, y0, y1 = _AXIS_X - _WIDEST / 2 - _LANE * (lane + 1), start + 0.42, end - 0.1
            axes.plot([_AXIS_X, x, x], [y0, y0, y1], color=INK, linewidth=1)
            axes.annotate("", (_AXIS_X - 0.3, y1), (x, y1), arrowprops=head)


def _box(axes: "Axes", y: float, width: float, height: float, *, filled: bool) -> None:
    style = {"facecolor": BAND} if filled else {"facecolor": "white", "linestyle": (0, (4, 2))}
    axes.barh(y, width, height, left=_AXIS_X - width / 2, edgecolor=INK, linewidth=1, zorder=2, **style)


def _words(axes: "Axes", y: float, lines: tuple[str, ...]) -> None:
    axes.text(_TEXT_X, y - 0.04, lines[0], fontsize=8.5, va="bottom" if len(lines) > 1 else "center")
    axes.text(_TEXT_X, y + 0.02, "\n".join(lines[1:]), fontsize=7, color=GUIDE, va="top")


def _description(layer: Layer, model: ModelMetadata) -> tuple[str, ...]:
    weights = f", {short(layer.weights)} weights" if layer.weights else ""
    labels = model.heads.get(layer.output.removesuffix("_logits"), ())
    return (layer.text, f"{sides(layer.shape)}{weights}", *wrap(", ".join(labels), 38)[:2])


def _width(shape: tuple[int, ...], face: tuple[int, ...]) -> float:
    return max(0.15, _WIDEST * (shape[-1] if len(shape) > 1 else 1) / face[-1])


def short(number: int) -> str:
    """A count in thousands, millions or thousands of millions: `41.6 k`."""
    for factor, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= factor:
            return f"{number / factor:.3g} {unit}"
    return str(number)
