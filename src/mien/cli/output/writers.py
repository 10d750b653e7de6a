"""How `mien recognize` writes its answer: one small class per format.

Every picture appears in every format: one without a face, and one that could not be read, too.
"""

import csv
import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, TextIO

from mien.expressions import ExpressionSet
from mien.results import Face


class Format(StrEnum):
    """A form of output."""

    TABLE = "table"
    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one picture: its size and its faces, or the error that stopped it.

    Attributes:
        picture: The path as found, or "-" for standard input.
        width: Pixels of the upright picture; 0 if it could not be read.
        height: Pixels of the upright picture; 0 if it could not be read.
        faces: The faces, left to right.
        error: Why the picture could not be read, or None.
        copy_error: Why its annotated copy could not be written, or None; not part of any format.
    """

    picture: str
    width: int = 0
    height: int = 0
    faces: tuple[Face, ...] = ()
    error: str | None = None
    copy_error: str | None = None


class Writer(Protocol):
    """Takes outcomes one by one; what cannot be written at once is written on closing."""

    def write(self, outcome: Outcome) -> None:
        """Takes what came of one picture."""

    def close(self) -> None:
        """Writes what is left."""


class _Streaming:
    """A writer that has nothing left to write at the end."""

    def close(self) -> None:
        """Does nothing: all is written."""


class JsonLines(_Streaming):
    """One JSON object per picture: `picture`, `width`, `height` and `faces`, or `picture` and `error`."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, outcome: Outcome) -> None:
        """Writes one line and flushes it."""
        record: dict[str, Any] = {"picture": outcome.picture}
        if outcome.error is None:
            faces = [face.to_dict() for face in outcome.faces]
            record |= {"width": outcome.width, "height": outcome.height, "faces": faces}
        else:
            record["error"] = outcome.error
        self._stream.write(json.dumps(record) + "\n")
        self._stream.flush()


class Csv(_Streaming):
    """A head and one row per face, faces counted from 1.

    A picture without a face has one row with no face's number; one that could not be read has its error in the last
    column. Landmarks are left to JSON Lines.
    """

    def __init__(self, stream: TextIO, expressions: ExpressionSet) -> None:
        edges = ("left", "top", "right", "bottom")
        columns = ("picture", "width", "height", "face", *edges, "detection_score", "small")
        answer = ("expression", "confidence", "uncertain", *expressions.labels, "error")
        self._stream = stream
        self._rows = csv.DictWriter(stream, (*columns, *answer), restval="", extrasaction="ignore", lineterminator="\n")
        self._rows.writeheader()

    def write(self, outcome: Outcome) -> None:
        """Writes the picture's rows and flushes them."""
        picture = {"picture": outcome.picture.encode(errors="backslashreplace").decode()}
        if outcome.error is None:
            picture |= {"width": str(outcome.width), "height": str(outcome.height)}
        else:
            picture["error"] = outcome.error
        for number, face in enumerate(outcome.faces, start=1):
            answer = face.to_dict()
            self._rows.writerow({**picture, "face": number, **answer, **answer["box"], **answer["probabilities"]})
        if not outcome.faces:
            self._rows.writerow(picture)
        self._stream.flush()


class Table:
    """A table to be read, printed on closing, since column widths depend on all rows."""

    def __init__(self, stream: TextIO) -> None:
        from rich import box
        from rich.table import Table as RichTable

        self._stream = stream
        self._table = RichTable(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        self._table.add_column("Picture", overflow="fold")
        self._table.add_column("Face", justify="right")
        self._table.add_column("Expression", no_wrap=True)
        self._table.add_column("Conf.", justify="right", no_wrap=True)
        self._table.add_column("Box (px)", no_wrap=True)
        self._table.add_column("Note")

    def close(self) -> None:
        """Prints the table, unless it is empty."""
        from rich.console import Console

        if self._table.row_count:
            Console(file=self._stream).print(self._table)

    def write(self, outcome: Outcome) -> None:
        """Adds one row per face, or one that says why there is none."""
        from rich.text import Text

        name = Text(printable(outcome.picture))
        if outcome.error is not None:
            self._table.add_row(name, "", Text("not read", style="red"))
        elif not outcome.faces:
            self._table.add_row(name, "", Text("no face", style="dim"))
        for number, face in enumerate(outcome.faces, start=1):
            style = "yellow" if face.prediction.uncertain else ""
            answer = (Text(face.expression, style), Text(f"{face.prediction.confidence:.0%}", style))
            self._table.add_row(name if number == 1 else "", str(number), *answer, _box(face), _note(face))


def _box(face: Face) -> str:
    return f"{face.box.left:.0f},{face.box.top:.0f} {face.box.width:.0f}×{face.box.height:.0f}"


def _note(face: Face) -> str:
    marks = {"uncertain": face.prediction.uncertain, "small": face.small}
    return ", ".join(mark for mark, applies in marks.items() if applies)


def printable(text: str) -> str:
    """Text that may hold anything a file name may, with what would disturb a terminal written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def format_for(output: Path | None, to_terminal: bool) -> Format:
    """The format where none is asked for: a table on a terminal, CSV for a file named so, else JSON Lines."""
    if output is None:
        return Format.TABLE if to_terminal else Format.JSONL
    return Format.CSV if output.suffix.lower() == ".csv" else Format.JSONL


def writer_for(form: Format, stream: TextIO, expressions: ExpressionSet) -> Writer:
    """The writer of one format."""
    if form is Format.TABLE:
        return Table(stream)
    return Csv(stream, expressions) if form is Format.CSV else JsonLines(stream)
