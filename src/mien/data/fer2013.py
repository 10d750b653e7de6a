"""FER2013 as people have it: the original CSV with FER+'s votes beside it, or Parquet files.

The Parquet form, with other names of labels and splits, serves other data sets, too.
"""

import csv
import os
import re
from collections.abc import Iterator, Mapping
from math import isqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mien.data.class_mapping import fer7_position, refuse_unreadable
from mien.data.crops import Crop, Crops
from mien.data.image_folder import read_crop
from mien.data.labelled_faces import FER2013, NO_LABEL, VOTE_COLUMNS, VOTERS, LabelledFaces
from mien.data.split import FER2013_NAMES, Split, split_named
from mien.errors import DataError, MissingExtra, PictureError
from mien.expressions import FER7

if TYPE_CHECKING:
    import pyarrow as pa

CSV_NAME = "fer2013.csv"
FERPLUS_CSV_NAME = "fer2013new.csv"

FILE_OF_SPLIT = {
    Split.TRAIN: "train.parquet",
    Split.VALIDATION: "public_test.parquet",
    Split.TEST: "private_test.parquet",
}
"""The file of each split in a folder of Parquet files."""

_COLUMNS = ("emotion", "pixels", "Usage")
_LABEL_OF_DIGIT = {str(position): position for position in range(len(FER7))}  # the CSV numbers them as FER7 does
_VALUE_OF_TEXT = {str(value): value for value in range(256)}
_VOTE_NAMES = {"nf": "NF"}


def read_csv(path: Path) -> LabelledFaces:
    """All faces of `fer2013.csv`, in the order of its rows; possibly none.

    Votes are zero for every face where there is no `fer2013new.csv` in the same folder.

    Raises:
        DataError: If it is not such a file: a column is absent, a row has another usage, label or pixels than FER2013
            has, or FER+'s file has other rows.
    """
    crops: list[Crop] = []
    labels: list[int] = []
    names = _UsageNames(path, FER2013_NAMES)
    usages: list[str] = []
    for row, record in enumerate(_records(path, _COLUMNS)):
        usages.append(names.of(record["Usage"], row))
        crops.append(_square(record["pixels"], row, path))
        labels.append(_label(record["emotion"], row, path))
    votes = np.zeros((len(labels), len(VOTE_COLUMNS)), dtype=np.int64)
    votes_path = path.with_name(FERPLUS_CSV_NAME)
    return LabelledFaces(
        crops=Crops(crops),
        fer7=np.array(labels, dtype=np.int64),
        votes=_votes(votes_path, usages) if votes_path.is_file() else votes,
        rows=np.arange(len(labels)),
        source=FER2013,
        split=np.array(usages, dtype=np.str_),
    )


class _UsageNames:
    """What a file calls its splits: FER2013's own names as FER2013 writes them, others as they first stand there."""

    def __init__(self, path: Path, names: Mapping[Split, str] | None = None) -> None:
        self._path, self._names, self._known = path, dict(names or {}), dict[str, str]()

    def of(self, usage: str, row: int) -> str:
        """The name of the split that a row says it is of; `DataError` if it says none."""
        if usage not in self._known:
            try:
                split = split_named(usage)
            except DataError as fault:
                raise DataError(f"row {row} of {self._path}: {fault}") from None
            official = FER2013_NAMES[split]
            as_written = official if usage.strip().casefold() == official.casefold() else usage.strip()
            self._known[usage] = self._names.setdefault(split, as_written)
        return self._known[usage]


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


def _square(text: str, row: int, path: Path) -> Crop:
    values = text.split()
    side = isqrt(len(values))
    if not values or side**2 != len(values):
        raise DataError(f"row {row} of {path}: a face must have a square number of pixels, 48 x 48; got {len(values)}")
    try:
        # A look-up per value takes half the time of int() and admits nothing but 0 to 255.
        return np.frombuffer(bytes(map(_VALUE_OF_TEXT.__getitem__, values)), dtype=np.uint8).reshape(side, side)
    except KeyError as fault:
        raise DataError(f"row {row} of {path}: pixels must be whole numbers, 0 to 255; got {fault}") from fault


