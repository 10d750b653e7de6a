"""Files that commands write for the user."""

from pathlib import Path

from mien.errors import OutputError


def write_text(path: Path, text: str) -> None:
    """Writes a file; raises `OutputError` if it cannot be written."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; name a file in a folder that exists") from error


def check_folder_of(path: Path) -> None:
    """Raises `OutputError` if no file can lie at `path`, so that it is known before long work."""
    if path.is_dir() or not path.parent.is_dir():
        raise OutputError(f"cannot write to {path}; name a file in a folder that exists")
