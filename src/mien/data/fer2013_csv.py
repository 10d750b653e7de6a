"""The original `fer2013.csv`, with FER+'s `fer2013new.csv` beside it for the votes."""

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.faces import FER2013, VOTE_COLUMNS, LabelledFaces
from mien.errors import DataError
from mien.expressions import FER7

FERPLUS_CSV_NAME = "fer2013new.csv"

FACE_SIZE = 48
"""Width and height in pixels of FER2013's faces."""

_COLUMNS = ("emotion", "pixels", "Usage")
_LABEL_OF_DIGIT = {str(position): position for position in range(len(FER7))}  # the CSV numbers them as FER7 does
_VALUE_OF_TEXT = {str(value): value for value in range(256)}
_VOTE_NAMES = {"nf": "NF"}


def read_csv(path: Path, split: str | None) -> LabelledFaces:
    """The faces of `fer2013.csv` whose `Usage` is `split`, or all of them; possibly none.

    Votes are zero for every face where there is no `fer2013new.csv` in the same folder.
    """
    pixels: list[bytes] = []
    labels: list[int] = []
    rows: list[int] = []
    total = 0
    for row, record in enumerate(_records(path, _COLUMNS)):
        total += 1
        if split is None or record["Usage"] == split:
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
