"""A training that is killed in mid-epoch and resumed ends as one that was left alone."""

import csv
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from drawn_faces import drawn_faces

from mien.train.config import TrainingConfig
from mien.train.fit import CHECKPOINT, fit

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 6,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"stem_width": 8, "widths": [16, 32], "depths": [1, 1], "dropout": 0.2},
    }
)
TRAIN = """
import sys
from pathlib import Path
import torch
from drawn_faces import drawn_faces
from test_resume import CONFIG
from mien.train.fit import fit
fit(drawn_faces(320, seed=0), drawn_faces(80, seed=1), CONFIG, Path(sys.argv[1]), threads=1, quiet=True)
"""
PATIENCE_S = 240


def start(folder: Path) -> subprocess.Popen[bytes]:
    here = Path(__file__).resolve().parent
    search = f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}"
    return subprocess.Popen([sys.executable, "-c", search + TRAIN, str(folder)], stderr=subprocess.DEVNULL)


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not path.exists():
        assert process.poll() is None, "the training ended before it could be killed"
        assert time.monotonic() < deadline, f"no {path} after {PATIENCE_S} s"
        time.sleep(0.005)


def losses(log: Path) -> dict[int, float]:
    """Mean training loss by epoch."""
    with (log / "metrics.csv").open(encoding="utf-8") as lines:
        return {int(row["epoch"]): float(row["train_loss"]) for row in csv.DictReader(lines) if row["train_loss"]}


def test_killed_and_resumed_ends_as_left_alone(tmp_path: Path) -> None:
    training, held_out = drawn_faces(320, seed=0), drawn_faces(80, seed=1)
    alone = fit(training, held_out, CONFIG, tmp_path / "alone", threads=1, quiet=True)

    killed = tmp_path / "killed"
    process = start(killed)
    try:
        wait_for(killed / CHECKPOINT, process)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    resumed = fit(training, held_out, CONFIG, killed, resume=True, threads=1, quiet=True)

    assert resumed.accuracy == pytest.approx(alone.accuracy, abs=1e-6)
    second_start, only_start = losses(killed / "logs-2"), losses(tmp_path / "alone" / "logs-1")
    assert 0 not in second_start, "the first epoch was trained again, so nothing was resumed"
    assert second_start == pytest.approx({epoch: only_start[epoch] for epoch in second_start}, rel=1e-4)
    assert CONFIG.epochs - 1 in second_start
