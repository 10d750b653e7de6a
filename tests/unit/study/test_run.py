from pathlib import Path

from mien.study.config import load_study
from mien.study.run import Training, done, trainings

STUDY = """
title = "Two"
seeds = [3, 5]
{data}
[[arms]]
name = "one"
[[arms]]
name = "two"
"""


def planned(folder: Path, data: str = "") -> tuple[Training, ...]:
    file = folder / "two.toml"
    file.write_text(STUDY.format(data=data), "utf-8")
    return trainings(load_study(str(file)))


def test_every_arm_has_a_seed_before_any_has_the_next(tmp_path: Path) -> None:
    assert planned(tmp_path) == tuple(Training(arm, seed) for seed in (3, 5) for arm in ("one", "two"))


def test_folds_of_an_arm_follow_each_other_in_folders_of_their_own(tmp_path: Path) -> None:
    found = planned(tmp_path, "data.folds = 2")
    assert [(each.arm, each.seed, each.fold) for each in found[:3]] == [("one", 3, 0), ("one", 3, 1), ("two", 3, 0)]
    names = [each.folder(tmp_path).relative_to(tmp_path).as_posix() for each in found]
    assert names[:2] == ["runs/one-seed3-fold1", "runs/one-seed3-fold2"]
    assert len(set(names)) == 8


def test_nothing_is_done_in_a_folder_that_is_not_there(tmp_path: Path) -> None:
    planned(tmp_path)
    assert done(load_study(str(tmp_path / "two.toml")), tmp_path / "study") == (0, 4)
