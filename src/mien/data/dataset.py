"""Data sets in any form that people have them: FER2013's CSV, Parquet, or folders of pictures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.cache import cached_faces
from mien.data.class_mapping import check_classes
from mien.data.fer2013 import CSV_NAME, FERPLUS_CSV_NAME, FILE_OF_SPLIT, read_csv, read_parquet
from mien.data.image_folder import (
    Pictures,
    class_names_in,
    find_split,
    folder_names,
    read_pictures,
    refuse_unknown_names,
    split_folders,
)
from mien.data.labelled_faces import LabelledFaces
from mien.data.split import FER2013_NAMES, SEEN_BEFORE, Split, split_named
from mien.errors import DataError

Classes = Mapping[str, str]
"""A data set's own class names and the label of `FER7` each means; "" leaves the class out.

FER7's labels and FER+'s words for them need not be among them. FER2013's CSV has numbers, which this does not touch."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One split: what the data set calls it, how it is read, and how its labels are had without decoding pictures."""

    name: str
    read: Callable[[], LabelledFaces]
    labels: Callable[[], NDArray[np.int64]]


class Dataset:
    """A data set that `open_dataset` has found. Its faces are read when they are asked for.

    Attributes:
        path: Its file or folder.
        splits: The splits that it has, in order, and what it calls each of them, such as `val` or `PublicTest`. None
            for a folder of class folders.
    """

    def __init__(self, path: Path, parts: Mapping[Split | None, _Part], *, classes: Classes, name: str) -> None:
        self.path, self.splits = path, {split: part.name for split, part in parts.items() if split}
        self._parts, self._classes, self._name = parts, classes, name

    def __repr__(self) -> str:
        return f"Dataset({self.path.name!r}, splits={', '.join(self.splits.values()) or None})"

    @cached_property
    def name(self) -> str:
        """The name that it was opened with; else FER2013, or that of its file or folder."""
        return self._name or self._faces(next(iter(self._parts.values()))).source

    def read(self, split: Split | None = None) -> LabelledFaces:
        """The faces of a split, or of all.

        They come from the cache if they were read before (see `mien.data.cache`).

        Raises:
            DataError: If there is no such split, or its content is not what it must be.
            MissingExtra: If a Parquet file is to be read and pyarrow is not installed.
        """
        parts = list(self._parts.values()) if split is None else [self._part(split)]
        return LabelledFaces.concatenate([self._faces(part) for part in parts])

    def read_for_training(self) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces to train on and those to validate on; checked before the first picture is decoded.

        Raises:
            DataError: As `read`; and if a network cannot be trained on them: one split lacks a class that the other
                has, there is but one class, or none of the core four, or a class to be mapped is not there.
            MissingExtra: As `read`.
        """
        if folders := self._split_folders:
            # First, since a class folder whose name is mistyped there would be called unknown.
            refuse_unknown_names(self._classes, folders, self.path)
        training, validation = self._part(Split.TRAIN), self._part(Split.VALIDATION)
        check_classes(training.labels(), validation.labels(), self.path, (training.name, validation.name))
        return self._faces(training), self._faces(validation)

    def seen_before(self, split: Split) -> LabelledFaces:
        """The faces a model was trained or chosen on before it is tested on `split`.

        They are those of the splits that come before; of a single file, those of them that it has, and the whole file
        where it has none of them.

        Raises:
            DataError: As `read`, and if nothing comes before `split`.
            MissingExtra: As `read`.
        """
        if split not in SEEN_BEFORE:
            raise DataError(
                f"nothing comes before {split}; choose from {', '.join(SEEN_BEFORE)} to leave duplicates out"
            )
        before = SEEN_BEFORE[split]
        if self.path.is_file():
            before = tuple(each for each in before if each in self.splits)
        return LabelledFaces.concatenate([self.read(each) for each in before]) if before else self.read()

    def _part(self, split: Split) -> _Part:
        if split in self._parts:
            return self._parts[split]
        if None in self._parts:
            names = ", ".join(class_names_in(self.path, self._classes))
            raise DataError(f"folder {self.path} holds classes ({names}) but no splits; move them into {split}, ...")
        if folders := self._split_folders:
            there = ", ".join(folder_names(folders[0].parent))
            if split is Split.VALIDATION and Split.TRAIN in self._parts:
                # Validating on test would leave nothing to measure by.
                own = self._parts[Split.TRAIN].name
                another = f"move a tenth of {own} there, of every class, and never pictures of one person to both"
            else:
                another = "or take another split"
            raise DataError(f"{self.path} has no folder {split}; it has {there}: rename one if it is meant, {another}")
        raise DataError(f"no split {split} in {self.path}; it has {', '.join(self.splits.values())}")

    @property
    def _split_folders(self) -> list[Path]:
        """The folders of the splits, of a folder of pictures."""
        folders = [self.path / name for name in self.splits.values()]
        return folders if all(folder.is_dir() for folder in folders) else []

    def _faces(self, part: _Part) -> LabelledFaces:
        faces = part.read()
        if not len(faces):
            raise DataError(f"no {part.name} faces in {self.path}; give data that has some")
        return replace(faces, source=self._name or faces.source)


def open_dataset(path: Path, classes: Classes | None = None, *, name: str = "") -> Dataset:
    """Finds a data set's splits. A single file is read by this; a folder when its faces are asked for.

    Args:
        path: A Parquet file (columns `row`, `usage`, `emotion`, `image` with the bytes of a picture, ten `ferplus_*`
            columns of votes); the original `fer2013.csv`, with FER+'s `fer2013new.csv` beside it for the votes; a
            folder that holds `train.parquet`, `public_test.parquet`, `private_test.parquet` or `fer2013.csv`; or a
            folder of pictures, in which `train`, `validation` and `test` have a folder for each class, or which itself
            has one for each.
        classes: What class names mean that are not known.
        name: What the data set is to be called; if empty, what its reader calls it.

    Raises:
        DataError: If there is no such file or folder, or it holds nothing of these, or several in a mixture.
        MissingExtra: If a Parquet file is to be read and pyarrow is not installed.
    """
    classes = dict(classes or {})
    if path.is_dir():
        parts = _parts_of_folder(path, classes)
    elif not path.is_file():
        raise DataError(f"no file or folder {path}; give a Parquet file, {CSV_NAME} or a folder of pictures")
    elif path.suffix.lower() == ".csv":
        parts = _parts_of_faces(_csv_faces(path), path)
    else:
        parts = _parts_of_faces(_parquet_faces(path, classes, source=path.stem), path)
    return Dataset(path, parts, classes=classes, name=name)


def _parts_of_folder(folder: Path, classes: Classes) -> Mapping[Split | None, _Part]:
    files = {split: folder / name for split, name in FILE_OF_SPLIT.items() if (folder / name).is_file()}
    has_csv, own_classes = (folder / CSV_NAME).is_file(), class_names_in(folder, classes)
    if splits := split_folders(folder):
        others = [file.name for file in files.values()] + [CSV_NAME] * has_csv + own_classes
        if others:
            own = ", ".join(path.name for path in splits.values())
            raise DataError(f"{folder} mixes layouts: {', '.join(others)} beside the splits {own}; move one elsewhere")
        return {split: _pictures_part(splits[split], folder, classes) for split in Split if split in splits}
    if files:
        return {split: _parquet_part(split, file, folder, classes) for split, file in files.items()}
    if has_csv:
        return _parts_of_faces(_csv_faces(folder / CSV_NAME), folder)
    if own_classes:
        return {None: _pictures_part(folder, folder, classes)}
    raise DataError(
        f"folder {folder} holds none of {', '.join(FILE_OF_SPLIT.values())} and {CSV_NAME}, and no folder named "
        f"{', '.join(Split)} or for a class, such as happy"
    )


def _parts_of_faces(faces: LabelledFaces, path: Path) -> Mapping[Split | None, _Part]:
    """The parts of a file that was read."""
    if not len(faces):
        raise DataError(f"no labelled faces in {path}; give a file that holds them")
    names = {split_named(name): name for name in faces.splits}
    return {split: _read_part(names[split], faces) for split in Split if split in names}


def _read_part(name: str, faces: LabelledFaces) -> _Part:
    part = faces[_positions(faces, name)]
    return _Part(name, lambda: part, lambda: part.fer7)


def _positions(faces: LabelledFaces, name: str) -> slice | NDArray[np.int64]:
    """Where the faces of a split stand: as a slice where they stand together, for then nothing is copied."""
    positions = np.flatnonzero(faces.split == name)
    first, last = int(positions[0]), int(positions[-1])
    return slice(first, last + 1) if last - first + 1 == len(positions) else positions


def _pictures_part(split_folder: Path, root: Path, classes: Classes) -> _Part:
    @cache
    def found() -> Pictures:
        return find_split(split_folder, classes, root=root)

    def read() -> LabelledFaces:
        return cached_faces(
            f"{split_folder.resolve()}\n",
            found().paths,
            lambda: read_pictures(found(), source=root.resolve().name),
            state=repr(sorted(classes.items())),
        )

    return _Part(split_folder.resolve().name, read, lambda: found().fer7)


def _parquet_part(split: Split, file: Path, folder: Path, classes: Classes) -> _Part:
    def read() -> LabelledFaces:
        faces = _parquet_faces(file, classes, source=folder.resolve().name)
        others = [name for name in faces.splits if split_named(name) != split]
        if others:
            raise DataError(f"{file} has faces of {', '.join(others)}; a file of that name must hold {split} alone")
        return replace(faces, split=np.full(len(faces), FER2013_NAMES[split]))

    return _Part(FER2013_NAMES[split], read, lambda: read().fer7)


def _csv_faces(path: Path) -> LabelledFaces:
    votes = path.with_name(FERPLUS_CSV_NAME)
    files = [path.resolve(), *([votes.resolve()] if votes.is_file() else [])]
    return cached_faces(f"{path.resolve()}\n", files, lambda: read_csv(path))


def _parquet_faces(path: Path, classes: Classes, *, source: str) -> LabelledFaces:
    state = repr(sorted(classes.items()))
    faces = cached_faces(f"{path.resolve()}\n", [path.resolve()], lambda: read_parquet(path, classes), state=state)
    return replace(faces, source=faces.source or source)
