"""Import and start-up time, peak memory and, where asked for, installed size of the light runtime.

    python benchmarks/startup.py [--photos DIR] [--runs 15] [--folder-runs 3] [--installed-size] [--out FILE.json]

Every run is a process of its own. Commands are run in turn, one of each in every round, so that a machine which grows
slower does so for all; times over bare Python are of the same round. The first round does not count: it also fills the
caches. Peak memory is the resident set. `--installed-size` makes a virtual environment, `pip install`s this clone into
it and needs a package index. Linux and macOS.
"""

import argparse
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
import venv
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

# Nothing but the standard library: a child's peak memory is never below what its parent held when it was started.
from _measure import ROOT, machine, print_table, save, spread, summary

MIEN = str(Path(sysconfig.get_path("scripts")) / "mien")
PHOTO = str(ROOT / "examples" / "astronaut.jpg")
BARE = "python -c pass"
RECOGNIZE = "mien recognize astronaut.jpg"
COMMANDS = {
    BARE: [sys.executable, "-c", "pass"],
    "python -c 'import mien'": [sys.executable, "-c", "import mien"],
    "mien --help": [MIEN, "--help"],
    RECOGNIZE: [MIEN, "recognize", PHOTO],
}
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=ROOT / "examples", help="a folder, for peak memory")
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--folder-runs", type=int, default=3)
    parser.add_argument("--installed-size", action="store_true", help="measure a fresh installation as well")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    facts = machine(["mien", "numpy", "onnxruntime", "pillow", "typer", "rich"])
    rounds = [{name: run(command) for name, command in COMMANDS.items()} for _ in range(arguments.runs + 1)][1:]
    folder = [
        run([MIEN, "recognize", "--format", "jsonl", str(arguments.photos)]) for _ in range(arguments.folder_runs)
    ]
    figures: dict[str, Any] = {
        "machine": facts,
        "start_up": {name: start_up(rounds, name) for name in COMMANDS},
        "peak_mb": {
            "one photo": summary([each[RECOGNIZE].peak_mb for each in rounds]),
            "folder": {"photos": folder[0].lines, **summary([child.peak_mb for child in folder])},
        },
    }
    if arguments.installed_size:
        figures["installed_mb"] = installed_mb()
    save(figures, arguments.out)
    print_figures(figures)


@dataclass(frozen=True, slots=True)
class Child:
    """What a finished process took, and how many lines it wrote to standard output."""

    wall_ms: float
    cpu_ms: float
    peak_mb: float
    lines: int


def run(command: list[str]) -> Child:
    """Runs a command in a process of its own; one that fails has no figures and raises."""
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.DEVNULL)  # noqa: S603  commands of ours
        # Not resource.getrusage, which has but one peak for all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        wall_ms = 1000 * (time.perf_counter() - start)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise subprocess.CalledProcessError(process.returncode, command)
        output.seek(0)
        lines = sum(1 for _ in output)
    return Child(wall_ms, 1000 * (usage.ru_utime + usage.ru_stime), usage.ru_maxrss * _MAXRSS_UNIT / 1e6, lines)


def start_up(rounds: Sequence[dict[str, Child]], name: str) -> dict[str, dict[str, float]]:
    """Wall-clock and processor time of one command, and both over bare Python in the same round."""
    return {
        "wall_ms": summary([each[name].wall_ms for each in rounds]),
        "cpu_ms": summary([each[name].cpu_ms for each in rounds]),
        "wall_over_bare_ms": summary([each[name].wall_ms - each[BARE].wall_ms for each in rounds]),
        "cpu_over_bare_ms": summary([each[name].cpu_ms - each[BARE].cpu_ms for each in rounds]),
    }


def installed_mb() -> dict[str, float]:
    """Size of each package that `pip install .` brings, compiled files included, in megabytes of 10^6 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        python = Path(sysconfig.get_path("scripts", "venv", {"base": folder})) / "python"
        packages = sysconfig.get_path("purelib", "venv", {"base": folder})
        before = {package.name for package in distributions(path=[packages])}
        subprocess.run([python, "-m", "pip", "install", "--quiet", str(ROOT)], check=True)  # noqa: S603
        sizes = {
            package.name: sum(file.locate().stat().st_size for file in package.files or ())
            for package in distributions(path=[packages])
            if package.name not in before
        }
    by_size = sorted(sizes.items(), key=lambda item: -item[1])
    return {"total": round(sum(sizes.values()) / 1e6, 1)} | {name: round(size / 1e6, 2) for name, size in by_size}


def print_figures(figures: dict[str, Any]) -> None:
    rows: list[tuple[object, ...]] = [("command", "ms", "quartiles", "CPU ms", "ms over bare")]
    for name, times in figures["start_up"].items():
        rows.append(
            (name, *spread(times["wall_ms"]), spread(times["cpu_ms"])[0], spread(times["wall_over_bare_ms"])[0])
        )
    print_table(figures["machine"], rows)
    one, folder = figures["peak_mb"]["one photo"], figures["peak_mb"]["folder"]
    print(f"peak memory: one photo {one['median']:.0f} MB, folder of {folder['photos']} {folder['median']:.0f} MB")
    if "installed_mb" in figures:
        print("installed, MB:", ", ".join(f"{name} {size}" for name, size in figures["installed_mb"].items()))


if __name__ == "__main__":
    main()
