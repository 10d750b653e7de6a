"""Folders of pictures: one for each split, in it one for each class."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.data.class_mapping import fer7_position, listed, refuse_unreadable
from mien.data.crops import Crop, Crops
from mien.data.labelled_faces import NO_LABEL, VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split, find_split_named
from mien.errors import DataError, PictureError, UnsupportedPicture, choose_from
from mien.find import find_pictures
from mien.formats import PICTURE_SUFFIXES
from mien.images import read_picture

LARGEST_PX = 256
"""What the longer side of a crop is reduced to where it has more; a thousand larger ones in color would fill memory."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """The pictures of one split, found but not read.

    Attributes:
        root: The data set's folder.
        folder: The split's folder.
        paths: The pictures, by class folder and path.
        fer7: int64 of shape (N,), class position in `FER7` of each.
    """

    root: Path
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


def find_split(folder: Path, classes: Mapping[str, str], root: Path) -> Pictures:
    """Finds the pictures of a split; those of classes that are left out are not among them.

    Args:
        folder: The split's folder, which holds those of the classes.
        classes: As for `fer7_position`.
        root: The data set's folder.

    Raises:
        DataError: If a class is unknown or empty, or a picture lies outside of a class or is of a format that is not
            read.
    """
    _refuse_stray(folder)
    paths: list[Path] = []
    positions: list[int] = []
    for class_folder, position in _class_positions(folder, classes):
        if position != NO_LABEL:
            pictures = _pictures_in(class_folder)
            paths += pictures
            positions += [position] * len(pictures)
    return Pictures(root, folder, tuple(paths), np.array(positions, dtype=np.int64))


def read_pictures(pictures: Pictures, source: str) -> LabelledFaces:
    """Decodes the pictures; the faces are without votes, and their files are relative to the data set's folder.

    Raises:
        DataError: If some cannot be read; it lists the first of them.
    """
    crops: list[Crop] = []
    faults: list[str] = []
    for path in pictures.paths:
        try:
            crops.append(read_crop(path))
        except PictureError as fault:
            faults.append(str(fault))
    total = len(pictures.paths)
    refuse_unreadable(faults, total, pictures.folder)
    return LabelledFaces(
        crops=Crops(crops),
        fer7=pictures.fer7,
        votes=np.zeros((total, len(VOTE_COLUMNS)), dtype=np.int64),
        rows=np.arange(total),
        source=source,
        files=np.array([path.relative_to(pictures.root).as_posix() for path in pictures.paths], dtype=np.str_),
        split=np.full(total, pictures.folder.resolve().name),
    )


def read_crop(picture: Path | bytes) -> Crop:
    """The picture of a face as a crop, upright: of shape (H, W) where it shows gray alone, else (H, W, 3), RGB.

    Its longer side is reduced to `LARGEST_PX` where it has more.

    Raises:
        PictureError: As `mien.images.read_picture`.
    """
    image_rgb = read_picture(picture)
    longer = max(image_rgb.shape[:2])
    if longer > LARGEST_PX:
        height, width = (max(1, round(side * LARGEST_PX / longer)) for side in image_rgb.shape[:2])
        image_rgb = np.asarray(Image.fromarray(image_rgb).resize((width, height), Image.Resampling.BOX))
    red = image_rgb[..., 0]
    is_gray = np.array_equal(red, image_rgb[..., 1]) and np.array_equal(red, image_rgb[..., 2])
    return np.ascontiguousarray(red) if is_gray else image_rgb


def refuse_unknown_names(classes: Iterable[str], folders: Iterable[Path], place: Path) -> None:
    """Raises `DataError`, naming the nearest, if one of the `classes` to be mapped is no folder in the splits.

    Args:
        classes: Names that are mapped to labels.
        folders: The folders of the splits.
        place: Where they lie, for the message.
    """
    names = sorted({path.name for inside in folders for path in _folders_in(inside)})
    folded = {name.casefold() for name in names}
    for own in classes:
        if own.casefold() not in folded:
            raise DataError(f"[data.classes]: {choose_from(f'folder in the splits of {place}', own, tuple(names))}")


def folder_names(folder: Path) -> list[str]:
    """The names of the folders in `folder` that are not hidden."""
    return [path.name for path in _folders_in(folder)]


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
                f"{folder}: {fault}; or say in the mapping of classes which it means ([data.classes] of a training)"
            ) from None
    if not found:
        raise DataError(f"{folder} has no pictures; put them into a folder for each class, such as {folder / 'happy'}")
    return found


def _pictures_in(class_folder: Path) -> list[Path]:
    found = []
    for picture in find_pictures([class_folder]):
        if isinstance(picture, UnsupportedPicture):
            raise DataError(str(picture)) from picture
        if isinstance(picture, PictureError):
            raise DataError(f"{picture}; remove the folder if its class is not wanted") from picture
        found.append(picture)
    return found


def _refuse_stray(folder: Path) -> None:
    stray = [path.name for path in _contents(folder) if path.name.lower().endswith(PICTURE_SUFFIXES) and path.is_file()]
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
