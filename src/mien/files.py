"""Files in the user's folders: checked before long work, written whole or not at all."""

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import IO

from mien.errors import OutputError


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to, which takes the place of `path` once the block ends without an exception.

    Until then what was there before stays. Who may read what was there may read the new. Other processes may be writing
    the same file, each its own draft. A link at `path` is replaced, not followed.

    Raises:
        OSError: If it cannot be written; no draft is left.
    """
    draft = path.with_name(f".mien-{uuid.uuid4().hex}.part")  # not longer than a name may be, whatever the path's
    try:
        with draft.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(S_IMODE(path.stat().st_mode))
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes | str) -> None:
    """Writes a file in one step, as `whole_file` does; text is UTF-8.

    Raises:
        OSError: If it cannot be written; no draft is left.
    """
    with whole_file(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextmanager
def output_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to, whole, where `path` leads by links; a device, such as /dev/stdout, is written to.

    Raises:
        OutputError: If it cannot be opened; no folder, no permission.
        OSError: If what the block writes cannot be written, such as on a full disk; what was there before stays.
    """
    check_outputs([path])
    try:
        opened = path.open("wb") if is_device(path) else None
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; name a file in a folder that exists") from error
    with opened or whole_file(path.resolve()) as file:
        yield file


def write_text(path: Path, text: str) -> None:
    """Writes a file as UTF-8, whole or not at all; raises `OutputError` if it cannot be written.

    The bytes of a file name that are no UTF-8 are written as escapes.
    """
    content = text.encode("utf-8", "backslashreplace")
    try:
        if is_device(path):
            path.write_bytes(content)
        else:
            replace_file(path.resolve(), content)
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; name a file in a folder that exists") from error


def check_outputs(outputs: Iterable[Path | None], *inputs: Path) -> None:
    """Raises `OutputError` for a file that cannot be written or should not be, so that it is known before long work.

    Args:
        outputs: Files to be written, each of which must be another.
        inputs: What is read, and must not be written over.
    """
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path is None:
            continue
        if path.is_dir() or not path.parent.is_dir():
            raise OutputError(f"cannot write to {path}; name a file in a folder that exists")
        # A file is replaced, which its folder must allow; a device is written to.
        places = ([path] if path.exists() else []) + ([] if is_device(path) else [path.resolve().parent])
        if not all(os.access(place, os.W_OK) for place in places):
            raise OutputError(f"cannot write to {path}: no permission; name a file in a folder of your own")
        if path.resolve() in taken:
            raise OutputError(f"cannot write to {path}: it is read or written already; name another file")
        taken.add(path.resolve())


def identities(paths: Iterable[Path]) -> set[tuple[int, int]]:
    """Device and number of each of the files that exist: the same for all names of one file, links of any kind too."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):  # a name that cannot be is no file's
            status = path.stat()
            found.add((status.st_dev, status.st_ino))
    return found


def make_folder(folder: Path) -> None:
    """Makes the folder and those it lies in, unless they exist; raises `OutputError` where that cannot be."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {folder}: {error.strerror}; name another one") from error


def is_device(path: Path) -> bool:
    """Whether it is something like /dev/stdout, in whose place no file may be put, whatever that leads to."""
    return path.exists() and (not path.is_file() or path.is_relative_to("/dev") or path.is_mount())
