"""The report as one HTML file that needs nothing but itself."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from io import BytesIO
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.analysis.gallery import Shown
from mien.evaluate.pages import plots
from mien.evaluate.pages.document import Block, Faces, Plot, Section, Table

_STYLE = """
:root { color-scheme: light; --line: #d0d0d0; --quiet: #555; }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 66rem; font: 1rem/1.5 system-ui, sans-serif; }
body { color: #111; background: #fff; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0.5rem 0; }
h2 { font-size: 1.25rem; margin: 2.5rem 0 0.5rem; padding-top: 0.5rem; border-top: 2px solid #111; }
h3 { font-size: 1rem; margin: 1.2rem 0 0.4rem; }
p { max-width: 42rem; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
a { color: #0b3c5d; }
.caution { border-left: 0.4rem solid #111; padding: 0.5rem 0.8rem; background: #f2f2f2; }
.beside { display: flex; flex-wrap: wrap; align-items: flex-start; gap: 1rem 2.5rem; margin: 1rem 0; }
.wide { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: 0.875rem; line-height: 1.35; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 0.3rem 0; max-width: calc(100vw - 2rem); }
th, td { padding: 0.3rem 0 0.3rem 1rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
td { white-space: nowrap; }
thead th { border-bottom: 1px solid #111; vertical-align: bottom; }
.range { display: block; color: var(--quiet); font-size: 0.75rem; }
figure { margin: 0; break-inside: avoid; }
figcaption { font-size: 0.8rem; line-height: 1.35; }
.plot { width: 24rem; max-width: 100%; }
.plot img, .small img { width: 100%; height: auto; }
.small { width: 11rem; max-width: calc(50% - 1.25rem); }
.faces { display: grid; grid-template-columns: repeat(auto-fill, minmax(9.5rem, 1fr)); gap: 0.8rem; }
.pair { display: flex; gap: 2px; }
.pair img { width: 50%; max-width: 6rem; image-rendering: pixelated; }
.quiet { color: var(--quiet); }
@media (max-width: 30rem) { th, td { padding-left: 0.6rem; } }
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .wide { overflow: visible; }
  h2, h3 { break-after: avoid; }
  tr { break-inside: avoid; }
  table { font-size: 8pt; }
  .plot { width: 8cm; }
  .small { width: 4cm; }
}
"""


def page(title: str, caution: str | None, sections: Sequence[Section]) -> str:
    """The whole page."""
    contents = "".join(f'<li><a href="#{_anchor(part)}">{escape(part.title)}</a></li>' for part in sections)
    warning = f'<p class="caution"><strong>{escape(caution)}</strong></p>' if caution else ""
    body = "".join(
        f'<section id="{_anchor(part)}"><h2>{escape(part.title)}</h2>{_blocks(part.blocks)}</section>'
        for part in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{escape(title)}</h1>{warning}<nav><ul>{contents}</ul></nav>{body}</body></html>\n"
    )


def _anchor(section: Section) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in section.title.lower())


def _blocks(blocks: Sequence[Block]) -> str:
    """The blocks; drawings that follow one another stand side by side where there is room, and so do tables."""
    parts = []
    for kind, group in groupby(blocks, type):
        inside = "".join(map(_block, group))
        parts.append(f'<div class="beside">{inside}</div>' if kind in (Plot, Table) else inside)
    return "".join(parts)


def _block(block: Block) -> str:
    if isinstance(block, Plot):
        return _plot(block)
    if isinstance(block, Table):
        return _table(block)
    if isinstance(block, Faces):
        return _faces(block)
    return f"<p>{escape(block.text)}</p>"


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "".join(f"<tr>{''.join(f'<td>{_cell(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _cell(cell: str) -> str:
    """A figure with its interval under it, where it ends with one in brackets."""
    figure, bracket, rest = cell.partition(" (")
    if bracket and rest.endswith(")") and ("-" in rest or " to " in rest):
        return f'{escape(figure)}<span class="range">{escape(rest[:-1])}</span>'
    return escape(cell)


def _plot(plot: Plot) -> str:
    data = b64encode(plot.draw()).decode("ascii")
    kind = "small" if plot.small else "plot"
    drawing = f'<img src="data:image/svg+xml;base64,{data}" alt="{escape(plot.caption)}">'
    return f'<figure class="{kind}">{drawing}<figcaption>{escape(plot.caption)}</figcaption></figure>'


def _faces(faces: Faces) -> str:
    cards = "".join(_card(shown) for shown in faces.shown)
    return f'<h3>{escape(faces.caption)}</h3><div class="faces">{cards}</div>'


def _card(shown: Shown) -> str:
    pictures = _picture(shown.pixels, f"face of row {shown.row}")
    fall = ""
    if shown.occlusion is not None:
        pictures += _picture(plots.heat(shown.occlusion), "what its answer rests on")
        fall = f"; falls by {max(shown.occlusion.max(), 0) * 100:.0f}"
    if shown.answer == shown.truth:
        words = f"<b>{escape(shown.answer)}</b> {shown.confidence * 100:.0f} %"
    else:
        words = (
            f"<b>{escape(shown.answer)}</b> {shown.confidence * 100:.0f} %, "
            f"truth <b>{escape(shown.truth)}</b> {shown.truth_probability * 100:.0f} %"
        )
    return (
        f'<figure><div class="pair">{pictures}</div><figcaption>{words}<br>'
        f'<span class="quiet">row {shown.row}{fall}</span></figcaption></figure>'
    )


def _picture(pixels: NDArray[np.uint8], alt: str) -> str:
    file = BytesIO()
    Image.fromarray(pixels).save(file, format="PNG", optimize=True)
    data = b64encode(file.getvalue()).decode("ascii")
    return f'<img src="data:image/png;base64,{data}" alt="{escape(alt)}">'
