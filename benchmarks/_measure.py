"""What all benchmarks share: how a time is taken, what machine it was taken on, and how figures are written."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any


def median_ms(work: Callable[[], object], *, runs: int = 15, warm_up: int = 3) -> float:
    """Median wall-clock time of one call of `work` in milliseconds, after calls that do not count."""
    for _ in range(warm_up):
        work()
    times_ms = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times_ms.append(1000 * (time.perf_counter() - start))
    return round(median(times_ms), 3)


def fresh_process_ms(code: str, *, runs: int = 9) -> float:
    """Median time of `code` in milliseconds, each run in a Python process of its own that imported NumPy before."""
    timed = f"import time, numpy\nstart = time.perf_counter()\n{code}\nprint(1000 * (time.perf_counter() - start))"
    command = [sys.executable, "-c", timed]
    times_ms = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603  code of ours
        for _ in range(runs + 1)
    ]
    return round(median(times_ms[1:]), 1)


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Processor, system and versions, without which a time means nothing."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in packages},
    }


def report(figures: dict[str, Any], json_path: Path | None) -> None:
    """Prints the figures, and writes them to a file where one is asked for."""
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    print(text)
    if json_path:
        json_path.write_text(text + "\n", encoding="utf-8")


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
