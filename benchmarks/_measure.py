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
from statistics import median, quantiles
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def times_ms(work: Callable[[], object], *, runs: int = 15, warm_up: int = 3) -> list[float]:
    """Wall-clock times of single calls of `work` in milliseconds, after calls that do not count."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(1000 * (time.perf_counter() - start))
    return times


def median_ms(work: Callable[[], object], *, runs: int = 15, warm_up: int = 3) -> float:
    """Median of `times_ms`."""
    return round(median(times_ms(work, runs=runs, warm_up=warm_up)), 3)


def summary(values: Sequence[float]) -> dict[str, float]:
    """Median, quartiles and number of what was measured in several runs."""
    q1, middle, q3 = quantiles(values, n=4, method="inclusive") if len(values) > 1 else [values[0]] * 3
    return {"median": round(middle, 3), "q1": round(q1, 3), "q3": round(q3, 3), "runs": len(values)}


def fresh_process_ms(code: str, *, runs: int = 9) -> float:
    """Median time of `code` in milliseconds, each run in a Python process of its own that imported NumPy before."""
    timed = f"import time, numpy\nstart = time.perf_counter()\n{code}\nprint(1000 * (time.perf_counter() - start))"
    command = [sys.executable, "-c", timed]
    times = [
        float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)  # noqa: S603  code of ours
        for _ in range(runs + 1)
    ]
    return round(median(times[1:]), 1)


def machine(packages: Sequence[str]) -> dict[str, Any]:
    """Processor, system, versions and commit, without which a time means nothing."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "versions": {package: _version(package) for package in packages},
        "commit": _commit(),
    }


def report(figures: dict[str, Any], json_path: Path | None) -> None:
    """Prints the figures, and writes them to a file where one is asked for."""
    text = json.dumps(figures, indent=2, ensure_ascii=False)
    print(text)
    save(figures, json_path)


def save(figures: dict[str, Any], json_path: Path | None) -> None:
    """Writes the figures to a file where one is asked for."""
    if json_path:
        json_path.parent.mkdir(parents=True, exist_ok=True)
        json_path.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def print_table(facts: dict[str, Any], rows: Sequence[Sequence[object]]) -> None:
    """Prints one line on the machine and the rows below it, of which the first is the head."""
    print(
        f"{facts['processor']}, {facts['cores']} cores, load {facts['load']}, Python {facts['python']}, "
        f"commit {facts['commit'] or 'unknown'}"
    )
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    for first, *others in texts:
        cells = [first.ljust(widths[0]), *(text.rjust(width) for text, width in zip(others, widths[1:], strict=True))]
        print("  ".join(cells).rstrip())


def spread(figure: dict[str, float], digits: int = 1) -> tuple[str, str]:
    """Median and quartiles as two cells of a table."""
    return f"{figure['median']:,.{digits}f}", f"{figure['q1']:,.{digits}f} to {figure['q3']:,.{digits}f}"


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


def _commit() -> str | None:
    """The commit of the sources, marked where they were changed since; None outside a git clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  nothing from outside
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.strip()
