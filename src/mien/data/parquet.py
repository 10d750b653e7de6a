"""FER2013 with FER+ votes from a Parquet file, one row a face."""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.data.checks import fer7_position, refuse_unreadable
from mien.data.faces import FER2013, NO_LABEL, VOTE_COLUMNS, VOTERS, LabelledFaces
from mien.data.fer2013_csv import FACE_SIZE
from mien.errors import DataError, MissingExtra, first_line

if TYPE_CHECKING:
    import pyarrow as pa

_VOTES = tuple(f"ferplus_{name}" for name in VOTE_COLUMNS)
_DAMAGED = "is no Parquet file, or a damaged one; write or fetch it anew"
_ROWS_OF_SPLIT = {
    "Training": range(28_709),
    "PublicTest": range(28_709, 32_298),
    "PrivateTest": range(32_298, 35_887),
}
_COLUMNS = ("row", "usage", "emotion", "image", *_VOTES)


def read_parquet(path: Path, split: str | None, classes: Mapping[str, str]) -> LabelledFaces:
    """The faces of one Parquet file whose `usage` is `split`, or all of them; possibly none.

    `classes` maps other labels than FER7's, as in `mien.data.checks.fer7_position`. The source is FER2013 or not known.
    """
    table = _read_table(path)
    if split is not None:
        usage = np.array(table["usage"].to_pylist(), dtype=object)
        table = table.take(np.flatnonzero(usage == split))
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
    in_place = [row in _ROWS_OF_SPLIT.get(split, ()) for split, row in zip(usage, rows.tolist(), strict=True)]
    return len(rows) > 0 and all(in_place) and bool(np.median(votes.sum(axis=1)) == VOTERS)


def _read_table(path: Path) -> "pa.Table":
    try:
        import pyarrow as pa  # noqa: PLC0415 - an optional dependency
        import pyarrow.parquet as pq  # noqa: PLC0415
    except ImportError as missing:
        raise MissingExtra.for_feature("reading Parquet files", "train", missing) from missing
    try:
        present = pq.read_schema(path).names
        absent = [name for name in _COLUMNS if name not in present]
        if absent:
            raise DataError(f"{path} has no column {', '.join(absent)}; its columns are {', '.join(present)}")
        return pq.read_table(path, columns=list(_COLUMNS))
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
