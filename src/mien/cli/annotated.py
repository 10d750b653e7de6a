"""Where `mien recognize --annotate` writes, so that no two pictures meet and no source is written over."""

import os
from collections.abc import Sequence
from pathlib import Path

from mien.errors import PictureError

STANDARD_INPUT = Path("-")
"""Stands for the picture on standard input; told apart by identity, since a file may be called "-" too."""

KEPT_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Forms an annotated copy keeps; all others become PNG, which loses nothing."""


def annotated_paths(pictures: Sequence[Path], folder: Path) -> dict[Path, Path]:
    """For each picture, where its annotated copy goes: as the pictures lie under their common folder.

    Args:
        pictures: The pictures to be read, `STANDARD_INPUT` possibly among them.
        folder: The folder for the copies, which must not hold any of the pictures.

    Returns:
        Paths in `folder`, all different for different pictures.

    Raises:
        PictureError: A picture lies in `folder`, so that a copy could be written over it.
    """
    absolute = {picture: picture.resolve() for picture in pictures if picture is not STANDARD_INPUT}
    for picture, place in absolute.items():
        if place.is_relative_to(folder.resolve()):
            raise PictureError(f"{folder} holds pictures that are to be read ({picture}); name another folder")
    common = os.path.commonpath([place.parent for place in absolute.values()]) if absolute else ""
    targets: dict[Path, Path] = {}
    taken: set[Path] = set()
    for picture in dict.fromkeys(pictures):
        inside = absolute[picture].relative_to(common) if picture in absolute else Path("standard-input.png")
        targets[picture] = folder / _free(inside, taken)
    return targets


def make_folder(folder: Path) -> None:
    """Makes the folder and those it lies in, unless they exist; raises `PictureError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise PictureError(f"cannot make the folder {folder}: {error.strerror}; name another one") from error


def _free(inside: Path, taken: set[Path]) -> Path:
    """`inside` with a suffix that can be written, numbered where another picture has that name already."""
    if inside.suffix.lower() not in KEPT_SUFFIXES:
        inside = inside.with_name(inside.name + ".png")
    candidate, number = inside, 1
    while candidate in taken:
        number += 1
        candidate = inside.with_name(f"{inside.stem}-{number}{inside.suffix}")
    taken.add(candidate)
    return candidate
