"""ONNX Runtime, which runs every network: the one place where it is loaded and set up."""

import ctypes
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from threading import Lock, Semaphore
from typing import Any
from weakref import WeakSet

from mien.errors import ArgumentError, ModelError, first_line

_SESSIONS: "WeakSet[Session]" = WeakSet()
_PLACES: "WeakSet[Places]" = WeakSet()


class Places:
    """As many places as there are processors, one for each thread that computes; the others wait for one.

    More at once would not be quicker, and each takes memory of its own. A forked process has all of its own free.
    """

    def __init__(self) -> None:
        self._forked()
        _PLACES.add(self)

    def __enter__(self) -> None:
        self._free.acquire()

    def __exit__(self, *_: object) -> None:
        self._free.release()

    def _forked(self) -> None:
        self._free = Semaphore(os.cpu_count() or 1)


class Session:
    """An inference session on the CPU, which also works in a process that was forked after it was made.

    The threads of ONNX Runtime do not come along into a forked process: a session from before would wait for them
    without an end, even where it is only thrown away. There, the first use makes a new one.

    Of several threads as many compute at once as there are processors, since ONNX Runtime keeps for the next run what
    memory each has taken.

    Args:
        content: The bytes of an ONNX file.
        threads: Threads that one call may use, at most as many as there are processors; None leaves it to ONNX Runtime.

    Raises:
        ArgumentError: If `threads` is no whole number above 0.
        ModelError: If memory runs out.
        Exception: Whatever else ONNX Runtime raises for a file it cannot load.
    """

    def __init__(self, content: bytes, threads: int | None) -> None:
        self._content, self._threads = content, threads
        self._lock, self._places = Lock(), Places()
        try:
            self._session = _inference_session(content, threads)
        except Exception as fault:
            if _is_no_memory(fault):
                raise ModelError("memory ran out while a model was loaded; free some, or use fewer threads") from fault
            raise
        _SESSIONS.add(self)

    def run(self, outputs: Sequence[str] | None, inputs: Mapping[str, Any], *, gives_back: bool = False) -> Any:
        """The arrays of the outputs that are named, or of all.

        Args:
            outputs: Their names, or None.
            inputs: Arrays by the names of inputs.
            gives_back: Whether the memory kept by this run and those before is given back, which makes the next slower.

        Raises:
            MemoryError: If memory runs out.
            Exception: Whatever else ONNX Runtime raises for inputs it cannot take.
        """
        try:
            with self._places:
                return self._here().run(outputs, inputs, _giving_back() if gives_back else None)
        except Exception as fault:
            if _is_no_memory(fault):
                raise MemoryError("memory ran out in ONNX Runtime") from fault
            raise

    def get_inputs(self) -> Any:
        """What ONNX Runtime says of the inputs."""
        return self._here().get_inputs()

    def get_outputs(self) -> Any:
        """What ONNX Runtime says of the outputs."""
        return self._here().get_outputs()

    def get_modelmeta(self) -> Any:
        """What ONNX Runtime says of the file's metadata."""
        return self._here().get_modelmeta()

    def _here(self) -> Any:
        if self._session is None:
            with self._lock:
                if self._session is None:
                    self._session = _inference_session(self._content, self._threads)
        return self._session

    def _forked(self) -> None:
        """Lets go of the session of the process that this one was forked from, without ending it."""
        self._lock = Lock()  # another thread may have held the old one
        if self._session is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self._session))
            self._session = None


def give_back_memory() -> None:
    """Lets the C library give freed memory back to the system, of which it keeps some for each thread.

    What Pillow takes for a large picture comes in parts that are small enough to be kept. Only glibc has this.
    """
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate memory", "pthread_create failed", "cannot allocate")


def _is_no_memory(fault: Exception) -> bool:
    """Whether an error of ONNX Runtime, whose errors share no base class, says that memory has run out."""
    return isinstance(fault, MemoryError) or any(words in str(fault).lower() for words in _NO_MEMORY)


def _after_fork() -> None:
    for places in list(_PLACES):
        places._forked()
    for session in list(_SESSIONS):
        session._forked()


if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_after_fork)


def onnx_runtime() -> Any:
    """The package onnxruntime, loaded on first use.

    Its official builds write usage data into the user's home and may send it; a tool that looks at faces must not. The
    variable that stops this is read when the package loads, so it is set here, unless somebody has set it already.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime  # noqa: PLC0415  see above
    except (ImportError, MemoryError) as fault:
        # It is always installed, so that either there is no memory to load it, or it is not whole.
        raise ModelError(
            f"ONNX Runtime cannot be loaded ({first_line(fault)}); free memory, or install it anew"
        ) from fault

    return onnxruntime


def new_session(content: bytes, *, threads: int | None) -> Session:
    """A session for the bytes of an ONNX file; see `Session`."""
    return Session(content, threads)


def _inference_session(content: bytes, threads: int | None) -> Any:
    allowed = intra_op_threads(threads)
    ort = onnx_runtime()
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = allowed
    options.inter_op_num_threads = 1
    # Waiting threads would otherwise keep their processors busy, to the loss of everything else on the machine.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Without the fallback, which would try the same again and print about it on standard output.
    return ort.InferenceSession(content, options, providers=["CPUExecutionProvider"], enable_fallback=0)


@cache
def _giving_back() -> Any:
    options = onnx_runtime().RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options


def providers() -> tuple[str, ...]:
    """What the installed ONNX Runtime could compute with; mien uses the CPU, where answers are the same everywhere."""
    return tuple(onnx_runtime().get_available_providers())


def intra_op_threads(threads: int | None) -> int:
    """What ONNX Runtime is told: 0 leaves it to decide. More threads than processors would only wait for one another.

    Args:
        threads: As a caller asked for; None for no wish.

    Raises:
        ArgumentError: If it is no whole number, or less than one.
    """
    if threads is None:
        return 0
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ArgumentError(
            f"threads must be a whole number, 1 or more, or None to leave it to ONNX Runtime; got {threads!r}"
        )
    return min(threads, os.cpu_count() or 1)
