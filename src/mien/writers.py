"""Results as files: JSON, JSON Lines, CSV and Parquet of the same two records, one small class per format.

`SCHEMA` describes the record of a picture, `mien.results.row_columns` names the columns of the row of a face. JSON and
JSON Lines hold every picture; CSV and Parquet hold faces alone, so that every column has one type. Which pictures had
no face, or an error, is for the caller to tell.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from enum import StrEnum
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, Protocol, TextIO

from mien.errors import MissingExtra, OutputError, choose_from
from mien.files import output_file
from mien.results import PictureResult, row_columns

_NUMBER, _INTEGER, _TEXT, _FLAG = ({"type": kind} for kind in ("number", "integer", "string", "boolean"))
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_POINT = {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2}


def _record(properties: Mapping[str, Any], *, about: str, optional: Sequence[str] = ()) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    return {
        "type": "object",
        "description": about,
        "properties": dict(properties),
        "required": required,
        "additionalProperties": False,
    }


def _or_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"anyOf": [dict(schema), {"type": "null"}]}


SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "PictureResult",
    **_record(
        {
            "source": _or_null({**_TEXT, "description": "The path as it was given or found; - for standard input."}),
            "width_px": _or_null({**_INTEGER, "description": "Of the upright picture; null if it could not be read."}),
            "height_px": _or_null({**_INTEGER, "description": "Of the upright picture; null if it could not be read."}),
            "faces": {
                "type": "array",
                "description": "From left to right.",
                "items": _record(
                    {
                        "box": _record(
                            dict.fromkeys(("left", "top", "right", "bottom"), _NUMBER),
                            about="Edges in pixels of the upright picture; right and bottom are exclusive.",
                        ),
                        "landmarks": _or_null(
                            _record(
                                dict.fromkeys(("left_eye", "right_eye", "nose", "mouth_left", "mouth_right"), _POINT),
                                about="x and y in pixels; left and right as who sees it upright sees them.",
                            )
                        ),
                        "detection_score": {**_SHARE, "description": "The detector's confidence that it is a face."},
                        "small": {**_FLAG, "description": "The shorter side of the box is under 32 pixels."},
                        "rotation_deg": {**_INTEGER, "description": "By how much it is turned clockwise: 0 to 270."},
                        "track_id": _or_null({**_INTEGER, "description": "The same for the same face in a video."}),
                        "expression": {**_TEXT, "description": "The most probable expression."},
                        "confidence": {**_SHARE, "description": "Its probability."},
                        "support": {
                            **_SHARE,
                            "description": "Its probability times that of the set's expressions; if low, uncertain.",
                        },
                        "uncertain": {**_FLAG, "description": "The answer should not be relied on."},
                        "reason": _or_null({**_TEXT, "description": "Why it is uncertain."}),
                        "other": _or_null(
                            _record(
                                {"expression": _TEXT, "probability": _SHARE},
                                about="What the face probably shows instead, outside the set that was asked for.",
                            )
                        ),
                        "probabilities": {
                            "type": "object",
                            "description": "Of every expression of the set, in class order; they sum to 1.",
                            "additionalProperties": _SHARE,
                        },
                    },
                    about="One face.",
                ),
            },
            "error": _or_null({**_TEXT, "description": "Why there is no answer, in one line."}),
            "error_kind": _or_null({**_TEXT, "description": "The error's class, such as PictureTooLarge."}),
            "elapsed_s": _or_null({**_NUMBER, "description": "Seconds spent on the picture."}),
        },
        about="What came of one picture.",
        optional=["elapsed_s"],
    ),
}
"""JSON Schema (draft 2020-12) of `PictureResult.to_dict`: of each line of JSON Lines and each element of JSON."""


class Format(StrEnum):
    """A form of output."""

    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"
    PARQUET = "parquet"

    @property
    def has_faces_only(self) -> bool:
        """Whether pictures without a face and pictures with an error are not in it."""
        return self in (Format.CSV, Format.PARQUET)


SUFFIXES = {
    ".json": Format.JSON,
    ".jsonl": Format.JSONL,
    ".ndjson": Format.JSONL,
    ".csv": Format.CSV,
    ".parquet": Format.PARQUET,
}
"""The format that a file's suffix stands for."""


def format_of(path: str | PathLike[str]) -> Format:
    """The format that the suffix of `path` stands for; raises `OutputError` for an unknown one."""
    suffix = Path(path).suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"{fspath(path)}: {choose_from('output format for the suffix', suffix, tuple(SUFFIXES))}")
    return SUFFIXES[suffix]


class Writer(Protocol):
    """Takes results one by one; what cannot be written at once is written on closing."""

    def write(self, result: PictureResult) -> None:
        """Takes what came of one picture."""

    def close(self) -> None:
        """Writes what is left; the stream stays open."""


