"""Runs the command `mien` in forks of one process that has loaded torch already, which takes a tenth of the time.

Run as a program it is that process: it reads a job a line, and answers each with a line.
"""

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_NEW_NETWORK = 0x40000000
_LOADED = (
    "matplotlib.pyplot",
    "mien.cli",
    "mien.audit.pipeline",
    "mien.audit.report",
    "mien.evaluate.evaluation",
    "mien.export.pipeline",
    "mien.recognizer",
    "mien.search.search",
    "mien.study.run",
)


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended.

    Attributes:
        status: Exit status; the signal's number, negative, where one killed it.
        elapsed_s: How long it took.
        output: What it wrote to standard output; empty where that went elsewhere.
        complaints: Likewise of standard error.
    """

    status: int
    elapsed_s: float
    output: str = ""
    complaints: str = ""

    @property
    def was_killed(self) -> bool:
        """Whether it did not end by itself."""
        return self.status == -signal.SIGKILL


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Under what a command runs.

    Attributes:
        kill_after_s: When it gets SIGKILL; None for never.
        largest_file: How many bytes a file may grow to.
        network: Whether there is one; else not even the machine's own.
        output: Where standard output goes; None for where the test reads it.
        complaints: Likewise of standard error.
    """

    kill_after_s: float | None = None
    largest_file: int | None = None
    network: bool = True
    output: str | None = None
    complaints: str | None = None


ANYWHERE = Place()


class Commands:
    """Commands that are forked from one process.

    Args:
        process: Which runs this file.
        folder: Where what they print is kept for a moment.
    """

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process = process
        self._folder = folder

    def run(self, *arguments: object, place: Place = ANYWHERE) -> Ended:
        """Runs `mien` with these arguments to its end."""
        if self._process.stdin is None or self._process.stdout is None:
            raise AssertionError("both are pipes")
        output, complaints = self._folder / "stdout", self._folder / "stderr"
        job = {
            **asdict(place),
            "arguments": list(map(str, arguments)),
            "output": place.output or str(output),
            "complaints": place.complaints or str(complaints),
        }
        for path in (output, complaints):
            path.write_bytes(b"")
            path.chmod(0o666)
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        status, elapsed_s = json.loads(self._process.stdout.readline())
        return Ended(status, elapsed_s, output.read_text("utf-8"), complaints.read_text("utf-8"))


@contextmanager
def forked_commands(folder: Path) -> Iterator[Commands]:
    """Commands, while the block lasts; `folder` is for what they print."""
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MPLBACKEND": "agg"}
    command = [sys.executable, __file__]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Commands(process, folder)
        if process.stdin:
            process.stdin.close()


def _serve() -> None:
    """Forks a child for each job that comes; returns in each child, with what it has to do."""
    for line in iter(sys.stdin.readline, ""):
        job = json.loads(line)
        started_s = time.monotonic()
        child = os.fork()
        if child == 0:
            _run(job)
        ends_s = None if job["kill_after_s"] is None else started_s + job["kill_after_s"]
        while not (ended := os.waitpid(child, os.WNOHANG))[0]:
            if ends_s is not None and time.monotonic() >= ends_s:
                os.kill(child, signal.SIGKILL)
                ends_s = None
            time.sleep(0.002)
        print(json.dumps([os.waitstatus_to_exitcode(ended[1]), time.monotonic() - started_s]), flush=True)


def _run(job: dict[str, Any]) -> None:
    """Runs the job and ends the process as Python would."""
    from mien.cli import main  # loaded before the fork

    for number, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, job["output"], os.O_WRONLY),
        (2, job["complaints"], os.O_WRONLY),
    ):
        os.dup2(os.open(path, flags), number)
    sys.stdin = open(os.devnull)  # noqa: SIM115, PTH123  open to the end
    if job["largest_file"] is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (job["largest_file"],) * 2)
    if not job["network"] and ctypes.CDLL(None).unshare(_NEW_NETWORK) != 0:
        raise AssertionError("the network cannot be taken away")
    sys.argv = ["mien", *job["arguments"]]
    main(job["arguments"])


def _load() -> None:
    """Loads all that the commands load, and lets a search that was killed go on after a second in place of minutes."""
    for name in _LOADED:
        import_module(name)
    storage = import_module("mien.search.storage")
    vars(storage)["_GRACES"] = 1
    storage.open_study.__kwdefaults__["heartbeat_s"] = 1
    import_module("torch").set_num_threads(1)


if __name__ == "__main__":
    _load()
    _serve()
