"""Faces per second of the expression model alone, by threads and batch size.

    python benchmarks/model.py [--threads 1 2] [--batches 1 8 64] [--faces 960] [--model base] [--out FILE.json]

What is timed is `ExpressionModel.logits` on crops that are ready: normalizing, running the network, both heads. Every
setting sees about the same number of faces, in many small calls or few large ones.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from _measure import machine, print_table, save, spread, summary, times_ms

from mien.model.package import ExpressionModel, load_model

LEAST_CALLS = 15


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64], help="faces in one call")
    parser.add_argument("--faces", type=int, default=960, help=f"by setting, in at least {LEAST_CALLS} calls")
    parser.add_argument("--model", default="base")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    figures: dict[str, Any] = {"machine": machine(["mien", "onnxruntime", "numpy"]), "speed": []}
    for threads in arguments.threads:
        # One session at a time: the idle threads of another would spin and take its processor time.
        model = load_model(arguments.model, threads=threads)
        figures["model"] = {"name": model.metadata.name, "sha256": model.file.sha256}
        for batch in arguments.batches:
            speed = speed_of(model, batch, calls=max(LEAST_CALLS, arguments.faces // batch))
            figures["speed"].append({"threads": threads, "batch": batch, **speed})
    save(figures, arguments.out)
    head = ("threads", "batch", "faces/s", "quartiles", "ms/call", "quartiles")
    rows = [
        (row["threads"], row["batch"], *spread(row["faces_per_s"], 0), *spread(row["ms_per_call"], 2))
        for row in figures["speed"]
    ]
    print_table(figures["machine"], [head, *rows])


def speed_of(model: ExpressionModel, batch: int, *, calls: int) -> dict[str, dict[str, float]]:
    """Time of one call and faces per second, over `calls` calls with `batch` crops of noise each."""
    shape = model.metadata.input.crop_shape
    crops = np.random.default_rng(0).integers(0, 256, (batch, *shape), np.uint8)
    times = times_ms(lambda: model.logits(crops), runs=calls, warm_up=max(3, calls // 10))
    return {"faces_per_s": summary([1000 * batch / time for time in times]), "ms_per_call": summary(times)}


if __name__ == "__main__":
    main()
