"""Reads labelled faces in any form that people have them: Parquet, FER2013's CSV, or folders of pictures."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mien.data.cache import cached_faces
from mien.data.class_mapping import check_classes
from mien.data.fer2013 import FERPLUS_CSV_NAME, read_csv, read_parquet
from mien.data.image_folder import (
    check_folder,
    class_names_in,
    find_split,
    read_pictures,
    split_folders,
)
from mien.data.labelled_faces import LabelledFaces
from mien.data.split import FER2013_NAMES, SEEN_BEFORE, Split
from mien.errors import DataError

FILE_OF_SPLIT = {
    Split.TRAIN: "train.parquet",
    Split.VALIDATION: "public_test.parquet",
    Split.TEST: "private_test.parquet",
}
"""The file of each split in a folder of Parquet files."""

CSV_NAME = "fer2013.csv"


def read_faces(
    path: Path, *, split: Split | None = None, classes: Mapping[str, str] | None = None, color: bool = False
) -> LabelledFaces:
    """Labelled faces from a file or folder, or from the cache if they were read before (see `mien.data.cache`).

    Args:
        path: A Parquet file (columns `row`, `usage`, `emotion`, `image` as PNG, ten `ferplus_*` columns of votes); the
            original `fer2013.csv`, with FER+'s `fer2013new.csv` beside it for the votes; a folder that holds
            `train.parquet`, `public_test.parquet`, `private_test.parquet` or `fer2013.csv`; or a folder of pictures,
            in which `train`, `validation` and `test` have a folder for each class.
        split: None reads every face there is.
        classes: Class names of the data set and the FER7 label each means; "" leaves the class out. FER7's labels and
            FER+'s words for them need not be among them. FER2013's CSV has numbers, which this does not touch.
        color: Whether folders of pictures are read in color; FER2013 has none.

    Raises:
        DataError: If there is no such file or split, or its content is not what is described above.
        MissingExtra: If a Parquet file is to be read and pyarrow is not installed.
    """
    faces = _read(path, split, classes or {}, color)
    if len(faces) == 0:
        raise DataError(f"no {split_name(path, split) if split else 'labelled'} faces in {path}; give a file with some")
    return faces


def split_name(path: Path, split: Split) -> str:
    """What the data set at `path` calls a split, such as `val` or `PublicTest`; the split's own name if it lacks it."""
    if path.is_dir() and (folders := split_folders(path)):
        return folders[split].name if split in folders else split.value
    return FER2013_NAMES[split]


def read_for_training(
    path: Path, *, classes: Mapping[str, str] | None = None, source: str = "", color: bool = False
) -> tuple[LabelledFaces, LabelledFaces]:
    """The faces to learn from (train) and those to watch the training on (validation), checked.

    Args:
        path: As for `read_faces`.
        classes: As for `read_faces`; of a folder of pictures, each must be there.
        source: Name of the data set; if empty, what the reader calls it.
        color: As for `read_faces`.

    Raises:
        DataError: As for `read_faces`, and if a network cannot be trained on it: one of both lacks a class that the
            other has, there is but one class, or none of the core four.
        MissingExtra: As for `read_faces`.
    """
    if path.is_dir() and split_folders(path):
        _refuse_mixture(path, classes or {})
        check_folder(path, classes or {})
    training, held_out = (
        read_faces(path, split=split, classes=classes, color=color) for split in (Split.TRAIN, Split.VALIDATION)
    )
    names = (split_name(path, Split.TRAIN), split_name(path, Split.VALIDATION))
    check_classes(training.fer7, held_out.fer7, path, names)
    if source:
        return replace(training, source=source), replace(held_out, source=source)
    return training, held_out


