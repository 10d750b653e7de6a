import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces
from made_runs import record_of

from mien.errors import ConfigError
from mien.train import run_record
from mien.train.config import TrainingConfig
from mien.train.run_record import (
    RECORD,
    alone_in,
    read_record,
    refuse_other_training,
    refuse_unfinished,
    resumed,
    source_commit,
    write_record,
)

FACES = drawn_faces(8, seed=0)


def test_mean_and_spread_of_the_pixels_are_numpys() -> None:
    faces = drawn_faces(1100, seed=0)
    asked = record_of(faces).input
    assert asked.crop_shape == (48, 48)
    assert asked.mean == (pytest.approx(np.mean(faces.gray()), abs=0.005),)
    assert asked.std == (pytest.approx(np.std(faces.gray()), abs=0.005),)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    record = replace(record_of(FACES), epochs_done=3, accuracy={"P1": 0.5}, sources={"runs/a.onnx": "ab"})
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"config": {"epoch": 3}}', '{"config": {}}'])
def test_a_damaged_record_is_told(text: str, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"holds no training run \(.*\); make one with: mien train"):
        read_record(tmp_path)


def test_what_is_missing_of_a_record_is_named(tmp_path: Path) -> None:
    table = record_of(FACES).to_dict()
    del table["data"]["training_by_label"]
    (tmp_path / RECORD).write_text(json.dumps(table), "utf-8")
    with pytest.raises(ConfigError, match=r"\(data\.training_by_label: missing\)"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    ("epochs_done", "stopped_early", "finished"), [(3, False, False), (3, True, True), (4, False, True)]
)
def test_a_run_is_finished_when_it_was_stopped_by_its_rule_or_has_all_epochs(
    epochs_done: int, stopped_early: bool, finished: bool, tmp_path: Path
) -> None:
    record = record_of(FACES, TrainingConfig(epochs=4))
    record = replace(record, epochs_done=epochs_done, stopped_early=stopped_early)
    assert record.finished is finished
    if finished:
        refuse_unfinished(tmp_path, record)
    else:
        with pytest.raises(ConfigError, match="has not finished an epoch; start it again"):
            refuse_unfinished(tmp_path, record)


def test_a_run_that_goes_on_keeps_what_it_was_and_lists_both_starts(tmp_path: Path) -> None:
    new = record_of(FACES)
    (start,) = new.starts
    first = replace(start, commit="0123456789ab", torch="1.0", mien="0.0.1")
    stored = replace(new, starts=(first,), started_s=1000.0, elapsed_s=5.0, precision="bf16-mixed")
    checkpoint = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "callbacks": {"EpochRecord": {"epochs": 7, "accuracy": {"P1": 0.5}}}}, checkpoint)
    os.utime(checkpoint, (1060, 1060))
    record = resumed(stored, new, checkpoint)
    assert record.starts == (first, replace(start, after_epoch=7))
    assert (record.epochs_done, record.accuracy, record.elapsed_s) == (7, {"P1": 0.5}, 65.0)
    assert record.precision == "bf16-mixed"
    assert record.commits is not None
    assert record.commits.startswith("0123456789ab")
    assert record.facts.starts == record.starts


def test_other_rules_are_another_training() -> None:
    new = record_of(FACES)
    refuse_other_training(Path("run"), new, new)
    other = replace(new, data=replace(new.data, flat_below=2.0))
    with pytest.raises(ConfigError, match=r"cannot continue run: data\.flat_below was 2\.0, is now 1\.0\. Put back"):
        refuse_other_training(Path("run"), other, new)


def test_one_training_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with (
        alone_in(folder),
        pytest.raises(ConfigError, match=r"another training is at work in .*run; let it end"),
        alone_in(folder),
    ):
        pass
    with alone_in(folder):
        pass


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the module in a repository that does not track it."""
    git(tmp_path, "init", "--quiet")
    copy = Path(shutil.copy(run_record.__file__, tmp_path))
    monkeypatch.setattr(run_record, "_HERE", copy)
    return copy


def test_commit_of_the_repository_that_tracks_the_source(source: Path) -> None:
    git(source.parent, "add", source.name)
    git(source.parent, "commit", "--quiet", "--message", "Start")
    head = git(source.parent, "rev-parse", "HEAD")
    assert source_commit() == head[:12]
    source.write_text("changed", "utf-8")
    assert source_commit() == f"{head[:12]}-dirty"


def test_commit_of_a_repository_that_only_holds_an_installation_is_none(source: Path) -> None:
    git(source.parent, "commit", "--quiet", "--allow-empty", "--message", "Start")
    assert source_commit() is None
