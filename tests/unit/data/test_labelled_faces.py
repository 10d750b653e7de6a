"""Labelled faces that have no votes, or come in parts."""

from dataclasses import replace

import numpy as np
from drawn_faces import drawn_faces

from mien.data.crops import Crops
from mien.data.labelled_faces import NO_LABEL, LabelledFaces, Reference
from mien.expressions import FER7, FERPLUS8


def unvoted(*labels: int) -> LabelledFaces:
    count = len(labels)
    pixels = np.zeros((count, 48, 48), dtype=np.uint8)
    return LabelledFaces(pixels, np.array(labels), np.zeros((count, 10), dtype=np.int64), np.arange(count))


def test_labels_stand_in_for_votes_where_there_are_none() -> None:
    faces = unvoted(FER7.index("angry"), FER7.index("happy"), NO_LABEL).with_votes_from_labels()
    assert faces.majority().tolist() == [FERPLUS8.index("anger"), FERPLUS8.index("happiness"), NO_LABEL]
    assert faces.vote_distribution().max(axis=1).tolist() == [1, 1, 0]


def test_where_anybody_voted_votes_are_as_they_were() -> None:
    voted = drawn_faces(4, seed=0)
    some = replace(voted, votes=voted.votes * np.array([[1], [0], [0], [0]]))
    assert np.array_equal(some.with_votes_from_labels().votes, some.votes)


def test_faces_are_named_by_split_row_label_and_file() -> None:
    faces = replace(unvoted(FER7.index("sad"), NO_LABEL), split=np.array(["val", "test"]))
    assert faces.splits == ("val", "test")
    assert faces.within(["test", "train"]).tolist() == [False, True]
    first, second = faces.references(np.arange(2))
    assert (first, first.place) == (Reference(0, "val", 0, "sad"), "row 0")
    assert second.to_dict() == {"split": "test", "row": 1, "label": None}
    (named,) = replace(faces[1:], files=np.array(["test/a.png"])).references(np.arange(1))
    assert (named.place, named.to_dict()["file"]) == ("test/a.png", "test/a.png")
    unknown = unvoted(1)
    assert (unknown.splits, unknown.within(["val"]).tolist(), unknown.reference(0).split) == ((), [False], "")


def test_crops_in_gray_are_of_one_size() -> None:
    red = np.zeros((60, 30, 3), dtype=np.uint8)
    red[..., 0] = 200
    faces = replace(unvoted(0, 0), crops=Crops([red, np.full((10, 12), 7, dtype=np.uint8)]))
    assert faces.gray().shape == (2, 48, 48)
    assert (np.unique(faces.gray(24)[0]), np.unique(faces.gray(24)[1])) == ([60], [7])
    stacked = unvoted(0, 1)
    assert stacked.gray() is stacked.crops.stacked


def test_parts_keep_the_name_of_their_data_set() -> None:
    ours, theirs = replace(unvoted(0, 1), source="ours"), replace(unvoted(2), source="theirs")
    assert LabelledFaces.concatenate([ours, ours]).source == "ours"
    assert LabelledFaces.concatenate([ours, theirs]).source == "ours and theirs"
    assert LabelledFaces.concatenate([ours]) is ours
    assert ours[1:].source == "ours"
