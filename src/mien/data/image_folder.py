"""Folders of pictures: one for each split, in it one for each class."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.class_mapping import check_classes, fer7_position, listed, refuse_unreadable
from mien.data.fer2013 import FACE_SIZE
from mien.data.labelled_faces import NO_LABEL, VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split, find_split_named
from mien.errors import DataError, PictureError, choose_from
from mien.find import find_pictures
from mien.images import SUFFIXES, read_picture
from mien.preprocess import Preprocessing, fit_crop

_CROP = Preprocessing(FACE_SIZE, FACE_SIZE, "gray", mean=(0.0,), std=(1.0,))
_PICTURES_OF_OTHER_FORMATS = (".avif", ".heic", ".heif", ".jp2", ".jxl", ".pgm", ".ppm", ".tga")


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one split, found but not read.

    Attributes:
        folder: The split's folder.
        paths: The pictures, by class folder and path.
        fer7: int64 of shape (N,), class position in `FER7` of each.
    """

    folder: Path
    paths: tuple[Path, ...]
    fer7: NDArray[np.int64]


def split_folders(folder: Path) -> dict[Split, Path]:
    """The folders in `folder` that stand for splits, by split; `DataError` where two stand for the same."""
    found: dict[Split, Path] = {}
    for inside in _folders_in(folder):
        split = find_split_named(inside.name)
        if split in found:
            raise DataError(f"{folder} has two folders for {split}: {found[split].name} and {inside.name}; keep one")
        if split:
            found[split] = inside
    return found


def find_split(folder: Path, split: Split, classes: Mapping[str, str]) -> Pictures:
    """Finds the pictures of a split; those of classes that are left out are not among them.

    Args:
        folder: Holds the folders of the splits.
        split: Which of them.
        classes: As for `fer7_position`.

    Raises:
        DataError: If there is no such split, a class is unknown or empty, or a picture lies outside of a class or is of
            a format that is not read.
    """
    inside = split_folders(folder).get(split)
    if inside is None:
        there = ", ".join(path.name for path in _folders_in(folder))
        raise DataError(f"{folder} has no folder {split}; it has {there}: take another split, or rename one to {split}")
    _refuse_stray(inside)
    paths: list[Path] = []
    positions: list[int] = []
    for class_folder, position in _class_positions(inside, classes):
        if position != NO_LABEL:
            pictures = _pictures_in(class_folder)
            paths += pictures
            positions += [position] * len(pictures)
    return Pictures(inside, tuple(paths), np.array(positions, dtype=np.int64))


def read_pictures(pictures: Pictures, source: str, *, color: bool = False) -> LabelledFaces:
    """Decodes the pictures, each upright, grayscale and resized as inference does with crops; without votes.

    In `color`, each channel is resized as grayscale is.

    Raises:
        DataError: If some cannot be read; it lists the first of them.
    """
    total = len(pictures.paths)
    pixels = np.empty((total, *((3,) if color else ()), FACE_SIZE, FACE_SIZE), dtype=np.uint8)
    faults: list[str] = []
    for index, path in enumerate(pictures.paths):
        try:
            picture = read_picture(path)
            if color:
                pixels[index] = [fit_crop(picture[..., [channel] * 3], _CROP) for channel in range(3)]
            else:
                pixels[index] = fit_crop(picture, _CROP)
        except PictureError as fault:
            faults.append(str(fault))
    refuse_unreadable(faults, total, pictures.folder)
    return LabelledFaces(
        pixels=pixels,
        fer7=pictures.fer7,
        votes=np.zeros((total, len(VOTE_COLUMNS)), dtype=np.int64),
        rows=np.arange(total),
        source=source,
        files=np.array([path.relative_to(pictures.folder.parent).as_posix() for path in pictures.paths], dtype=np.str_),
    )


def check_folder(folder: Path, classes: Mapping[str, str]) -> None:
    """Checks names, splits and classes of a data set to train on before the first picture is decoded.

    Raises:
        DataError: As `find_split` and `check_classes`; and if a name in `classes` is that of no folder.
    """
    # First, since a class folder whose name is mistyped there would be called unknown.
    names = sorted({path.name for inside in split_folders(folder).values() for path in _folders_in(inside)})
    folded = {name.casefold() for name in names}
    for own in classes:
        if own.casefold() not in folded:
            raise DataError(f"[data.classes]: {choose_from(f'folder in the splits of {folder}', own, tuple(names))}")
    training, held_out = (find_split(folder, split, classes) for split in (Split.TRAIN, Split.VALIDATION))
    check_classes(training.fer7, held_out.fer7, folder, (training.folder.name, held_out.folder.name))


def class_names_in(folder: Path, classes: Mapping[str, str]) -> list[str]:
    """The folders in `folder` whose names are those of classes."""
    names = []
    for inside in _folders_in(folder):
        try:
            fer7_position(inside.name, classes)
        except DataError:
            continue
        names.append(inside.name)
    return names


def _class_positions(folder: Path, classes: Mapping[str, str]) -> list[tuple[Path, int]]:
    found: list[tuple[Path, int]] = []
    for inside in _folders_in(folder):
        try:
            found.append((inside, fer7_position(inside.name, classes)))
        except DataError as fault:
            raise DataError(
                f"{folder}: {fault}; or map it in [data.classes] to train, else by --class NAME=LABEL"
            ) from None
    if not found:
        raise DataError(f"{folder} has no pictures; put them into a folder for each class, such as {folder / 'happy'}")
    return found


def _pictures_in(class_folder: Path) -> list[Path]:
    found = []
    for picture in find_pictures([class_folder]):
        if isinstance(picture, PictureError):
            raise DataError(f"{picture}; remove the folder if its class is not wanted") from picture
        found.append(picture)
    inside = (path for path in class_folder.rglob("*") if not _is_hidden(path.relative_to(class_folder)))
    others = [path for path in inside if path.suffix.lower() in _PICTURES_OF_OTHER_FORMATS]
    faults = [f"{path}: is of a format that is not read" for path in others]
    refuse_unreadable(faults, len(found) + len(others), class_folder)
    return found


def _is_hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _refuse_stray(folder: Path) -> None:
    stray = [path.name for path in _contents(folder) if path.name.lower().endswith(SUFFIXES) and path.is_file()]
    if stray:
        raise DataError(f"{folder} has pictures outside of a class, move them into the folder of one: {listed(stray)}")


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in _contents(folder) if path.is_dir()]


def _contents(folder: Path) -> list[Path]:
    """What lies in a folder and is not hidden, by name."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as fault:
        raise DataError(f"{folder} cannot be listed ({fault.strerror}); check its permissions") from fault
