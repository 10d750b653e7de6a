"""Which commit of the source trains."""

import subprocess
from pathlib import Path

_HERE = Path(__file__)


def source_commit() -> str | None:
    """The commit this source stands at, with `-dirty` where it was changed; None if it is not in a clone of its own."""
    # Installed inside somebody's repository, git would name that one's commit: it must track this very file.
    if _git("ls-files", "--error-unmatch", _HERE.name) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=12")


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(_HERE.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
