"""FER2013 with FER+ votes from a Parquet file, one row a face."""

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mien.data.faces import VOTE_COLUMNS, LabelledFaces
from mien.data.fer2013_csv import FACE_SIZE
from mien.errors import DataError, MissingExtra, choose_from
from mien.expressions import FER7

if TYPE_CHECKING:
    import pyarrow as pa

_VOTES = tuple(f"ferplus_{name}" for name in VOTE_COLUMNS)
_COLUMNS = ("row", "usage", "emotion", "image", *_VOTES)


def read_parquet(path: Path, split: str | None) -> LabelledFaces:
    """The faces of one Parquet file whose `usage` is `split`, or all of them; possibly none."""
    table = _read_table(path)
    if split is not None:
        usage = np.array(table["usage"].to_pylist(), dtype=object)
        table = table.take(np.flatnonzero(usage == split))
    rows = _integers(table, "row", path)
    votes = np.zeros((len(table), len(_VOTES)), dtype=np.int64)
    for column, name in enumerate(_VOTES):
        votes[:, column] = _integers(table, name, path)
    return LabelledFaces(
        pixels=_decode(table["image"].to_pylist(), rows, path),
        fer7=_labels(table["emotion"].to_pylist(), rows, path),
        votes=votes,
        rows=rows,
    )


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
        raise DataError(f"{path} cannot be read as a Parquet file: {_first_line(fault)}") from fault


def _integers(table: "pa.Table", name: str, path: Path) -> NDArray[np.int64]:
    import pyarrow as pa  # noqa: PLC0415 - present, for there is a table

    try:
        values = table[name].cast(pa.int64())
    except pa.ArrowException as fault:
        raise DataError(f"column {name} of {path} must hold whole numbers: {_first_line(fault)}") from fault
    if values.null_count:
        raise DataError(f"column {name} of {path} is empty in {values.null_count} rows; every row needs a number")
    numbers: NDArray[np.int64] = values.to_numpy().astype(np.int64)
    if np.any(numbers < 0):
        raise DataError(f"column {name} of {path} holds {numbers.min()}; no number may be below 0")
    return numbers


def _labels(emotions: list[Any], rows: NDArray[np.int64], path: Path) -> NDArray[np.int64]:
    position = {label: index for index, label in enumerate(FER7.labels)}
    for emotion, row in zip(emotions, rows, strict=True):
        if emotion not in position:
            raise DataError(f"row {row} of {path}: {choose_from('label', str(emotion), FER7.labels)}")
    return np.array([position[emotion] for emotion in emotions], dtype=np.int64)


def _decode(encoded: list[Any], rows: NDArray[np.int64], path: Path) -> NDArray[np.uint8]:
    pixels = np.empty((len(encoded), FACE_SIZE, FACE_SIZE), dtype=np.uint8)
    for index, (data, row) in enumerate(zip(encoded, rows, strict=True)):
        try:
            # One format only: no other decoder is given bytes from a stranger's file.
            with Image.open(BytesIO(data), formats=("PNG",)) as image:
                if image.size != (FACE_SIZE, FACE_SIZE):
                    raise DataError(
                        f"row {row} of {path}: faces must be {FACE_SIZE}x{FACE_SIZE} pixels; "
                        f"got {image.width}x{image.height}"
                    )
                pixels[index] = np.asarray(image.convert("L"))
        except (
            OSError,
            SyntaxError,
            ValueError,
            TypeError,
            UnidentifiedImageError,
            Image.DecompressionBombError,
        ) as fault:
            raise DataError(f"row {row} of {path}: the image is not a readable PNG ({_first_line(fault)})") from fault
    return pixels


def _first_line(fault: Exception) -> str:
    return str(fault).partition("\n")[0]
