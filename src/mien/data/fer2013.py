"""The original `fer2013.csv`, with FER+'s `fer2013new.csv` beside it for the votes."""

import csv
import os
from collections.abc import Iterator, Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.data.class_mapping import fer7_position, refuse_unreadable
from mien.data.labelled_faces import FER2013, NO_LABEL, VOTE_COLUMNS, VOTERS, LabelledFaces
from mien.data.split import FER2013_NAMES, Split
from mien.errors import DataError, MissingExtra, first_line
from mien.expressions import FER7

FERPLUS_CSV_NAME = "fer2013new.csv"

FACE_SIZE = 48
"""Width and height in pixels of FER2013's faces."""

_COLUMNS = ("emotion", "pixels", "Usage")
_LABEL_OF_DIGIT = {str(position): position for position in range(len(FER7))}  # the CSV numbers them as FER7 does
_VALUE_OF_TEXT = {str(value): value for value in range(256)}
_VOTE_NAMES = {"nf": "NF"}


def read_csv(path: Path, split: Split | None) -> LabelledFaces:
    """The faces of `fer2013.csv` whose `Usage` is that of `split`, or all of them; possibly none.

    Votes are zero for every face where there is no `fer2013new.csv` in the same folder.
    """
    pixels: list[bytes] = []
    labels: list[int] = []
    rows: list[int] = []
    total = 0
    for row, record in enumerate(_records(path, _COLUMNS)):
        total += 1
        if split is None or record["Usage"] == FER2013_NAMES[split]:
            pixels.append(_pixels(record["pixels"], row, path))
            labels.append(_label(record["emotion"], row, path))
            rows.append(row)
    votes_path = path.with_name(FERPLUS_CSV_NAME)
    votes = _votes(votes_path, total) if votes_path.is_file() else np.zeros((total, len(VOTE_COLUMNS)), dtype=np.int64)
    chosen = np.array(rows, dtype=np.int64)
    return LabelledFaces(
        pixels=np.frombuffer(bytearray().join(pixels), dtype=np.uint8).reshape(-1, FACE_SIZE, FACE_SIZE),
        fer7=np.array(labels, dtype=np.int64),
        votes=votes[chosen],
        rows=chosen,
        source=FER2013,
    )


