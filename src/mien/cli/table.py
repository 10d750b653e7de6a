"""The table that `mien recognize` shows on a terminal."""

from typing import TextIO

from mien.results import Face, PictureResult, percent


class Table:
    """A writer, as those of `mien.writers`, of a table; printed on closing, since column widths depend on all rows."""

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

    def write(self, result: PictureResult) -> None:
        """Adds one row per face, or one that says why there is none."""
        from rich.text import Text

        name = Text(printable(result.source or ""))
        if result.error is not None:
            self._table.add_row(name, "", Text("not read", style="red"))
        elif not result.faces:
            self._table.add_row(name, "", Text("no face", style="dim"))
        for number, face in enumerate(result.faces, start=1):
            style = "yellow" if face.uncertain else ""
            answer = (Text(face.expression, style), Text(f"{face.confidence:.0%}", style))
            self._table.add_row(name if number == 1 else "", str(number), *answer, _box(face), _note(face))


def _box(face: Face) -> str:
    return f"{face.box.left:.0f},{face.box.top:.0f} {face.box.width:.0f}×{face.box.height:.0f}"


def _note(face: Face) -> str:
    """In few words, since the column is narrow."""
    other = face.prediction.other
    doubt = (
        f"uncertain: perhaps {other.expression} {percent(other.probability)}" if other else f"uncertain: {face.reason}"
    )
    marks = {doubt: face.uncertain, "small": face.small}
    return ", ".join(mark for mark, applies in marks.items() if applies)


def printable(text: str) -> str:
    """Text that may hold anything a file name may, with what would disturb a terminal written as escapes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
