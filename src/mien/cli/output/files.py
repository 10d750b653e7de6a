"""Files that commands write for the user."""

import os
from collections.abc import Iterable
from pathlib import Path

from mien.errors import OutputError


def write_text(path: Path, text: str) -> None:
    """Writes a file; raises `OutputError` if it cannot be written."""
    try:
        path.write_text(text, "utf-8")
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
        if not os.access(path if path.exists() else path.parent, os.W_OK):
            raise OutputError(f"cannot write to {path}: no permission; name a file in a folder of your own")
        if path.resolve() in taken:
            raise OutputError(f"cannot write to {path}: it is read or written already; name another file")
        taken.add(path.resolve())
