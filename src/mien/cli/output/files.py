"""Files that commands write for the user."""

import os
from collections.abc import Iterable
from pathlib import Path

from mien.errors import OutputError
from mien.train.run.files import replace_file


def write_text(path: Path, text: str) -> None:
    """Writes a file as UTF-8, whole or not at all; raises `OutputError` if it cannot be written.

    The bytes of a file name that are no UTF-8 are written as escapes.
    """
    content = text.encode("utf-8", "backslashreplace")
    try:
        if _is_device(path):
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
        places = ([path] if path.exists() else []) + ([] if _is_device(path) else [path.resolve().parent])
        if not all(os.access(place, os.W_OK) for place in places):
            raise OutputError(f"cannot write to {path}: no permission; name a file in a folder of your own")
        if path.resolve() in taken:
            raise OutputError(f"cannot write to {path}: it is read or written already; name another file")
        taken.add(path.resolve())


def _is_device(path: Path) -> bool:
    """Whether it is something like /dev/stdout, in whose place no file may be put, whatever that leads to."""
    return path.exists() and (not path.is_file() or path.is_relative_to("/dev") or path.is_mount())
