"""Two processes on this machine, started by torchrun, train as one; nothing leaves the loopback interface."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.export.onnx_graph import network_logits, trained_network
from mien.expressions import FER7, FERPLUS8, core4_positions
from mien.train.config import TrainingConfig
from mien.train.dataloaders import validation_targets
from mien.train.run_record import read_record

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 3,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"stem_width": 8, "widths": [16, 32], "depths": [1, 1], "dropout": 0.2},
    }
)
TRAIN = """
import sys
from pathlib import Path
import torch
from test_distributed import CONFIG, validation
from drawn_faces import drawn_faces
from mien.train import training as fitting
from mien.train.device import Machine
from mien.train.module import ExpressionTraining

networks = []

class Remembered(ExpressionTraining):
    fails = False

    def on_fit_start(self):
        super().on_fit_start()
        networks.append(self)

    def on_train_batch_start(self, batch, batch_idx):
        if Remembered.fails and self.global_step == 25:
            raise OSError("in the middle of the second epoch")

fitting.ExpressionTraining = Remembered
folder = Path(sys.argv[1])

def fit(name, resume=False):
    options = fitting.FitOptions(resume=resume, threads=1, quiet=True)
    fitting.fit(drawn_faces(320, seed=0), validation(), CONFIG, folder / name, options)
    torch.save(networks[-1].state_dict(), folder / f"{name}-{Machine.found().rank}.pt")

fit("alone")
Remembered.fails = True
try:
    fit("broken")
except OSError:
    Remembered.fails = False
    fit("broken", resume=True)
"""


def validation() -> LabelledFaces:
    """Faces of which every process gets another number, and of these another number with each truth."""
    faces = drawn_faces(81, seed=1)
    fer7, votes = faces.fer7.copy(), faces.votes.copy()
    fer7[::3], votes[1::4] = NO_LABEL, 0
    fer7[:40:2] = FER7.labels.index("fear")
    return replace(faces, fer7=fer7, votes=votes)


def torchrun(*script: str) -> subprocess.CompletedProcess[str]:
    """Runs two processes of a script on the loopback interface."""
    only_here = {"GLOO_SOCKET_IFNAME": "lo"} if sys.platform == "linux" else {}
    start = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--local-addr=127.0.0.1"]
    return subprocess.run(
        [*start, "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", *script],
        env=os.environ | only_here | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distributed")
    here = Path(__file__).resolve().parent
    (folder / "train.py").write_text(f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}\n{TRAIN}", "utf-8")
    done = torchrun(str(folder / "train.py"), str(folder))
    assert done.returncode == 0, done.stderr
    return folder


def test_weights_are_the_same_in_both_processes_and_in_the_file(folder: Path) -> None:
    first, second = (torch.load(folder / f"alone-{rank}.pt", weights_only=True) for rank in (0, 1))
    saved = torch.load(folder / "alone" / "last.ckpt", weights_only=True)["state_dict"]
    assert any(name.endswith("running_var") for name in saved)
    for name, weight in saved.items():
        assert torch.equal(first[name], second[name]), name
        assert torch.equal(first[name], weight), name


def test_accuracy_is_that_of_one_process(folder: Path) -> None:
    record = read_record(folder / "alone")
    faces = validation()
    fer7, ferplus8 = network_logits(trained_network(folder / "alone", record), faces.gray()).values()
    answers = {
        "P1": fer7[:, list(core4_positions(FER7))].argmax(axis=1),
        "P2": ferplus8[:, list(core4_positions(FERPLUS8))].argmax(axis=1),
        "P3": fer7.argmax(axis=1),
        "P4": ferplus8.argmax(axis=1),
    }
    targets = validation_targets(faces)
    accuracy = {name: np.mean((answers[name] == targets[name])[targets[name] != NO_LABEL]) for name in record.accuracy}
    assert set(accuracy) == set(targets)
    assert record.accuracy == pytest.approx(accuracy, abs=1e-6)
    assert 0 < accuracy["P2"] < 1
    for target in targets.values():  # else a mean over the processes would do
        first, second = ((target[rank::2] != NO_LABEL).sum() for rank in (0, 1))
        assert first != second


def test_resumed_in_two_processes_ends_as_left_alone(folder: Path) -> None:
    alone, broken = (torch.load(folder / f"{name}-0.pt", weights_only=True) for name in ("alone", "broken"))
    for name, weight in alone.items():
        torch.testing.assert_close(broken[name], weight, rtol=1e-4, atol=1e-5)
    assert read_record(folder / "broken").accuracy == read_record(folder / "alone").accuracy
    assert [log.name for log in sorted((folder / "broken").glob("logs-*"))] == ["logs-1", "logs-2"]


def test_run_says_what_it_ran_on(folder: Path) -> None:
    (start,) = read_record(folder / "alone").starts
    assert (start.device, start.processes, start.nodes) == ("cpu", 2, 1)


def test_one_process_tells_the_error_of_all(tmp_path: Path) -> None:
    (tmp_path / "any.toml").touch()
    command = ["-m", "mien", "train", "--config", str(tmp_path / "any.toml"), "--data", str(tmp_path / "none")]
    done = torchrun(*command)
    assert done.returncode == 1
    assert done.stderr.count("mien: error: no file or folder") == 1, done.stderr
