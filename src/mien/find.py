"""Finds pictures: files, folders and glob patterns become paths, in a stable order and each file once."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.errors import PictureError
from mien.images import SUFFIXES, refuse_url, shown


def find_pictures(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path | PictureError]:
    """The pictures meant by `paths`, and an error for each of these that leads to none.

    A file that is named is taken whatever its suffix. A folder is searched with all folders in it, by suffix, in order
    of names; hidden files and folders are left out, links are followed. What is neither but contains `*`, `?` or `[` is
    a pattern (`**` stands for any depth); its matches are chosen by suffix, its folders searched.

    Args:
        paths: Files, folders and patterns, in any mixture.

    Yields:
        Each picture's path, once even where several of `paths` or links lead to it, or a `PictureError` that says what
        is wrong with one of `paths`; the errors are given, not raised, so that the rest can go on.
    """
    given: set[str] = set()
    for path in paths:
        try:
            found = _meant_by(os.fsdecode(path))
        except PictureError as error:
            yield error
            continue
        anything = False
        for item in found:
            anything = True
            if isinstance(item, PictureError):
                yield item
            elif (real := os.path.realpath(item)) not in given:
                given.add(real)
                yield item
        if not anything:
            yield PictureError(f"{shown(path)}: no pictures here; looked for {', '.join(SUFFIXES)}")


def _meant_by(path: str) -> Iterator[Path | PictureError]:
    refuse_url(path)
    if _is_folder(path):
        return _in_folder(Path(path), set())
    if os.path.lexists(path):
        return iter([Path(path)])
    if glob.has_magic(path):
        return _by_pattern(path)
    raise PictureError(f"{shown(path)}: no such file or folder; check the path")


def _by_pattern(pattern: str) -> Iterator[Path | PictureError]:
    for match in sorted(glob.iglob(pattern, recursive=True)):  # noqa: PTH207  Path.glob takes no absolute pattern
        if _is_folder(match):
            yield from _in_folder(Path(match), set())
        elif _is_picture(match):
            yield Path(match)


def _in_folder(folder: Path, entered: set[str]) -> Iterator[Path | PictureError]:
    """Pictures in a folder and in those inside it; `entered` keeps links from leading round in circles."""
    real = os.path.realpath(folder)
    if real in entered:
        return
    entered.add(real)
    try:
        contents = sorted(folder.iterdir())
    except OSError as error:
        yield PictureError(f"{shown(folder)}: cannot be listed ({error.strerror}); check its permissions")
        return
    for path in contents:
        if path.name.startswith("."):
            continue
        if _is_folder(path):
            yield from _in_folder(path, entered)
        elif _is_picture(path.name):
            yield path


def _is_folder(path: str | os.PathLike[str]) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises where a folder on the way is closed


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
