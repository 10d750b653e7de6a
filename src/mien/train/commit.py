"""Which commit of the source trains."""

import subprocess
from pathlib import Path


def source_commit() -> str | None:
    """The commit this source stands at, with `-dirty` where it was changed; None outside a clone or without git."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()
