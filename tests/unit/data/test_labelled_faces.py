"""Labelled faces that have no votes, or come in parts."""

from dataclasses import replace

import numpy as np
from drawn_faces import drawn_faces

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
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


def test_parts_keep_the_name_of_their_data_set() -> None:
    ours, theirs = replace(unvoted(0, 1), source="ours"), replace(unvoted(2), source="theirs")
    assert LabelledFaces.concatenate([ours, ours]).source == "ours"
    assert LabelledFaces.concatenate([ours, theirs]).source == "ours and theirs"
    assert LabelledFaces.concatenate([ours]) is ours
    assert ours[1:].source == "ours"
