"""How many threads ONNX Runtime may use for one call."""

import os

from mien.errors import MienError


def intra_op_threads(threads: int | None) -> int:
    """What ONNX Runtime is told: 0 leaves it to decide.

    More threads than processors only wait for one another, so they are not made.

    Args:
        threads: As a caller asked for; None for no wish.

    Raises:
        MienError: If fewer than one is asked for.
    """
    if threads is None:
        return 0
    if threads < 1:
        raise MienError(f"threads must be 1 or more, or None to leave it to ONNX Runtime; got {threads}")
    return min(threads, os.cpu_count() or 1)