def _label(text: str, row: int, path: Path) -> int:
    try:
        return _LABEL_OF_DIGIT[text]
    except KeyError:
        raise DataError(f"row {row} of {path}: emotion must be 0 to {len(FER7) - 1}; got {text!r}") from None


def _votes(path: Path, usages: list[str]) -> NDArray[np.int64]:
    """The votes of `fer2013new.csv`, of shape (N, 10), for rows of these usages."""
    names = tuple(_VOTE_NAMES.get(name, name) for name in VOTE_COLUMNS)
    votes: list[list[int]] = []
    for row, record in enumerate(_records(path, names)):
        texts = [record[name] for name in names]
        if not all(text.isdecimal() for text in texts):
            raise DataError(f"row {row} of {path}: votes must be whole numbers; got {', '.join(texts)}")
        number = re.fullmatch(r"fer(\d+)\.png", record.get("Image name", "").strip())
        if number and int(number[1]) != row:
            raise DataError(
                f"row {row} of {path} is of image {number[0]}, which is that of row {int(number[1])} of FER2013; "
                "both files must have the same rows in the same order"
            )
        usage = record.get("Usage")
        if usage is not None and row < len(usages) and usage.strip().casefold() != usages[row].casefold():
            raise DataError(
                f"row {row} of {path} is of {usage!r}, that of the faces beside it of {usages[row]!r}; "
                "both files must have the same rows in the same order"
            )
        votes.append([int(text) for text in texts])
    if len(votes) != len(usages):
        raise DataError(f"{path} must have a row for each of the {len(usages)} faces; got {len(votes)} rows")
    return np.array(votes, dtype=np.int64).reshape(-1, len(VOTE_COLUMNS))


_VOTES = tuple(f"ferplus_{name}" for name in VOTE_COLUMNS)
_DAMAGED = "is no Parquet file, or a damaged one; write or fetch it anew"
_ROWS_OF_USAGE = dict(
    zip(FER2013_NAMES.values(), (range(28_709), range(28_709, 32_298), range(32_298, 35_887)), strict=True)
)
_PARQUET_COLUMNS = ("row", "usage", "emotion", "image", *_VOTES)


def read_parquet(path: Path, classes: Mapping[str, str]) -> LabelledFaces:
    """All faces of one Parquet file in the order of its rows, without those of classes left out; possibly none.

    The columns are `row`, `usage`, `emotion`, `image` (the bytes of a picture file) and ten `ferplus_*` of votes.

    Args:
        path: The file.
        classes: Maps other labels than FER7's, as in `mien.data.class_mapping.fer7_position`.

    Returns:
        The faces; their source is FER2013 or not known.

    Raises:
        DataError: If it is not such a file.
        MissingExtra: If pyarrow is not installed.
    """
    table = _read_table(path)
    labels = _labels(table["emotion"].to_pylist(), _integers(table, "row", path), path, classes)
    wanted = np.flatnonzero(labels != NO_LABEL)
    table, labels = table.take(wanted), labels[wanted]
    rows = _integers(table, "row", path)
    votes = np.zeros((len(table), len(_VOTES)), dtype=np.int64)
    for column, name in enumerate(_VOTES):
        votes[:, column] = _integers(table, name, path)
    names = _UsageNames(path)
    usages = [names.of(str(usage), row) for usage, row in zip(table["usage"].to_pylist(), rows.tolist(), strict=True)]
    return LabelledFaces(
        crops=_decode(table["image"].to_pylist(), rows, path),
        fer7=labels,
        votes=votes,
        rows=rows,
        source=FER2013 if _is_fer2013(usages, rows, votes) else "",
        split=np.array(usages, dtype=np.str_),
    )


def _is_fer2013(usage: list[str], rows: NDArray[np.int64], votes: NDArray[np.int64]) -> bool:
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


def _decode(encoded: list[Any], rows: NDArray[np.int64], path: Path) -> Crops:
    crops: list[Crop] = []
    faults: list[str] = []
    for data, row in zip(encoded, rows, strict=True):
        if not isinstance(data, bytes):
            faults.append(f"row {row}: must be the bytes of a picture; got {type(data).__name__}")
            continue
        try:
            crops.append(read_crop(data))
        except PictureError as fault:
            faults.append(f"row {row}: {fault}")
    refuse_unreadable(faults, len(encoded), path)
    return Crops(crops)
