"""Accuracy on parts of the images."""

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.analysis.slices import agreement, parts, slices, tilt, turn
from mien.stats import Estimate

FACES = drawn_faces(30, seed=4)
LEVEL = np.array([(14.0, 18), (34, 18), (24, 28), (16, 38), (32, 38)])  # eyes, nose, corners of the mouth
LANDMARKS = np.tile(LEVEL, (30, 1, 1))


def test_parts_worked_by_hand() -> None:
    values = np.array([8.0, 1, 2, 7, 3, 6, 4, 5])
    right = values > 4
    found = parts(values, right)
    assert [(part.low, part.high, part.images) for part in found] == [(1, 2, 2), (3, 4, 2), (5, 6, 2), (7, 8, 2)]
    assert [part.accuracy for part in found] == [Estimate.of_proportion(0, 2)] * 2 + [Estimate.of_proportion(2, 2)] * 2


def test_equal_values_share_a_part() -> None:
    [low, high] = parts(np.array([1.0] * 3 + [5.0] * 9), np.ones(12, dtype=bool))
    assert (low.images, high.images) == (3, 9)


def test_agreement_is_the_share_of_the_majority() -> None:
    votes = np.zeros((2, 10), dtype=np.int64)
    votes[0, :3] = (6, 3, 1)
    votes[1, 4] = 10
    assert agreement(votes).tolist() == pytest.approx([6 / 9, 1])


def test_agreement_needs_votes_for_all() -> None:
    right = np.ones(30, dtype=bool)
    names = ["brightness", "sharpness", "tilt", "turn"]
    assert [some.name for some in slices(FACES, right, LANDMARKS)] == [*names, "agreement"]
    votes = FACES.votes.copy()
    votes[3] = 0
    without = LabelledFaces(FACES.crops, FACES.fer7, votes, FACES.rows)
    assert [some.name for some in slices(without, right, LANDMARKS)] == names
    assert all(sum(part.images for part in some.parts) == 30 for some in slices(FACES, right, LANDMARKS))


def test_pose_worked_by_hand() -> None:
    turned = LEVEL.copy()
    turned[2, 0] = 29  # a quarter of the eyes' distance
    angle = np.radians(30)
    tilted = turned @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    unseen = np.full((5, 2), np.nan)
    some = np.stack([LEVEL, turned, tilted, unseen])
    np.testing.assert_allclose(tilt(some), [0, 0, 30, np.nan])
    np.testing.assert_allclose(turn(some), [0, 0.25, 0.25, np.nan], atol=1e-12)
    np.testing.assert_allclose(tilt(some * (-1, 1) + (48, 0))[:3], [180, 180, 150])  # eyes that have changed places


def test_what_cannot_be_measured_is_a_part_of_its_own() -> None:
    values = np.array([1.0, np.nan, 2, 3, 4, np.nan])
    right = np.array([True, True, False, False, False, False])
    *known, rest = parts(values, right)
    assert [(part.low, part.images) for part in known] == [(1, 1), (2, 1), (3, 1), (4, 1)]
    assert (rest.low, rest.high, rest.images, rest.accuracy) == (None, None, 2, Estimate.of_proportion(1, 2))
    [nothing] = parts(np.full(3, np.nan), np.ones(3, dtype=bool))
    assert (nothing.low, nothing.images) == (None, 3)
