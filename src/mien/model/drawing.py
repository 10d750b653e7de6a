"""Draws a network as SVG: one row for each layer from the face down to the heads.

Read in gray as in color, on a phone and on paper: it needs no fonts but those that are there, and no script.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, pairwise
from math import sqrt
from textwrap import wrap

from mien.model.layers import Architecture, Layer, sides

WIDTH = 480
_AXIS, _WIDEST = 190, 150  # the middle of the feature maps, and the width of the face
_TEXT_X = 284
_LANES_X = (44, 90, 100, 110)  # where arrows run past layers, the longest outermost
_SIDE = 76  # width of a box that lies on such an arrow
_ROW, _GAP, _TOP = 36, 10, 74
_HEAD, _HEAD_WIDTH, _HEAD_GAP = 68, 222, 30
_JOIN = 9.0  # radius of the circle where ways come together
_DEEP = 2.4  # px of height for the root of the channels

_STYLE = """
text { font: 12.5px sans-serif; fill: #111 }
.small { font-size: 11px; fill: #444 }
.title { font-size: 17px; font-weight: bold }
.block { font-size: 11px; font-weight: bold; fill: #444; text-anchor: end }
.middle { text-anchor: middle }
.band { fill: #f3f3f3 }
.map { fill: #bcd3ea; stroke: #123; stroke-width: 1.2 }
.pool { fill: #fff; stroke: #123; stroke-width: 1.2; stroke-dasharray: 4 2 }
.face { fill: #888; stroke: #123; stroke-width: 1.2 }
.head { fill: #fbe3b5; stroke: #123; stroke-width: 1.2 }
.join { fill: #fff; stroke: #123; stroke-width: 1.4 }
.way { fill: none; stroke: #123; stroke-width: 1.4 }
.tip { fill: #123 }
"""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is drawn where.

    Attributes:
        layers: All layers.
        rows: The height of the middle of each layer on the axis, by its position; -1 is the face.
        asides: Chains of layers beside the axis, each from after one row to before another.
        heads: Layers that give the model's outputs.
        bottom: Where the heads begin.
    """

    layers: Sequence[Layer]
    rows: dict[int, float]
    asides: tuple[tuple[int, ...], ...]
    heads: tuple[int, ...]
    bottom: float


def svg(architecture: Architecture) -> str:
    """The drawing as text of an SVG file; its feature maps are as wide as the resolution and as high as √channels."""
    plan = _plan(architecture.layers)
    height = plan.bottom + (_HEAD + _HEAD_GAP) * len(_in_rows(plan.heads)) + 50
    drawn = "\n".join(
        (*_bands(plan), *_ways(plan), *_maps(plan, architecture), *_heads(plan, architecture), *_footer(height))
    )
    title = f"{architecture.name}: {_short(architecture.weights)} weights"
    more = f"{_short(architecture.multiply_adds)} multiply-adds for one face"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
        f' role="img" aria-label="{escape(title)}">\n<style>{_STYLE}</style>\n'
        f'<rect width="{WIDTH}" height="{height:g}" fill="#fff"/>\n'
        f"{_text(12, 24, title, 'title')}\n{_text(12, 43, more, 'small')}\n{drawn}\n</svg>\n"
    )


def _plan(layers: Sequence[Layer]) -> _Plan:
    heads = tuple(at for at, layer in enumerate(layers) if layer.output)
    axis = _longest_way(layers, heads)
    rows, y, block = {-1: float(_TOP)}, _TOP + _ROW / 2, ""
    for at in axis:
        y += _GAP if layers[at].block != block else 0
        block = layers[at].block
        rows[at] = y + _row_height(layers[at]) / 2
        y += _row_height(layers[at])
    return _Plan(layers, rows, tuple(_asides(layers, rows, heads)), heads, y)


def _longest_way(layers: Sequence[Layer], heads: Sequence[int]) -> list[int]:
    """The longest chain of layers from the face to where the heads branch off, first layer first."""
    length, before = {-1: 0}, {}
    for at, layer in enumerate(layers):
        before[at] = max(layer.inputs, key=lambda source: length[source])
        length[at] = length[before[at]] + 1
    at = max((before[head] for head in heads), key=lambda source: length[source])
    way = []
    while at != -1:
        way.append(at)
        at = before[at]
    return way[::-1]


def _asides(layers: Sequence[Layer], rows: dict[int, float], heads: Sequence[int]) -> Iterator[tuple[int, ...]]:
    chains: list[list[int]] = []
    for at, layer in enumerate(layers):
        if at in rows or at in heads:
            continue
        chain = next((chain for chain in chains if chain[-1] in layer.inputs), None)
        if chain is None:
            chains.append([at])
        else:
            chain.append(at)
    yield from map(tuple, chains)


def _bands(plan: _Plan) -> Iterator[str]:
    """A stripe behind each block, with its name."""
    axis = [at for at in plan.rows if at >= 0]
    for block, inside in groupby(axis, key=lambda at: plan.layers[at].block):
        rows = list(inside)
        top = plan.rows[rows[0]] - _row_height(plan.layers[rows[0]]) / 2 + 1
        end = plan.rows[rows[-1]] + _row_height(plan.layers[rows[-1]]) / 2 - 1
        if block:
            yield f'<rect class="band" x="4" y="{top:g}" width="{WIDTH - 8}" height="{end - top:g}" rx="4"/>'
            yield _text(WIDTH - 10, top + 13, block, "block")


def _ways(plan: _Plan) -> Iterator[str]:
    """Arrows: down the axis, and past layers from where a chain or a shortcut begins to where it joins."""
    order = list(plan.rows)
    for before, after in pairwise(order):
        yield _arrow(((_AXIS, plan.rows[before]), (_AXIS, plan.rows[after] - _half(plan, after))))
    spans = list(_spans(plan, order))
    for start, end, chain in spans:
        outside = [s for s in spans if (s[0], s[1]) != (start, end) and s[0] <= start and end <= s[1]]
        x = _LANES_X[min(len(outside), len(_LANES_X) - 1)]
        y0 = plan.rows[start] + _half(plan, start) + 4
        y1 = plan.rows[end]
        yield _arrow(((_AXIS, y0), (x, y0), (x, y1), (_AXIS - _JOIN, y1)))
        for place, at in enumerate(chain):
            yield from _aside(plan.layers[at], x, y0 + (y1 - y0) * (place + 0.75) / (len(chain) + 0.5))


def _spans(plan: _Plan, order: Sequence[int]) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Where each way beside the axis begins and ends, and what lies on it."""
    for chain in plan.asides:
        joins = [at for at in order if at >= 0 and chain[-1] in plan.layers[at].inputs]
        for end in joins:
            yield max(s for s in plan.layers[chain[0]].inputs if s in plan.rows), end, chain
    for position, at in enumerate(order[1:]):
        for source in plan.layers[at].inputs:
            if source in plan.rows and source != order[position]:
                yield source, at, ()


def _aside(layer: Layer, x: float, y: float) -> Iterator[str]:
    kind = "map" if layer.weights else "pool"
    yield f'<rect class="{kind}" x="{x - _SIDE / 2:g}" y="{y - 9:g}" width="{_SIDE}" height="18" rx="2"/>'
    yield _text(x, y + 4, layer.operation, "small middle")


def _maps(plan: _Plan, architecture: Architecture) -> Iterator[str]:
    """What each layer gives, with its words beside it."""
    yield _box("face", plan.rows[-1], architecture.input_shape, architecture.input_shape)
    yield from _words(plan.rows[-1], "one gray face" if architecture.input_shape[0] == 1 else "one face", architecture)
    for at, y in plan.rows.items():
        if at < 0:
            continue
        layer = plan.layers[at]
        if _joins(layer):
            yield f'<circle class="join" cx="{_AXIS}" cy="{y:g}" r="{_JOIN:g}"/>'
            sign = {"add": "+", "multiply": "×"}.get(layer.operation, "·")
            yield _text(_AXIS, y + 4.5, sign, "middle")
        else:
            kind = "map" if layer.weights else "pool"
            yield _box(kind, y, layer.shape, architecture.input_shape)
        yield from _words(y, layer.text, layer)


def _words(y: float, first: str, what: Layer | Architecture) -> Iterator[str]:
    yield _text(_TEXT_X, y - 2, first)
    if isinstance(what, Architecture):
        yield _text(_TEXT_X, y + 12, sides(what.input_shape), "small")
    else:
        weights = f", {_short(what.weights)} weights" if what.weights else ""
        yield _text(_TEXT_X, y + 12, f"{sides(what.shape)}{weights}", "small")


def _box(kind: str, y: float, shape: tuple[int, ...], face: tuple[int, ...]) -> str:
    width = max(8.0, _WIDEST * _resolution(shape) / _resolution(face))
    height = _depth(shape)
    return (
        f'<rect class="{kind}" x="{_AXIS - width / 2:g}" y="{y - height / 2:g}" '
        f'width="{width:g}" height="{height:g}" rx="1.5"/>'
    )


def _heads(plan: _Plan, architecture: Architecture) -> Iterator[str]:
    """The heads with their classes, two in a row."""
    source = max(plan.rows)
    begin = plan.rows[source] + _half(plan, source)
    for line, pair in enumerate(_in_rows(plan.heads)):
        top = plan.bottom + _HEAD_GAP + line * (_HEAD + _HEAD_GAP)
        for place, at in enumerate(pair):
            layer = plan.layers[at]
            middle = WIDTH / 2 if len(pair) == 1 else WIDTH * (0.25 + 0.5 * place)
            yield _arrow(((_AXIS, begin), (_AXIS, top - 14), (middle, top - 14), (middle, top)))
            left = middle - _HEAD_WIDTH / 2
            yield f'<rect class="head" x="{left:g}" y="{top:g}" width="{_HEAD_WIDTH}" height="{_HEAD}" rx="4"/>'
            yield _text(middle, top + 17, f"{layer.block or layer.output}: {sides(layer.shape)} classes", "middle")
            words = [f"{layer.text}, {_short(layer.weights)} weights", *_classes(layer, architecture)]
            for number, text in enumerate(words):
                yield _text(middle, top + 32 + 14 * number, text, "small middle")


def _classes(layer: Layer, architecture: Architecture) -> list[str]:
    """The classes of a head, in two lines at most."""
    labels = architecture.heads.get(layer.output.removesuffix("_logits"), ())
    return wrap(", ".join(labels), 40)[:2]


def _footer(height: float) -> Iterator[str]:
    yield _text(12, height - 22, "Width of a box: resolution of what the layer gives; its height: √channels.", "small")
    yield _text(12, height - 8, "Solid: has weights; dashed: has none. /2 halves the resolution.", "small")


def _arrow(points: Sequence[tuple[float, float]]) -> str:
    """A line along `points` with a tip at its end."""
    (x0, _), (x, y) = points[-2:]
    line = " ".join(f"{a:g},{b:g}" for a, b in points)
    tip = ((x, y), (x - 4, y - 7), (x + 4, y - 7)) if x == x0 else ((x, y), (x - 7, y - 4), (x - 7, y + 4))
    corners = " ".join(f"{a:g},{b:g}" for a, b in tip)
    return f'<polyline class="way" points="{line}"/><polygon class="tip" points="{corners}"/>'


def _half(plan: _Plan, at: int) -> float:
    """Half the height of what is drawn in a row of the axis."""
    if at < 0:
        return _depth((1,)) / 2
    return _JOIN if _joins(plan.layers[at]) else _depth(plan.layers[at].shape) / 2


def _row_height(layer: Layer) -> float:
    return max(_ROW, 2 * _JOIN if _joins(layer) else _depth(layer.shape) + 12)


def _joins(layer: Layer) -> bool:
    return len(layer.inputs) > 1


def _depth(shape: tuple[int, ...]) -> float:
    return max(5.0, _DEEP * sqrt(shape[0]))


def _resolution(shape: tuple[int, ...]) -> int:
    return shape[-1] if len(shape) > 1 else 1


def _in_rows(heads: Sequence[int]) -> list[Sequence[int]]:
    return [heads[start : start + 2] for start in range(0, len(heads), 2)]


def _short(number: int) -> str:
    """A count in thousands or millions: `41.6 k`."""
    if number >= 1_000_000:
        return f"{number / 1_000_000:.3g} M" if number < 1e9 else f"{number / 1e9:.3g} G"
    return f"{number / 1000:.3g} k" if number >= 1000 else str(number)


def _text(x: float, y: float, words: str, kind: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}"{f" class={kind!r}" if kind else ""}>{escape(words)}</text>'
