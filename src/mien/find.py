"""Finds pictures: files, folders and glob patterns become paths, in a stable order and each file once."""

import fnmatch
import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from mien.errors import PictureError, UnsupportedPicture
from mien.formats import PICTURE_SUFFIXES, SUFFIXES, VIDEO_SUFFIXES
from mien.images import refuse_url, shown


def find_pictures(paths: Iterable[str | os.PathLike[str]]) -> Iterator[Path | PictureError]:
    """The pictures meant by `paths`, and an error for each of these that leads to none.

    A file that is named is taken whatever its suffix. A folder is searched with all folders in it, by suffix, in order
    of names; hidden files and folders are left out, links are followed. What is neither but contains `*`, `?` or `[` is
    a pattern (`**` stands for any depth); its matches are chosen by suffix, its folders searched.

    Pictures of formats that may not be read, such as HEIC, are among those found, so that whoever reads them says so.
    Videos are errors.

    Args:
        paths: Files, folders and patterns, in any mixture.

    Yields:
        Each picture's path, once even where several of `paths` or links lead to it, or a `PictureError` that says what
        is wrong with one of `paths` or with a video found there; the errors are given, not raised, so that the rest can
        go on.
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
        return _pictures_in(Path(path), set())
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
            yield from _pictures_in(match, entered)
        else:
            yield from _chosen(match)


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
        for inside, is_folder in _walk(folder, set()) if rest else [(folder, True)]:
            if is_folder and isinstance(inside, Path):
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


def _pictures_in(folder: Path, entered: set[str]) -> Iterator[Path | PictureError]:
    for item, is_folder in _walk(folder, entered):
        if isinstance(item, PictureError):
            yield item
        elif not is_folder:
            yield from _chosen(item)


def _walk(top: Path, entered: set[str]) -> Iterator[tuple[Path | PictureError, bool]]:
    """A folder and all that lies in it, at any depth, in order of names, and whether each is a folder.

    What is hidden is left out, links are followed. A folder whose real path is in `entered` is left out, too, and each
    is put there, so that links do not lead round in circles. One that cannot be listed is followed by an error.
    """
    waiting = [top]
    while waiting:
        path = waiting.pop()
        if not _is_folder(path):
            yield path, False
            continue
        real = os.path.realpath(path)
        if real in entered:
            continue
        entered.add(real)
        yield path, True
        try:
            contents = sorted(path.iterdir(), reverse=True)
        except OSError as error:
            yield PictureError(f"{shown(path)}: cannot be listed ({error.strerror}); check its permissions"), False
            continue
        waiting += [inside for inside in contents if not inside.name.startswith(".")]


def _is_folder(path: str | os.PathLike[str]) -> bool:
    return os.path.isdir(path)  # noqa: PTH112  Path.is_dir raises where a folder on the way is closed


def _chosen(file: Path) -> Iterator[Path | PictureError]:
    """A file that was found, if its suffix is that of a picture, or an error if it is that of a video."""
    name = file.name.lower()
    if name.endswith(PICTURE_SUFFIXES):
        yield file
    elif name.endswith(VIDEO_SUFFIXES):
        yield UnsupportedPicture(f"{shown(file)}: is left out, for it is a video; take pictures from it")
