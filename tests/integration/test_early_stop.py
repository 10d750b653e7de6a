"""A training that ends itself early is a finished one, also where it was killed just after its last epoch."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from made_runs import change_record
from small_training import QUIET, RESUME

from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint
from mien.errors import ConfigError
from mien.export.pipeline import export
from mien.model.package import load_model
from mien.train.config import TrainingConfig
from mien.train.run_record import read_record
from mien.train.training import Run, fit

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 9,
        "batch_size": 16,
        "network": {"stem_width": 4, "widths": [8], "depths": [1]},
        "optimizer": {"peak_learning_rate": 1e-9, "averaging_decay": 0},
        "early_stop": {"monitor": "P3", "patience": 2},
    }
)


@pytest.fixture(scope="module")
def training() -> LabelledFaces:
    return drawn_faces(64, seed=0)


@pytest.fixture(scope="module")
def validation() -> LabelledFaces:
    # The accuracy on one face can get better but once, so the run cannot go on for long.
    return drawn_faces(1, seed=1)


@pytest.fixture(scope="module")
def run(training: LabelledFaces, validation: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(training, validation, CONFIG, tmp_path_factory.mktemp("run"), QUIET)


def test_stops_and_says_so(run: Run) -> None:
    record = read_record(run.folder)
    assert run.epochs == record.epochs_done < CONFIG.epochs
    assert record.stopped_early is True


def test_is_exported_with_the_epochs_it_had(run: Run, tmp_path: Path) -> None:
    # One face is too few to calibrate on, so the run is said to have been validated on more.
    faces = drawn_faces(80, seed=1)
    copy = shutil.copytree(run.folder, tmp_path / "run")
    change_record(copy, data=replace(read_record(copy).data, held_out_sha256=fingerprint(faces)))
    path = export(copy, faces, tmp_path / "short.onnx").path
    assert load_model(path).metadata.training.epochs_done == run.epochs
    assert f"\n{run.epochs} epochs, seed 1" in path.with_suffix(".md").read_text("utf-8")


def test_resumed_after_a_kill_it_trains_no_further(
    training: LabelledFaces, validation: LabelledFaces, run: Run
) -> None:
    finished = read_record(run.folder)
    change_record(run.folder, epochs_done=0, stopped_early=False, accuracy={})
    again = fit(training, validation, CONFIG, run.folder, RESUME)
    assert (again.epochs, again.accuracy) == (run.epochs, run.accuracy)
    record = read_record(run.folder)
    assert (record.epochs_done, record.stopped_early) == (finished.epochs_done, finished.stopped_early)
    assert record.accuracy == finished.accuracy


def test_logs_are_for_spreadsheets_and_for_tensorboard(run: Run) -> None:
    logs = run.folder / "logs-1"
    columns = (logs / "metrics.csv").read_text("utf-8").splitlines()[0].split(",")
    assert {"P1", "P3", "nll_P2", "train_loss", "lr-SGD/pg1"} <= set(columns)
    (events,) = logs.glob("events.out.tfevents.*")
    for name in (b"nll_P2", b"train_loss", b"lr-SGD/pg1"):
        assert name in events.read_bytes()


def test_a_figure_that_no_face_has_a_truth_for_is_refused(training: LabelledFaces, tmp_path: Path) -> None:
    without_votes = drawn_faces(8, seed=1)
    without_votes.votes[:] = np.zeros_like(without_votes.votes)
    config = CONFIG.model_copy(update={"early_stop": CONFIG.early_stop.model_copy(update={"monitor": "nll_P2"})})
    with pytest.raises(ConfigError, match=r"'nll_P2' is not .* no votes; set it to one of nll_P1, nll_P3$"):
        fit(training, without_votes, config, tmp_path / "run", QUIET)
    assert list(tmp_path.iterdir()) == []
