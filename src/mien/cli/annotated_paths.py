"""Where `mien recognize --annotate` writes, so that no two pictures meet and no source is written over."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from mien.errors import OutputError
from mien.files import identities, make_folder

STANDARD_INPUT = Path("-")
"""Stands for the picture on standard input; told apart by identity, since a file may be called "-" too."""

_MARK = ".mien-annotated"
"""A file in a folder that was made for annotated copies, and so holds nothing else."""

KEPT_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
"""Forms an annotated copy keeps; all others become PNG, which loses nothing."""


def annotated_paths(pictures: Sequence[Path], folder: Path) -> list[Path]:
    """For each picture, where its annotated copy goes: as the pictures lie under their common folder.

    A file that is there already, such as the copy of an earlier run, is to be written over; but no link, nor anything
    behind one, and no picture.

    Args:
        pictures: The pictures to be read, each once, `STANDARD_INPUT` possibly among them.
        folder: The folder for the copies, which must not hold any of the pictures.

    Returns:
        Paths in `folder`, all different, in the order of the pictures.

    Raises:
        OutputError: A copy would be written over a picture, or through a link in `folder`.
    """
    places = [None if picture is STANDARD_INPUT else Path(os.path.realpath(picture)) for picture in pictures]
    known = [place for place in places if place is not None]
    top = Path(os.path.realpath(folder))
    for place in known:
        if place.is_relative_to(top):
            raise OutputError(f"{folder} holds pictures that are to be read ({place}); name another folder")
    common = os.path.commonpath([place.parent for place in known]) if known else ""
    taken: set[Path] = set()
    insides = [_free(place.relative_to(common) if place else Path("standard-input.png"), taken) for place in places]
    sources = identities(picture for picture in pictures if picture is not STANDARD_INPUT)
    for inside in insides:
        if os.path.realpath(folder / inside) != str(top / inside):
            raise OutputError(f"{folder / inside} leads elsewhere by a link; name another folder")
        if identities([folder / inside]) & sources:
            raise OutputError(f"{folder / inside} is one of the pictures to be read; name another folder")
    return [folder / inside for inside in insides]


def make_copies_folder(folder: Path) -> None:
    """Makes the folder for the copies; one that is new or empty is marked as such.

    Raises:
        OutputError: It cannot be made.
    """
    make_folder(folder)
    with suppress(OSError):  # whether copies can be written shows when they are
        if not any(folder.iterdir()):
            (folder / _MARK).touch()


def without_copies(pictures: Sequence[Path], paths: Sequence[str], folder: Path) -> list[Path]:
    """The pictures but for the copies of an earlier run: `mien recognize . --annotate marked` may be run twice.

    They are left out where a search came upon a folder that `make_copies_folder` has made; not where one of `paths`
    leads into it.
    """
    top = Path(os.path.realpath(folder))
    if not (top / _MARK).is_file() or any(Path(os.path.realpath(path)).is_relative_to(top) for path in paths):
        return list(pictures)
    return [path for path in pictures if path is STANDARD_INPUT or not Path(os.path.realpath(path)).is_relative_to(top)]


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
