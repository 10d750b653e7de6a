"""What a report is made of, whatever form it is written in."""

from collections.abc import Callable
from dataclasses import dataclass

Draw = Callable[[], bytes]
"""Makes a picture, as PNG or SVG, when it is needed."""


@dataclass(frozen=True, slots=True)
class Heading:
    """The title of what follows within a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph.

    Attributes:
        text: Its words.
        caution: Whether nobody may overlook it.
    """

    text: str
    caution: bool = False


@dataclass(frozen=True, slots=True)
class Items:
    """Sentences in a list."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a head; all but the first column are figures.

    Attributes:
        head: Names of the columns.
        rows: Cells of each row, as many as `head` has. A figure may have its interval in brackets after it.
        caption: What the table shows; may be empty.
        shades: How dark each cell is, 0 to 1, by row, the first column aside; empty where none is.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""
    shades: tuple[tuple[float, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing.

    Attributes:
        draw: Makes it.
        caption: What it shows.
        small: Whether it may be drawn small.
        numbers: The same in numbers, for forms of the report that have no drawings; None where other tables tell it.
        file: Name of the file beside the report that holds the drawing, for forms that point to files; None where there
            is none.
    """

    draw: Draw
    caption: str
    small: bool = False
    numbers: Table | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True)
class Card:
    """One face, or a few that belong together.

    Attributes:
        pictures: Make the pictures, side by side.
        title: What it is called.
        details: What else is to be said, line by line.
    """

    pictures: tuple[Draw, ...]
    title: str
    details: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces side by side."""

    cards: tuple[Card, ...]


Block = Heading | Text | Items | Table | Plot | Faces


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report under its own heading."""

    title: str
    blocks: tuple[Block, ...]
