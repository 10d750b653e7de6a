"""Which faces of a data set are audited."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mien.audit.label_errors import LabelJudge
from mien.audit.pipeline import AuditOptions, audit
from mien.data.dataset import open_dataset
from mien.data.labelled_faces import Reference
from mien.data.split import Split
from mien.errors import DataError


def write_csv(path: Path, counts: dict[str, int]) -> None:
    pixels = " ".join(["7"] * 2304)
    rows = [f"{number % 7},{pixels},{usage}" for usage, count in counts.items() for number in range(count)]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "utf-8")


def test_splits_are_audited_one_after_the_other(tmp_path: Path) -> None:
    write_csv(tmp_path / "fer2013.csv", {"Training": 3, "PrivateTest": 2})
    found = audit(open_dataset(tmp_path))
    assert (found.faces.splits, found.source, found.absent) == (("Training", "PrivateTest"), str(tmp_path), {})
    assert found.faces.reference(4) == Reference(position=4, split="PrivateTest", row=4, label="disgust")


def test_a_split_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    write_csv(tmp_path / "fer2013.csv", {"Training": 3})
    dataset = open_dataset(tmp_path)
    assert audit(dataset, AuditOptions((Split.TRAIN,))).faces.splits == ("Training",)
    with pytest.raises(DataError, match=r"no split validation in .*; it has Training"):
        audit(dataset, AuditOptions((Split.TRAIN, Split.VALIDATION)))


def test_a_split_that_cannot_be_read_says_why(folder: Path) -> None:
    found = audit(open_dataset(folder))
    assert found.faces.splits == ("train",)
    assert list(found.absent) == ["test"]
    assert "no label 'joy'" in found.absent["test"]
    judged = audit(open_dataset(folder), AuditOptions(judge=LabelJudge("one", ("test",), lambda _: np.zeros((0, 7)))))
    assert judged.label_errors == ()


def test_classes_without_splits_are_audited(folder: Path) -> None:
    found = audit(open_dataset(folder / "train"))
    assert found.faces.splits == ("train",)
    assert [reference.file for reference in found.faces.references(np.arange(3))] == [
        "happy/a.png",
        "happy/b.png",
        "sad/c.png",
    ]


def test_faces_of_a_folder_are_named_by_their_files(folder: Path) -> None:
    data = open_dataset(folder, {"joy": "happy"}).read()
    assert [data.reference(position).file for position in range(4)] == [
        "train/happy/a.png",
        "train/happy/b.png",
        "train/sad/c.png",
        "test/joy/d.jpg",
    ]
    named = data.reference(3)
    assert named.to_dict() == {"split": "test", "row": 0, "label": "happy", "file": "test/joy/d.jpg"}
    assert (named.place, replace(named, file=None).place) == ("test/joy/d.jpg", "row 0")
