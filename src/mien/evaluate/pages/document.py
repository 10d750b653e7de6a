"""What a report is made of, whatever form it is written in."""

from collections.abc import Callable
from dataclasses import dataclass

from mien.evaluate.analysis.gallery import Shown


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells under a head; all but the first column are figures.

    Attributes:
        head: Names of the columns.
        rows: Cells of each row, as many as `head` has.
        caption: What the table shows; may be empty.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing.

    Attributes:
        draw: Makes it, as SVG.
        caption: What it shows.
        small: Whether it may be drawn small.
    """

    draw: Callable[[], bytes]
    caption: str
    small: bool = False


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces with their answers.

    Attributes:
        caption: Which faces.
        shown: The faces.
    """

    caption: str
    shown: tuple[Shown, ...]


Block = Text | Table | Plot | Faces


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report under its own heading."""

    title: str
    blocks: tuple[Block, ...]
