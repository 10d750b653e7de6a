import copy
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from mien.data.duplicates import training_rows_to_keep
from mien.errors import ConfigError
from mien.train.config import TrainingConfig
from mien.train.device import Machine
from mien.train.run_record import is_finished, new_facts, refuse_changes, resumed_facts


def test_mean_and_spread_of_the_pixels_are_numpys() -> None:
    faces, held_out = drawn_faces(1100, seed=0), drawn_faces(4, seed=1)
    _, left_out = training_rows_to_keep(faces[:8], held_out)
    pixels = new_facts(faces, held_out, left_out, TrainingConfig(), Machine())["pixels"]
    assert pixels["size_px"] == 48
    assert pixels["mean"] == pytest.approx(np.mean(faces.gray()), abs=0.005)
    assert pixels["std"] == pytest.approx(np.std(faces.gray()), abs=0.005)


@pytest.mark.parametrize(
    ("facts", "finished"),
    [
        ({"epochs_done": 3}, False),
        ({"epochs_done": 3, "stopped_early": True}, True),
        ({"epochs_done": 4}, True),
        ({"epochs_done": 4, "stopped_early": False}, True),
    ],
)
def test_a_run_is_finished_when_it_was_stopped_by_its_rule_or_has_all_epochs(facts: dict, finished: bool) -> None:
    assert is_finished(facts | {"config": {"epochs": 4}}) is finished


def test_a_run_from_before_starts_were_listed_goes_on_with_what_is_known_of_it(tmp_path: Path) -> None:
    faces = drawn_faces(8, seed=0)
    new = new_facts(faces, faces, training_rows_to_keep(faces, faces)[1], TrainingConfig(), Machine())
    old = new | {"commit": "0123456789ab", "torch": "1.0", "mien": "0.0.1", "started_s": 1000.0, "elapsed_s": 5.0}
    del old["starts"], old["machine"]
    checkpoint = tmp_path / "last.ckpt"
    torch.save({"state_dict": {}, "callbacks": {"Reached": {"epochs": 7, "accuracy": {"P1": 0.5}}}}, checkpoint)
    os.utime(checkpoint, (1060, 1060))
    facts = resumed_facts(old, new, checkpoint)
    first = {"mien": "0.0.1", "commit": "0123456789ab", "torch": "1.0", "machine": None}
    assert facts["starts"] == [{"after_epoch": None, **first}, new["starts"][0] | {"after_epoch": 7}]
    assert facts | first == facts
    assert (facts["epochs_done"], facts["accuracy"], facts["elapsed_s"]) == (7, {"P1": 0.5}, 65.0)


def test_runs_that_do_not_state_all_rules_go_on_and_those_with_other_rules_do_not() -> None:
    faces, held_out = drawn_faces(16, seed=0), drawn_faces(4, seed=1)
    _, left_out = training_rows_to_keep(faces, held_out)
    facts = new_facts(faces, held_out, left_out, TrainingConfig(), Machine())
    earlier = copy.deepcopy(facts)
    del earlier["data"]["flat_below"], earlier["data"]["not_a_face"]
    refuse_changes(Path("run"), earlier, facts)
    earlier["data"]["flat_below"] = 2.0
    with pytest.raises(ConfigError, match=r"cannot resume run: data\.flat_below was 2\.0, is now 1\.0\."):
        refuse_changes(Path("run"), earlier, facts)
