"""Data sets are opened once, and read by split."""

from pathlib import Path

import numpy as np
import pytest
from fer2013_files import SPLITS, assert_faces, columns, csv_lines, ferplus_lines, write_csv, write_parquet

from mien.data.dataset import open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS
from mien.data.split import Split
from mien.errors import DataError


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_folder_gives_the_faces_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    write_parquet(tmp_path / "train.parquet", columns(), slice(0, 2))
    write_parquet(tmp_path / "public_test.parquet", columns(), slice(2, 3))
    write_parquet(tmp_path / "private_test.parquet", columns(), slice(3, 4))
    assert_faces(open_dataset(tmp_path).read(split), rows)


def test_folder_may_hold_the_csv(tmp_path: Path) -> None:
    write_csv(tmp_path, csv_lines(), ferplus_lines())
    assert_faces(open_dataset(tmp_path).read(Split.TEST), [3])


@pytest.mark.parametrize(
    ("rows", "voters", "is_fer2013"),
    [
        ([0, 28_708, 28_709, 35_886], 10, True),
        ([0, 1, 2, 3], 10, False),  # FER2013 has its PublicTest elsewhere
        ([0, 28_708, 28_709, 35_886], 0, False),
    ],
)
def test_parquet_is_called_fer2013_only_where_it_is(
    tmp_path: Path, rows: list[int], voters: int, is_fer2013: bool
) -> None:
    none = dict.fromkeys((f"ferplus_{name}" for name in VOTE_COLUMNS), [0] * 4)
    table = columns() | none | {"row": rows, "ferplus_happiness": [voters] * 4}
    (tmp_path / "faces").mkdir()
    path = write_parquet(tmp_path / "faces" / "all.parquet", table)
    dataset = open_dataset(path)
    assert dataset.name == dataset.read().source == ("FER2013" if is_fer2013 else "all")
    assert open_dataset(path, name="Ours").name == "Ours"
    write_parquet(tmp_path / "faces" / "public_test.parquet", table, slice(2, 3))
    assert open_dataset(path.parent).name == ("FER2013" if is_fer2013 else "faces")


def test_a_file_of_a_split_holds_that_split_alone(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", columns())
    with pytest.raises(DataError, match=r"has faces of PublicTest, PrivateTest; .* must hold train alone"):
        open_dataset(tmp_path).read(Split.TRAIN)


def test_usages_are_read_whatever_their_case_and_blanks(tmp_path: Path) -> None:
    lines = [line.replace("Training", " training").replace("PublicTest", "PUBLICTEST ") for line in csv_lines()]
    dataset = open_dataset(write_csv(tmp_path, lines, ferplus_lines()))
    assert list(dataset.splits.values()) == ["Training", "PublicTest", "PrivateTest"]
    assert_faces(dataset.read(Split.TRAIN), [0, 1])
    table = columns() | {"usage": ["train", "Train ", "val", "val"]}
    dataset = open_dataset(write_parquet(tmp_path / "own.parquet", table))
    assert dataset.splits == {Split.TRAIN: "train", Split.VALIDATION: "val"}
    assert dataset.read().split.tolist() == ["train", "train", "val", "val"]


def test_missing_files_and_empty_folders_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        open_dataset(tmp_path / "nothing.parquet").read()
    with pytest.raises(DataError, match=r"none of train\.parquet, .* and fer2013\.csv, and no folder named train, "):
        open_dataset(tmp_path)


def test_a_split_without_faces_is_an_error(tmp_path: Path) -> None:
    parquet = write_parquet(tmp_path / "train.parquet", columns(), slice(0, 2))
    with pytest.raises(DataError, match=r"no split validation in .*train\.parquet; it has Training"):
        open_dataset(parquet).read(Split.VALIDATION)
    with pytest.raises(DataError, match=r"no split test in .*; it has Training"):
        open_dataset(write_csv(tmp_path, csv_lines()[:3])).read(Split.TEST)
    with pytest.raises(DataError, match="no labelled faces in"):
        open_dataset(write_csv(tmp_path, csv_lines()[:1]))


def test_what_was_seen_before_a_split_is_what_comes_before_it(tmp_path: Path) -> None:
    path = write_csv(tmp_path, csv_lines(), ferplus_lines())
    assert_faces(open_dataset(path).seen_before(Split.VALIDATION), [0, 1])
    assert_faces(open_dataset(path).seen_before(Split.TEST), [0, 1, 2])
    # Not the tested split, which stands there too.
    parquet = write_parquet(tmp_path / "any.parquet", columns(), slice(1, 3))
    assert_faces(open_dataset(parquet).seen_before(Split.VALIDATION), [1])
    assert_faces(open_dataset(parquet).seen_before(Split.TEST), [1, 2])
    other = write_parquet(tmp_path / "other.parquet", columns(), slice(2, 4))
    assert_faces(open_dataset(other).seen_before(Split.VALIDATION), [2, 3])
    with pytest.raises(DataError, match="nothing comes before train;"):
        open_dataset(path).seen_before(Split.TRAIN)


def test_faces_of_a_file_that_stand_together_are_not_copied(tmp_path: Path) -> None:
    path = write_csv(tmp_path, csv_lines())
    dataset = open_dataset(path)
    assert isinstance(dataset.read(Split.TRAIN).gray().base, np.memmap)
    write_csv(tmp_path, [csv_lines()[0], *(csv_lines()[row] for row in (1, 3, 2, 4))])
    assert open_dataset(path).read(Split.TRAIN).rows.tolist() == [0, 2]