class Json:
    """One JSON array with an object for each picture, which is complete once the writer is closed."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "[\n"

    def write(self, result: PictureResult) -> None:
        """Writes one element and flushes it."""
        self._stream.write(self._before + json.dumps(result.to_dict()))
        self._stream.flush()
        self._before = ",\n"

    def close(self) -> None:
        """Ends the array."""
        self._stream.write("[]\n" if self._before == "[\n" else "\n]\n")
        self._stream.flush()


class JsonLines:
    """One JSON object per picture, a line each."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: PictureResult) -> None:
        """Writes one line and flushes it."""
        self._stream.write(json.dumps(result.to_dict()) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Does nothing: all is written."""


class Csv:
    """A head and one row per face.

    Texts that a spreadsheet would take for a formula begin with an apostrophe; bytes of a path that are no UTF-8 are
    written as escapes.

    Args:
        stream: Open for text, with `newline=""` if it is a file.
        labels: The expressions that predictions are about, in class order.
    """

    def __init__(self, stream: TextIO, labels: Sequence[str]) -> None:
        self._stream = stream
        self._columns = row_columns(labels)
        self._write([dict(zip(self._columns, self._columns, strict=True))])

    def write(self, result: PictureResult) -> None:
        """Writes the picture's rows and flushes them."""
        self._write(result.rows())

    def close(self) -> None:
        """Does nothing: all is written."""

    def _write(self, rows: Iterable[Mapping[str, Any]]) -> None:
        text = io.StringIO()
        # With both characters in the end of a line, cells with either are quoted; Python before 3.11.9 forgets \r.
        table = csv.writer(text, lineterminator="\r\n")
        for row in rows:
            table.writerow([_cell(row[column]) for column in self._columns])
            self._stream.write(text.getvalue().removesuffix("\r\n") + "\n")
            text.seek(0)
            text.truncate()
        self._stream.flush()


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = value.encode(errors="backslashreplace").decode()
    return f"'{text}" if text.startswith(_FORMULA) and len(text) > 1 else text


class Parquet:
    """One row per face, with the columns of CSV, each of its own type.

    Args:
        stream: Open for bytes.
        labels: The expressions that predictions are about, in class order.

    Raises:
        MissingExtra: pyarrow is not installed.
    """

    ROWS_AT_ONCE = 10_000

    def __init__(self, stream: IO[bytes], labels: Sequence[str]) -> None:
        try:
            import pyarrow as pa  # noqa: PLC0415  comes with an extra
            import pyarrow.parquet as pq  # noqa: PLC0415
        except ImportError as missing:
            raise MissingExtra.for_package("writing Parquet", missing) from missing
        kinds = {
            **dict.fromkeys(("source", "expression", "reason", "other"), pa.string()),
            **dict.fromkeys(("width_px", "height_px", "face", "rotation_deg", "track_id"), pa.int64()),
            **dict.fromkeys(("small", "uncertain"), pa.bool_()),
        }
        columns = row_columns(labels)
        self._schema = pa.schema([(column, kinds.get(column, pa.float64())) for column in columns])
        self._table_of = pa.Table.from_pylist
        self._file = pq.ParquetWriter(stream, self._schema)
        self._rows: list[dict[str, Any]] = []

    def write(self, result: PictureResult) -> None:
        """Takes the picture's rows; they are written in large groups."""
        for row in result.rows():
            source = row["source"] and row["source"].encode(errors="backslashreplace").decode()
            self._rows.append({**row, "source": source})
        if len(self._rows) >= self.ROWS_AT_ONCE:
            self._write()

    def close(self) -> None:
        """Writes the rows that are left, and the end of the file."""
        self._write()
        self._file.close()

    def _write(self) -> None:
        if self._rows:
            self._file.write_table(self._table_of(self._rows, schema=self._schema))
            self._rows = []


@contextmanager
def open_writer(path: str | PathLike[str], labels: Sequence[str], form: Format | None = None) -> Iterator[Writer]:
    """A writer into a file, which is there, and whole, once the block ends without an exception.

    Args:
        path: The file; one that exists is replaced.
        labels: The expressions that predictions are about, in class order: `recognizer.expressions.labels`.
        form: The format; None takes the one that the suffix stands for.

    Raises:
        OutputError: The suffix stands for no format, or there is no such folder or no permission.
        MissingExtra: What writes the format is not installed.
        OSError: The file cannot be written to its end, such as on a full disk.
    """
    form = form or format_of(path)
    with output_file(Path(path)) as file:
        if form is Format.PARQUET:
            with closing(Parquet(file, labels)) as writer:
                yield writer
            return
        text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
        try:
            with closing(text_writer(form, text, labels)) as writer:
                yield writer
        finally:
            text.detach()  # else it would close the file, which is not its own


def text_writer(form: Format, stream: TextIO, labels: Sequence[str]) -> Writer:
    """The writer of one format to an open stream; raises `OutputError` for Parquet, which is not text."""
    if form is Format.PARQUET:
        raise OutputError("parquet is not text and needs a file; name one that ends with .parquet")
    if form is Format.CSV:
        return Csv(stream, labels)
    return Json(stream) if form is Format.JSON else JsonLines(stream)


def write_results(results: Iterable[PictureResult], path: str | PathLike[str], labels: Sequence[str]) -> None:
    """Writes results to a file in the format of its suffix, as they come; raises as `open_writer` does."""
    with open_writer(path, labels) as writer:
        for result in results:
            writer.write(result)