def read_seen(path: Path, split: Split, *, classes: Mapping[str, str] | None = None) -> LabelledFaces:
    """The faces a model was trained or chosen on before it is tested on `split`.

    Args:
        path: As for `read_faces`; the splits in `SEEN_BEFORE` count. Of a single Parquet file, those of them that it
            has, and the whole file where it has none of them.
        split: The split the model is tested on.
        classes: As for `read_faces`.

    Raises:
        DataError: As for `read_faces`, and if nothing comes before `split`.
        MissingExtra: As for `read_faces`.
    """
    if split not in SEEN_BEFORE:
        raise DataError(f"nothing comes before {split}; choose from {', '.join(SEEN_BEFORE)} to leave duplicates out")
    if path.is_file() and path.suffix.lower() != ".csv":
        found = [_read(path, before, classes or {}, color=False) for before in SEEN_BEFORE[split]]
        parts = [part for part in found if len(part)]
        return LabelledFaces.concatenate(parts) if parts else read_faces(path, classes=classes)
    return LabelledFaces.concatenate([read_faces(path, split=before, classes=classes) for before in SEEN_BEFORE[split]])


def _read(path: Path, split: Split | None, classes: Mapping[str, str], color: bool) -> LabelledFaces:
    if path.is_dir():
        return _read_folder(path, split, classes, color)
    if not path.is_file():
        raise DataError(f"no file or folder {path}; give a Parquet file, {CSV_NAME} or a folder of pictures")
    if path.suffix.lower() == ".csv":
        return _read_csv(path, split)
    faces = _read_parquet(path, split, classes)
    return replace(faces, source=faces.source or path.stem)


def _read_folder(folder: Path, split: Split | None, classes: Mapping[str, str], color: bool) -> LabelledFaces:
    splits = split_folders(folder)
    if splits:
        _refuse_mixture(folder, classes)
        parts = [split] if split else [name for name in FILE_OF_SPLIT if name in splits]
        return LabelledFaces.concatenate([_read_split_folder(folder, part, classes, color) for part in parts])
    wanted = [FILE_OF_SPLIT[split]] if split else list(FILE_OF_SPLIT.values())
    present = [folder / name for name in wanted if (folder / name).is_file()]
    if present:
        faces = LabelledFaces.concatenate([_read_parquet(file, split, classes) for file in present])
        return replace(faces, source=faces.source or folder.resolve().name)
    if (folder / CSV_NAME).is_file():
        return _read_csv(folder / CSV_NAME, split)
    if names := class_names_in(folder, classes):
        raise DataError(f"folder {folder} holds classes ({', '.join(names)}) but no splits; move them into train, ...")
    named = split or Split.TRAIN
    raise DataError(f"folder {folder} holds neither {' nor '.join(wanted)} nor {CSV_NAME} nor a folder named {named}")


def _refuse_mixture(folder: Path, classes: Mapping[str, str]) -> None:
    """Raises `DataError` where a folder of pictures holds data in another form as well."""
    files = [name for name in (*FILE_OF_SPLIT.values(), CSV_NAME) if (folder / name).is_file()]
    others = files + class_names_in(folder, classes)
    if others:
        splits = ", ".join(path.name for path in split_folders(folder).values())
        raise DataError(f"{folder} mixes layouts: {', '.join(others)} beside the splits {splits}; move one elsewhere")


def _read_csv(path: Path, split: Split | None) -> LabelledFaces:
    votes = path.with_name(FERPLUS_CSV_NAME)
    files = [path.resolve(), *([votes.resolve()] if votes.is_file() else [])]
    return cached_faces(f"{path.resolve()}\n{split}", files, lambda: read_csv(path, split))


def _read_parquet(path: Path, split: Split | None, classes: Mapping[str, str]) -> LabelledFaces:
    return cached_faces(
        f"{path.resolve()}\n{split}",
        [path.resolve()],
        lambda: read_parquet(path, split, classes),
        state=repr(sorted(classes.items())),
    )


def _read_split_folder(folder: Path, split: Split, classes: Mapping[str, str], color: bool) -> LabelledFaces:
    pictures = find_split(folder, split, classes)
    return cached_faces(
        f"{pictures.folder.resolve()}\n{split}" + ("\ncolor" if color else ""),
        pictures.paths,
        lambda: read_pictures(pictures, source=folder.resolve().name, color=color),
        state=repr(sorted(classes.items())),
    )