def _records(path: Path, needed: tuple[str, ...]) -> Iterator[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", skipinitialspace=True)
            present = reader.fieldnames or []
            absent = [name for name in needed if name not in present]
            if absent:
                raise DataError(f"{path} has no column {', '.join(absent)}; its columns are {', '.join(present)}")
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{path} cannot be read as CSV: {fault}") from fault


def _pixels(text: str, row: int, path: Path) -> bytes:
    values = text.split()
    if len(values) != FACE_SIZE**2:
        raise DataError(f"row {row} of {path}: a face must have {FACE_SIZE**2} pixels; got {len(values)}")
    try:
        # A look-up per value takes half the time of int() and admits nothing but 0 to 255.
        return bytes(map(_VALUE_OF_TEXT.__getitem__, values))
    except KeyError as fault:
        raise DataError(f"row {row} of {path}: pixels must be whole numbers, 0 to 255; got {fault}") from fault


def _label(text: str, row: int, path: Path) -> int:
    try:
        return _LABEL_OF_DIGIT[text]
    except KeyError:
        raise DataError(f"row {row} of {path}: emotion must be 0 to {len(FER7) - 1}; got {text!r}") from None


def _votes(path: Path, total: int) -> NDArray[np.int64]:
    names = tuple(_VOTE_NAMES.get(name, name) for name in VOTE_COLUMNS)
    votes: list[list[int]] = []
    for row, record in enumerate(_records(path, names)):
        texts = [record[name] for name in names]
        if not all(text.isdecimal() for text in texts):
            raise DataError(f"row {row} of {path}: votes must be whole numbers; got {', '.join(texts)}")
        votes.append([int(text) for text in texts])
    if len(votes) != total:
        raise DataError(f"{path} must have a row for each of the {total} faces; got {len(votes)} rows")
    return np.array(votes, dtype=np.int64).reshape(-1, len(VOTE_COLUMNS))


if TYPE_CHECKING:
    import pyarrow as pa

_VOTES = tuple(f"ferplus_{name}" for name in VOTE_COLUMNS)
_DAMAGED = "is no Parquet file, or a damaged one; write or fetch it anew"
_ROWS_OF_USAGE = dict(
    zip(FER2013_NAMES.values(), (range(28_709), range(28_709, 32_298), range(32_298, 35_887)), strict=True)
)
_PARQUET_COLUMNS = ("row", "usage", "emotion", "image", *_VOTES)


def read_parquet(path: Path, split: Split | None, classes: Mapping[str, str]) -> LabelledFaces:
    """The faces of one Parquet file whose `usage` is that of `split`, or all of them; possibly none.

    `classes` maps other labels than FER7's, as in `mien.data.class_mapping.fer7_position`. The source is FER2013 or not
    known.
    """
    table = _read_table(path)
    if split is not None:
        usage = np.array(table["usage"].to_pylist(), dtype=object)
        table = table.take(np.flatnonzero(usage == FER2013_NAMES[split]))
    labels = _labels(table["emotion"].to_pylist(), _integers(table, "row", path), path, classes)
    wanted = np.flatnonzero(labels != NO_LABEL)
    table, labels = table.take(wanted), labels[wanted]
    rows = _integers(table, "row", path)
    votes = np.zeros((len(table), len(_VOTES)), dtype=np.int64)
    for column, name in enumerate(_VOTES):
        votes[:, column] = _integers(table, name, path)
    return LabelledFaces(
        pixels=_decode(table["image"].to_pylist(), rows, path),
        fer7=labels,
        votes=votes,
        rows=rows,
        source=FER2013 if _is_fer2013(table["usage"].to_pylist(), rows, votes) else "",
    )


def _is_fer2013(usage: list[Any], rows: NDArray[np.int64], votes: NDArray[np.int64]) -> bool:
    """Whether each face has its row in the split where FER2013 has it, and ten people have voted, as FER+ asked.

    Some rows of FER2013 are to be known as such, too, so no checksum of the whole can tell.
    """
    in_place = [row in _ROWS_OF_USAGE.get(name, ()) for name, row in zip(usage, rows.tolist(), strict=True)]
    return len(rows) > 0 and all(in_place) and bool(np.median(votes.sum(axis=1)) == VOTERS)


def _read_table(path: Path) -> "pa.Table":
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional dependency
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as missing:
        raise MissingExtra.for_feature("reading Parquet files", "evaluate", missing) from missing
    try:
        present = pq.read_schema(path).names
        absent = [name for name in _PARQUET_COLUMNS if name not in present]
        if absent:
            raise DataError(f"{path} has no column {', '.join(absent)}; its columns are {', '.join(present)}")
        return pq.read_table(path, columns=list(_PARQUET_COLUMNS))
    except (OSError, pa.ArrowException) as fault:
        # What pyarrow itself says is of its own insides.
        errno = fault.errno if isinstance(fault, OSError) else None
        reason = f"cannot be read: {os.strerror(errno)}" if errno else _DAMAGED
        raise DataError(f"{path} {reason}") from fault


def _integers(table: "pa.Table", name: str, path: Path) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415 - present, for there is a table

    try:
        values = table[name].cast(pa.int64())
    except pa.ArrowException as fault:
        raise DataError(f"column {name} of {path} must hold whole numbers; it holds {table[name].type}") from fault
    if values.null_count:
        raise DataError(f"column {name} of {path} is empty in {values.null_count} rows; every row needs a number")
    numbers: NDArray[np.int64] = values.to_numpy().astype(np.int64)
    if np.any(numbers < 0):
        raise DataError(f"column {name} of {path} holds {numbers.min()}; no number may be below 0")
    return numbers


def _labels(emotions: list[Any], rows: NDArray[np.int64], path: Path, classes: Mapping[str, str]) -> NDArray[np.int64]:
    position: dict[str, int] = {}
    names = [str(emotion) for emotion in emotions]  # anything may be in a column
    for name, row in zip(names, rows, strict=True):
        if name not in position:
            try:
                position[name] = fer7_position(name, classes)
            except DataError as fault:
                raise DataError(f"row {row} of {path}: {fault}") from None
    return np.array([position[name] for name in names], dtype=np.int64)


def _decode(encoded: list[Any], rows: NDArray[np.int64], path: Path) -> NDArray[np.uint8]:
    pixels = np.empty((len(encoded), FACE_SIZE, FACE_SIZE), dtype=np.uint8)
    faults: list[str] = []
    for index, (data, row) in enumerate(zip(encoded, rows, strict=True)):
        try:
            pixels[index] = _decode_png(data)
        except DataError as fault:
            faults.append(f"row {row}: {fault}")
    refuse_unreadable(faults, len(encoded), path)
    return pixels


def _decode_png(data: Any) -> NDArray[np.uint8]:
    if not isinstance(data, bytes):
        raise DataError(f"must be the bytes of a PNG; got {type(data).__name__}")
    try:
        # One format only: no other decoder is given bytes from a stranger's file.
        with Image.open(BytesIO(data), formats=("PNG",)) as image:
            if image.size != (FACE_SIZE, FACE_SIZE):
                raise DataError(f"must have {FACE_SIZE}x{FACE_SIZE} pixels; got {image.width}x{image.height}")
            return np.asarray(image.convert("L"))
    except (
        OSError,
        SyntaxError,
        ValueError,
        TypeError,
        UnidentifiedImageError,
        Image.DecompressionBombError,
    ) as fault:
        raise DataError(f"is not a readable PNG ({first_line(fault)})") from fault
