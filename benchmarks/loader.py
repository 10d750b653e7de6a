"""Samples per second of what feeds a training beside those of the network, time to read the data, and peak memory.

    python benchmarks/loader.py --data DIR [--config configs/base.toml] [--batches 20] [--network-batches 2]
                                [--runs 7] [--reads 3] [--no-memory] [--threads N] [--out FILE.json]

The loader is the training's own, alone and with augmentation after it; the network's step is forward, loss and backward
on one batch that is ready. Reading is timed with an empty cache and with a full one, each in a process of its own.
Peak memory is that of a process that does what `mien train` does, for one epoch of the configuration: it reads the
data, leaves duplicates out, asks the teachers (the shipped `base` where their files are not there), trains, measures on
the held-out faces, and writes checkpoint and logs; all of FER2013 takes minutes. On a CPU; needs the extra `train`.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# Nothing heavy up here: a child's peak memory is never below what its parent held when it was started.
from _measure import ROOT, machine, print_table, save, spread, summary
from startup import run

CHILD = str(Path(__file__).with_name("_training.py"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="as for mien train")
    parser.add_argument("--config", type=Path, default=ROOT / "configs" / "base.toml")
    parser.add_argument("--batches", type=int, default=20, help="of the loader in one run")
    parser.add_argument("--network-batches", type=int, default=2, help="of the network in one run")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--reads", type=int, default=3, help="with an empty cache, and as many with a full one")
    parser.add_argument("--no-memory", action="store_true", help="leave out the epoch whose peak memory is taken")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    figures: dict[str, Any] = {
        "machine": machine(["mien", "torch", "lightning", "numpy", "pillow", "pyarrow"]),
        "threads": arguments.threads,
        "read_ms": reading(arguments.data, arguments.config, times=arguments.reads),
    }
    child = None
    if not arguments.no_memory:
        command = [sys.executable, CHILD, "train", str(arguments.data), str(arguments.config), str(arguments.threads)]
        child = run(command)
    from _training import rates, told  # noqa: PLC0415  brings torch, which no child is to be born with

    if child:
        figures["peak_mb"] = {**told(arguments.config), **summary([child.peak_mb])}
    figures |= rates(arguments)
    save(figures, arguments.out)
    print_figures(figures)


def reading(data: Path, config: Path, *, times: int) -> dict[str, dict[str, float]]:
    """Milliseconds to read both splits, by whether the cache was empty or full."""
    command = [sys.executable, CHILD, "read", str(data), str(config)]
    decoded, cached = [], []
    for _ in range(times):
        with tempfile.TemporaryDirectory() as cache:
            environment = {**os.environ, "MIEN_CACHE": cache}
            for kept in (decoded, cached):
                answer = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)  # noqa: S603
                kept.append(float(answer.stdout))
    return {"decoded": summary(decoded), "cached": summary(cached)}


def print_figures(figures: dict[str, Any]) -> None:
    rows: list[tuple[object, ...]] = [("", "samples/s", "quartiles")]
    rows += [(name, *spread(figure, 0)) for name, figure in figures["samples_per_s"].items()]
    print_table(figures["machine"], rows)
    decoded, cached = (figures["read_ms"][state]["median"] for state in ("decoded", "cached"))
    print(f"reading: {decoded:,.0f} ms, from the cache {cached:,.0f} ms")
    if "peak_mb" in figures:
        peak = figures["peak_mb"]
        teachers = ", ".join(peak["teachers"]) or "none"
        print(f"peak memory of an epoch: {peak['median']:,.0f} MB ({peak['config']}; teachers: {teachers})")


if __name__ == "__main__":
    main()
