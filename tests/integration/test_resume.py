"""A training that is killed and resumed ends as one that was left alone."""

import csv
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from drawn_faces import drawn_faces
from made_runs import change_record

from mien.train.config import TrainingConfig
from mien.train.run_record import read_record
from mien.train.training import FitOptions, Run, fit

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 4,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"stem_width": 8, "widths": [16, 32], "depths": [1, 1], "dropout": 0.2},
    }
)
DRAFTS = ".mien-*.part"
TRAIN = """
import io, os, signal, sys
from pathlib import Path
import torch
from drawn_faces import drawn_faces
from made_runs import change_record
from test_resume import CONFIG
from mien.train.training import FitOptions, fit
from mien.train.module import ExpressionTraining

def killed():
    os.kill(os.getpid(), signal.SIGKILL)

def in_an_epoch(self, batch, batch_idx):
    if self.global_step == 30:
        killed()

saved = []
save = torch.save

def in_a_checkpoint(checkpoint, file):
    if not saved:
        saved.append(checkpoint)
        return save(checkpoint, file)
    whole = io.BytesIO()
    save(checkpoint, whole)
    file.write(whole.getvalue()[: whole.tell() // 2])
    file.flush()
    killed()

if sys.argv[2] == "epoch":
    ExpressionTraining.on_train_batch_start = in_an_epoch
else:
    torch.save = in_a_checkpoint
fit(drawn_faces(320, seed=0), drawn_faces(80, seed=1), CONFIG, Path(sys.argv[1]), FitOptions(threads=1, quiet=True))
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("alone")
    return fit(drawn_faces(320, seed=0), drawn_faces(80, seed=1), CONFIG, folder, FitOptions(threads=1, quiet=True))


def losses(log: Path) -> dict[int, float]:
    """Mean training loss by epoch."""
    with (log / "metrics.csv").open(encoding="utf-8") as lines:
        return {int(row["epoch"]): float(row["train_loss"]) for row in csv.DictReader(lines) if row["train_loss"]}


@pytest.mark.parametrize("when", ["epoch", "checkpoint"])
def test_killed_in_the_second_epoch_and_resumed_ends_as_left_alone(when: str, alone: Run, tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent
    search = f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}"
    command = [sys.executable, "-c", search + TRAIN, str(tmp_path / "run"), when]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert any((tmp_path / "run").glob(DRAFTS)) is (when == "checkpoint")
    killed = read_record(tmp_path / "run")
    assert (killed.epochs_done, killed.finished) == (1, False)
    assert killed.accuracy.keys() == alone.accuracy.keys()
    (start,) = killed.starts
    first = replace(start, commit="0123456789ab", torch="1.0")
    change_record(tmp_path / "run", starts=(first,))

    options = FitOptions(resume=True, threads=1, quiet=True)
    resumed = fit(drawn_faces(320, seed=0), drawn_faces(80, seed=1), CONFIG, tmp_path / "run", options)
    assert resumed.accuracy == pytest.approx(alone.accuracy, abs=1e-6)
    assert resumed.epochs == CONFIG.epochs
    assert not any((tmp_path / "run").glob(DRAFTS))
    expected = losses(alone.folder / "logs-1")
    del expected[0]  # all that was finished before it was killed
    assert losses(tmp_path / "run" / "logs-2") == pytest.approx(expected, rel=1e-4)
    assert read_record(tmp_path / "run").starts == (first, replace(start, after_epoch=1))
