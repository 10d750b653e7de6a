"""A report as one HTML file that needs nothing but itself."""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources import files
from itertools import groupby, repeat, zip_longest

from mien._version import __version__
from mien.report.document import Block, Card, Faces, Heading, Items, Plot, Section, Table, Text

_FOOT = (
    f"Made by mien {__version__}. Nothing on this page is fetched from elsewhere. It may show pictures of people: "
    "share it only as the data may be shared."
)


def page(title: str, lead: Sequence[Block], sections: Sequence[Section]) -> str:
    """The whole page; `lead` stands before the table of contents."""
    style = files(__package__).joinpath("style.css").read_text("utf-8")
    contents = "".join(f'<li><a href="#{_anchor(part)}">{escape(part.title)}</a></li>' for part in sections)
    body = "".join(
        f'<section id="{_anchor(part)}"><h2>{escape(part.title)}</h2>{_blocks(part.blocks)}</section>'
        for part in sections
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{style}</style></head>"
        f"<body><h1>{escape(title)}</h1>{_blocks(lead)}<nav><ul>{contents}</ul></nav>{body}"
        f"<footer>{escape(_FOOT)}</footer></body></html>\n"
    )


def _anchor(section: Section) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in section.title.lower())


def _blocks(blocks: Iterable[Block]) -> str:
    """The blocks; drawings and tables that follow one another stand side by side where there is room."""
    parts = []
    for beside, group in groupby(blocks, lambda block: isinstance(block, Plot | Table)):
        inside = "".join(map(_block, group))
        parts.append(f'<div class="beside">{inside}</div>' if beside else inside)
    return "".join(parts)


def _block(block: Block) -> str:
    match block:
        case Heading(text):
            return f"<h3>{escape(text)}</h3>"
        case Text(text, caution):
            return f'<p class="caution">{escape(text)}</p>' if caution else f"<p>{escape(text)}</p>"
        case Items(lines):
            return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"
        case Table():
            return _table(block)
        case Plot(draw, caption, small=small):
            kind = "small" if small else "plot"
            return (
                f'<figure class="{kind}">{_image(draw(), caption)}<figcaption>{escape(caption)}</figcaption></figure>'
            )
        case Faces(cards):
            pairs = " pairs" if any(len(card.pictures) > 1 for card in cards) else ""
            return f'<div class="faces{pairs}">{"".join(map(_card, cards))}</div>'


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in table.head)
    rows = "".join(map(_row, table.rows, table.shades or repeat(())))
    caption = f"<caption>{escape(table.caption)}</caption>" if table.caption else ""
    return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'


def _row(cells: Sequence[str], shades: Sequence[float]) -> str:
    looks = ["", *(f' style="--shade:{shade:.2f}"' for shade in shades)]
    inside = "".join(f"<td{look}>{_cell(cell)}</td>" for cell, look in zip_longest(cells, looks, fillvalue=""))
    return f"<tr>{inside}</tr>"


def _cell(cell: str) -> str:
    """A figure with its interval under it, where it ends with one in brackets."""
    figure, bracket, rest = cell.partition(" (")
    if bracket and rest.endswith(")") and ("-" in rest or " to " in rest):
        return f'{escape(figure)}<span class="range">{escape(rest[:-1])}</span>'
    return escape(cell)


def _card(card: Card) -> str:
    pictures = "".join(_image(draw(), card.title) for draw in card.pictures)
    details = "".join(f"<br>{escape(line)}" for line in card.details)
    words = f"<figcaption><b>{escape(card.title)}</b>{details}</figcaption>"
    return f'<figure><div class="pictures">{pictures}</div>{words}</figure>'


def _image(picture: bytes, alt: str) -> str:
    kind = "png" if picture.startswith(b"\x89PNG") else "svg+xml"
    return f'<img src="data:image/{kind};base64,{b64encode(picture).decode("ascii")}" alt="{escape(alt)}">'
