"""Copies that were planted."""

import numpy as np
import pytest
from drawn_faces import in_splits
from plain_faces import HAPPY, NEUTRAL, SAD, faces, random_pixels

from mien.audit.duplicates import CopyCount, copies, group_numbers
from mien.data.labelled_faces import NO_LABEL, LabelledFaces


@pytest.fixture
def copied() -> LabelledFaces:
    """Six training faces and four test faces with copies of every kind."""
    train = random_pixels(6, 3)
    train[1] = train[0]  # the same, under the same label
    train[2] = train[0] + 1  # nearly, under another label
    train[5] = 0
    test = random_pixels(4, 4)
    test[0] = train[4]  # another label
    test[1] = train[4] // 2  # nearly the one before, whose label it has
    test[3] = 0  # flat, as is a training face
    return in_splits(
        {
            "Training": faces(train, [HAPPY, HAPPY, SAD, SAD, NEUTRAL, SAD]),
            "PublicTest": faces(test, [SAD, SAD, NEUTRAL, HAPPY], first_row=6),
        }
    )


def test_copies_are_counted_within_and_across_splits(copied: LabelledFaces) -> None:
    assert copies(copied, copied.gray()).counts == (
        CopyCount("Training", "Training", exact=2, exact_other_label=0, near=3, near_other_label=1),
        CopyCount("Training", "PublicTest", exact=1, exact_other_label=1, near=1, near_other_label=1),
        CopyCount("PublicTest", "PublicTest", exact=0, exact_other_label=0, near=2, near_other_label=0),
        CopyCount("PublicTest", "Training", exact=1, exact_other_label=1, near=2, near_other_label=2),
    )


def test_copies_form_groups_with_conflicts_first(copied: LabelledFaces) -> None:
    found = copies(copied, copied.gray())
    positions = [[face.position for face in group.faces] for group in found.groups]
    assert positions == [[4, 6, 7], [0, 1, 2]]
    assert [(group.across, group.exact, group.labels) for group in found.groups] == [
        (True, False, {"sad": 2, "neutral": 1}),
        (False, False, {"happy": 2, "sad": 1}),
    ]
    assert found.spare == 4
    assert group_numbers(len(copied), found).tolist() == [0, 0, 0, 3, 4, 5, 4, 4, 8, 9]


def test_a_face_without_a_label_has_no_other_label() -> None:
    pixels = np.repeat(random_pixels(1, 5), 2, axis=0)
    some = in_splits({"Training": faces(pixels, [HAPPY, NO_LABEL])})
    found = copies(some, some.gray())
    assert found.counts == (CopyCount("Training", "Training", 2, 0, 2, 0),)
    assert not found.groups[0].conflicting
    assert found.groups[0].exact


def test_faces_without_copies_have_none() -> None:
    some = in_splits({"Training": faces(random_pixels(3, 6), [HAPPY, SAD, SAD])})
    found = copies(some, some.gray())
    assert found.counts == (CopyCount("Training", "Training", 0, 0, 0, 0),)
    assert found.groups == ()
