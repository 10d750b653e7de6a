"""Reads labelled faces from any form of FER2013 that people have: Parquet, a folder of it, or the original CSV."""

from pathlib import Path

from mien.data.faces import LabelledFaces
from mien.data.fer2013_csv import read_csv
from mien.data.parquet import read_parquet
from mien.errors import DataError, choose_from

FILE_OF_SPLIT = {
    "Training": "train.parquet",
    "PublicTest": "public_test.parquet",
    "PrivateTest": "private_test.parquet",
}
"""FER2013's three splits in their official order, and the file of each in a folder of Parquet files."""

SEEN_BEFORE = {"PublicTest": ("Training",), "PrivateTest": ("Training", "PublicTest")}
"""What a model was trained or chosen on when it is tested on a split."""

CSV_NAME = "fer2013.csv"


def read_faces(path: Path, *, split: str | None = None) -> LabelledFaces:
    """Labelled faces from a file or folder.

    Args:
        path: A Parquet file (columns `row`, `usage`, `emotion`, `image` as PNG, ten `ferplus_*` columns of votes); the
            original `fer2013.csv`, with FER+'s `fer2013new.csv` beside it for the votes; or a folder that holds
            `train.parquet`, `public_test.parquet`, `private_test.parquet` or `fer2013.csv`.
        split: `Training`, `PublicTest` or `PrivateTest`; None reads every face there is.

    Raises:
        DataError: If there is no such file or split, or its content is not what is described above.
        MissingExtra: If a Parquet file is to be read and pyarrow is not installed.
    """
    if split is not None and split not in FILE_OF_SPLIT:
        raise DataError(choose_from("split", split, tuple(FILE_OF_SPLIT)))
    faces = _read(path, split)
    if len(faces) == 0:
        raise DataError(f"no {split or 'labelled'} faces in {path}; give a file that holds them")
    return faces


def read_seen(path: Path, split: str) -> LabelledFaces:
    """The faces a model was trained or chosen on before it is tested on `split`.

    Args:
        path: As for `read_faces`. A single Parquet file counts whole; of a folder or CSV, the splits in `SEEN_BEFORE`.
        split: The split the model is tested on.

    Raises:
        DataError: As for `read_faces`, and if nothing comes before `split`.
        MissingExtra: As for `read_faces`.
    """
    if split not in SEEN_BEFORE:
        raise DataError(f"nothing comes before {split}; choose from {', '.join(SEEN_BEFORE)} to leave duplicates out")
    if path.is_file() and path.suffix.lower() != ".csv":
        return read_faces(path)
    return LabelledFaces.concatenate([read_faces(path, split=before) for before in SEEN_BEFORE[split]])


def _read(path: Path, split: str | None) -> LabelledFaces:
    if path.is_dir():
        return _read_folder(path, split)
    if not path.is_file():
        raise DataError(f"no file or folder {path}; give a Parquet file, a folder of them or {CSV_NAME}")
    if path.suffix.lower() == ".csv":
        return read_csv(path, split)
    return read_parquet(path, split)


def _read_folder(folder: Path, split: str | None) -> LabelledFaces:
    wanted = [FILE_OF_SPLIT[split]] if split else list(FILE_OF_SPLIT.values())
    present = [folder / name for name in wanted if (folder / name).is_file()]
    if present:
        return LabelledFaces.concatenate([read_parquet(file, split) for file in present])
    if (folder / CSV_NAME).is_file():
        return read_csv(folder / CSV_NAME, split)
    raise DataError(f"folder {folder} holds neither {' nor '.join(wanted)} nor {CSV_NAME}")
