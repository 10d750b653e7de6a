"""One training at a time in a folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from mien.errors import ConfigError

LOCK = "run.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder while one is at work; the lock goes with the process, however that ends.

    Args:
        folder: Where the training is; it is made if it does not exist.

    Raises:
        ConfigError: If another is at work there, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"cannot make the folder {folder}: {fault.strerror}; name another with --output") from fault
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as fault:
        raise ConfigError(f"another training is at work in {folder}; let it end, or name another folder") from fault
    try:
        yield
    finally:
        lock.release()
