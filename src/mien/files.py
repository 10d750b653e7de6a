"""Files in the user's folders: checked before long work, written whole or not at all."""

import errno
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from stat import S_IMODE
from typing import IO

from mien.errors import OutputError

_NO_SPACE = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


def fault_and_remedy(error: OSError, otherwise: str) -> str:
    """Why a file cannot be written and what to do: make space where that is what lacks, `otherwise` where it is not."""
    return f"{error.strerror or error}; {'make space' if error.errno in _NO_SPACE else otherwise}"


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write bytes to, which takes the place of `path` once the block ends without an exception.

    Until then what was there before stays. Who may read what was there may read the new. Other processes may be writing
    the same file, each its own draft. A link at `path` is replaced, not followed.

    Raises:
        OSError: If it cannot be written, with `path` as its file name where the system names none; no draft is left.
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
    except OSError as error:
        if error.errno is not None and error.filename in (None, str(draft)):
            error.filename = str(path)
        raise
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)


def remove_drafts(folder: Path) -> None:
    """Removes what a process that was killed has left of files it was writing; no other may be writing there."""
    for draft in folder.glob(".mien-*.part"):
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
        remedy = fault_and_remedy(error, "name a file in a folder that exists")
        raise OutputError(f"cannot write to {path}: {remedy}") from error
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
        remedy = fault_and_remedy(error, "name a file in a folder that exists")
        raise OutputError(f"cannot write to {path}: {remedy}") from error


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
        raise OutputError(f"cannot make the folder {folder}: {fault_and_remedy(error, 'name another one')}") from error


def is_device(path: Path) -> bool:
    """Whether it is something like /dev/stdout, in whose place no file may be put, whatever that leads to."""
    return path.exists() and (not path.is_file() or path.is_relative_to("/dev") or path.is_mount())
