"""ONNX Runtime, which runs every network: the one place where it is loaded and set up."""

import os
from typing import Any

from mien.errors import MienError


def onnx_runtime() -> Any:
    """The package onnxruntime, loaded on first use.

    Its official builds write usage data into the user's home and may send it; a tool that looks at faces must not. The
    variable that stops this is read when the package loads, so it is set here, unless somebody has set it already.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    import onnxruntime  # noqa: PLC0415  see above

    return onnxruntime


def new_session(content: bytes, *, threads: int | None) -> Any:
    """An inference session on the CPU for the bytes of an ONNX file.

    Args:
        content: The file.
        threads: Threads that one call may use, at most as many as there are processors; None leaves it to ONNX Runtime.

    Raises:
        MienError: If fewer than one thread is asked for.
        Exception: Whatever ONNX Runtime raises for a file it cannot load.
    """
    ort = onnx_runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = intra_op_threads(threads)
    options.inter_op_num_threads = 1
    # Waiting threads would otherwise keep their processors busy, to the loss of everything else on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def providers() -> tuple[str, ...]:
    """What the installed ONNX Runtime could compute with; mien uses the CPU, where answers are the same everywhere."""
    return tuple(onnx_runtime().get_available_providers())


def intra_op_threads(threads: int | None) -> int:
    """What ONNX Runtime is told: 0 leaves it to decide. More threads than processors would only wait for one another.

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
