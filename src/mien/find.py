"""Finds pictures: files, folders and glob patterns become paths, in a stable order and each file once."""

import fnmatch
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
    path = Path(pattern)
    anchor = Path(path.anchor)
    entered: set[str] = set()
    for match in sorted(set(_matches(anchor, path.relative_to(anchor).parts))):
        if _is_folder(match):
            yield from _in_folder(match, entered)
        elif _is_picture(match.name):
            yield match


def _matches(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    """What a pattern's `parts` lead to from a folder; `glob` would follow links round in circles without an end."""
    if not parts:
        yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        # Folders that a pattern ends with are searched anyway, with all folders in them.
        while rest[:1] == ("**",):
            rest = rest[1:]
        for inside in _folders_from(folder) if rest else (folder,):
            yield from _matches(inside, rest)
    elif glob.has_magic(part):
        for name in fnmatch.filter(_names(folder), part):
            if part.startswith(".") or not name.startswith("."):
                yield from _matches(folder / name, rest)
    elif os.path.lexists(folder / part):
        yield from _matches(folder / part, rest)


def _names(folder: Path) -> list[str]:
    try:
        return [path.name for path in folder.iterdir()]
    except (OSError, ValueError):  # no folder, a closed one, or a name that cannot be
        return []


def _folders_from(top: Path) -> Iterator[Path]:
    """A folder and all in it, links followed, hidden ones left out, each once however many links lead to it."""
    entered: set[str] = set()
    for folder, inside, _ in os.walk(top, followlinks=True):
        real = os.path.realpath(folder)
        inside[:] = [] if real in entered else sorted(name for name in inside if not name.startswith("."))
        if real not in entered:
            entered.add(real)
            yield Path(folder)


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
