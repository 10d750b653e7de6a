from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from made_runs import record_of

from mien.errors import ConfigError, DataError
from mien.train.checks import refuse_mismatch, refuse_place, refuse_too_few
from mien.train.config import EarlyStopConfig, TrainingConfig
from mien.train.device import Machine
from mien.train.run_record import write_record

FACES = drawn_faces(8, seed=0)
UNVOTED = replace(FACES, votes=np.zeros_like(FACES.votes))
STOPS = EarlyStopConfig(patience=2, monitor="nll_P2")


def test_a_folder_is_trained_in_once_unless_it_is_resumed(tmp_path: Path) -> None:
    checkpoint = tmp_path / "last.ckpt"
    refuse_place(checkpoint, resume=False)
    with pytest.raises(ConfigError, match=r"nothing to resume: no run in .* has finished an epoch; start it anew"):
        refuse_place(checkpoint, resume=True)
    checkpoint.touch()
    refuse_place(checkpoint, resume=True)
    with pytest.raises(ConfigError, match="holds a run already; resume it, or name another folder"):
        refuse_place(checkpoint, resume=False)


def test_every_process_needs_a_face() -> None:
    refuse_too_few(FACES, Machine(processes=8))
    with pytest.raises(DataError, match="too few faces are left to train on: 8, for 9 processes"):
        refuse_too_few(FACES, Machine(processes=9))
    with pytest.raises(DataError, match="no face is left to train on"):
        refuse_too_few(FACES[:0], Machine())


def test_processes_share_a_batch_equally() -> None:
    refuse_mismatch(TrainingConfig(batch_size=6), FACES, Machine(processes=3))
    with pytest.raises(ConfigError, match="a batch of 7 faces cannot be shared equally by 3 processes"):
        refuse_mismatch(TrainingConfig(batch_size=7), FACES, Machine(processes=3))


def test_what_ends_a_run_is_measured_on_these_faces() -> None:
    refuse_mismatch(TrainingConfig(early_stop=STOPS), FACES, Machine())
    refuse_mismatch(TrainingConfig(early_stop=replace_patience(0)), UNVOTED, Machine())
    with pytest.raises(ConfigError, match=r"'nll_P2' is not measured .*no votes; set it to one of nll_P1, nll_P3$"):
        refuse_mismatch(TrainingConfig(early_stop=STOPS), UNVOTED, Machine())


def replace_patience(patience: int) -> EarlyStopConfig:
    return STOPS.model_copy(update={"patience": patience})


def test_a_run_to_start_from_must_be_finished(tmp_path: Path) -> None:
    config = TrainingConfig(start_from=str(tmp_path))
    with pytest.raises(ConfigError, match="holds no training run"):
        refuse_mismatch(config, FACES, Machine())
    record = record_of(FACES)
    write_record(tmp_path, record)
    with pytest.raises(ConfigError, match="has not finished an epoch; start it again"):
        refuse_mismatch(config, FACES, Machine())
    write_record(tmp_path, replace(record, epochs_done=record.config.epochs))
    refuse_mismatch(config, FACES, Machine())
