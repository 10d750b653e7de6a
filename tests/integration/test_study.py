"""A toy study of two arms and two seeds: killed in between, resumed, and what it says."""

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.errors import ConfigError, OutputError
from mien.study.config import Study, load_study
from mien.study.data import StudyFaces
from mien.study.run import run_study, trainings

STUDY = """
title = "Toy"
question = "Does a network of one epoch know less?"
seeds = {seeds}
keep_weights = {keep}
{more}
[training]
epochs = 3
batch_size = 16
precision = "32-true"
network = {{ stem_width = 8, widths = [16, 32], depths = [1, 1] }}
optimizer.averaging_decay = 0.8
[[arms]]
name = "three"
[[arms]]
name = "one"
training.epochs = 1
{arms}
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from test_study import FACES, toy
from mien.study.run import run_study
from mien.train.module import ExpressionTraining

def after_a_run_and_an_epoch(self, batch, batch_idx):
    epoch = self.trainer.current_epoch
    if (self.config.seed, self.config.epochs, epoch, batch_idx) == (2, 3, 1, 2):
        os.kill(os.getpid(), signal.SIGKILL)

ExpressionTraining.on_train_batch_start = after_a_run_and_an_epoch
run_study(toy(Path(sys.argv[1])), FACES, Path(sys.argv[1]) / "study", threads=1)
"""
FACES = StudyFaces(drawn_faces(96, seed=0), drawn_faces(48, seed=1))


def toy(folder: Path, *, more: str = "", arms: str = "", keep: bool = True, seeds: str = "[1, 2]") -> Study:
    file = folder / "toy.toml"
    file.write_text(STUDY.format(more=more, arms=arms, keep=str(keep).lower(), seeds=seeds), "utf-8")
    return load_study(str(file))


def test_killed_and_resumed_ends_as_left_alone(tmp_path: Path) -> None:
    here = Path(__file__).resolve().parent
    search = f"import sys; sys.path[:0] = {[str(here), str(here.parent)]!r}"
    command = [sys.executable, "-c", search + KILLED, str(tmp_path)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    folder = tmp_path / "study"
    halfway = json.loads((folder / "report.json").read_text("utf-8"))
    assert (halfway["finished"], halfway["planned"]) == (2, 4)
    kept = (folder / "runs" / "three-seed1" / "result.json").stat().st_mtime_ns

    lines: list[str] = []
    resumed = run_study(toy(tmp_path), FACES, folder, threads=1, tell=lines.append)
    assert lines == ["3 of 4: three-seed2", "4 of 4: one-seed2"]
    assert (folder / "runs" / "three-seed1" / "result.json").stat().st_mtime_ns == kept
    assert (folder / "runs" / "three-seed2" / "logs-2").is_dir()  # it went on rather than began anew

    alone = run_study(toy(tmp_path), FACES, tmp_path / "alone", threads=1)
    for name, arm in alone.arms.items():
        assert resumed.arms[name].by_seed == arm.by_seed
        assert resumed.arms[name].negative_log_likelihood["P2"].value == pytest.approx(
            arm.negative_log_likelihood["P2"].value, abs=1e-4
        )

    text = (folder / "report.md").read_text("utf-8")
    assert "4 of 4 trainings are finished. Each is trained on" in text
    assert "minus that of `three`" in text
    with (folder / "report.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["arm"] for row in rows] == ["three", "one"]
    assert float(rows[0]["P2"]) == pytest.approx(np.mean(resumed.arms["three"].by_seed["P2"]))
    assert (folder / "report.svg").read_bytes().startswith(b"<?xml")

    with pytest.raises(OutputError, match=r"cannot write to .*toy\.toml: File exists; name another folder"):
        run_study(toy(tmp_path), FACES, tmp_path / "toy.toml")
    with pytest.raises(ConfigError, match=r"cannot continue .*: arms\.one\.batch_size was 16, is now 8\. Undo"):
        run_study(toy(tmp_path, arms="training.batch_size = 8"), FACES, folder)


def test_grows_by_arms_and_seeds_but_loses_none(tmp_path: Path) -> None:
    folder = tmp_path / "study"
    run_study(toy(tmp_path, seeds="[1]"), FACES, folder, threads=1)

    lines: list[str] = []
    larger = toy(tmp_path, seeds="[1, 2]", arms='[[arms]]\nname = "two"\ntraining.epochs = 2')
    grown = run_study(larger, FACES, folder, threads=1, tell=lines.append)
    assert lines == ["3 of 6: two-seed1", "4 of 6: three-seed2", "5 of 6: one-seed2", "6 of 6: two-seed2"]
    assert [len(arm.seeds) for arm in grown.arms.values()] == [2, 2, 2]

    with pytest.raises(ConfigError, match=r"cannot continue .*: seeds was \[1, 2\], is now \[1\]; arms\.two\."):
        run_study(toy(tmp_path, seeds="[1]"), FACES, folder)
    state = json.loads((folder / "study.json").read_text("utf-8"))
    (folder / "study.json").write_text('{"study": "toy"}', "utf-8")
    with pytest.raises(ConfigError, match=r"study\.json cannot be read .*; name another folder"):
        run_study(larger, FACES, folder)
    (folder / "study.json").write_text(json.dumps(state), "utf-8")
    lines.clear()
    run_study(larger, FACES, folder, threads=1, tell=lines.append)
    assert lines == []


def test_an_arm_that_fails_is_told_and_the_others_are_trained(tmp_path: Path) -> None:
    broken = '[[arms]]\nname = "broken"\ntraining.start_from = "nowhere"'
    study = toy(tmp_path, arms=broken, keep=False)
    lines: list[str] = []
    result = run_study(study, FACES, tmp_path / "study", threads=1, tell=lines.append)
    failures = [line for line in lines if "failed" in line]
    assert len(failures) == 1
    assert failures[0].startswith("arm broken failed at seed 1: nowhere holds no training run")
    assert [len(arm.seeds) for arm in result.arms.values()] == [2, 2, 0]
    assert "Arm `broken` failed: nowhere" in (tmp_path / "study" / "report.md").read_text("utf-8")
    assert not list((tmp_path / "study").rglob("*.ckpt"))

    mended = '[[arms]]\nname = "broken"\ntraining.epochs = 1'
    result = run_study(toy(tmp_path, arms=mended, keep=False), FACES, tmp_path / "study", threads=1)
    assert [len(arm.seeds) for arm in result.arms.values()] == [2, 2, 2]


def test_folds_answer_every_face(tmp_path: Path) -> None:
    study = toy(tmp_path, more="data.folds = 2")
    assert [t.fold for t in trainings(study)][:4] == [0, 1, 0, 1]
    faces = StudyFaces(FACES.training[:0], FACES.validation, folds=2)
    result = run_study(study, faces, tmp_path / "study", threads=1)
    text = (tmp_path / "study" / "report.md").read_text("utf-8")
    assert "4 of 4 trainings are finished (each seed in 2 folds)." in text
    assert result.validation_faces["P1"] == 48
    assert [len(arm.seeds) for arm in result.arms.values()] == [2, 2]
