"""Files that are whole or not there, whenever the process is killed."""

import os
from pathlib import Path
from stat import S_IMODE


def replace_file(path: Path, content: bytes | str) -> None:
    """Writes a file in one step: what was there before stays until the new is complete; text is UTF-8.

    Who may read what was there may read the new. Other processes may be writing the same file, each its own draft.

    Raises:
        OSError: If it cannot be written; no draft is left.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            draft.chmod(S_IMODE(path.stat().st_mode))
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
