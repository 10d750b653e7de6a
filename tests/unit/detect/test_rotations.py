from typing import Any

import numpy as np
import pytest

from mien.detect.boxes import overlaps
from mien.detect.rotations import Candidate, best_candidates, checked_rotations, turned, turned_back
from mien.errors import ArgumentError
from mien.results import Box, Detection, Landmarks

CROP = np.zeros((48, 48), np.uint8)


def candidate(box: Box, rotation_deg: int, evidence: float) -> Candidate:
    return Candidate(Detection(box, 0.9, rotation_deg=rotation_deg), CROP, evidence)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_what_is_found_in_a_turned_picture_comes_back_to_its_place(rotation_deg: int) -> None:
    picture = np.zeros((40, 70, 3), np.uint8)
    picture[5:15, 20:50] = 255
    looked_at = turned(picture, rotation_deg)
    assert looked_at.flags.c_contiguous
    rows, columns = np.nonzero(looked_at[:, :, 0])
    box = Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
    corner = (box.left, box.top)
    found = Detection(box, 0.8, Landmarks(corner, corner, corner, corner, corner))
    back = turned_back(found, rotation_deg, width=70, height=40)
    assert back.box == Box(20, 5, 50, 15)
    assert (back.rotation_deg, back.score) == (rotation_deg, 0.8)
    expected = {0: (20, 5), 90: (50, 5), 180: (50, 15), 270: (20, 15)}
    assert back.landmarks is not None
    assert back.landmarks.left_eye == back.landmarks.nose == expected[rotation_deg]


def test_a_detection_without_landmarks_stays_so() -> None:
    back = turned_back(Detection(Box(0, 0, 10, 20), 1.0, is_crop=True), 90, width=20, height=10)
    assert (back.box, back.landmarks, back.is_crop) == (Box(0, 0, 20, 10), None, True)


def test_a_face_turned_clockwise_is_upright_after_being_turned_back() -> None:
    upright = np.arange(6, dtype=np.uint8).reshape(2, 3, 1).repeat(3, axis=2)
    for rotation_deg, quarters in ((90, -1), (180, -2), (270, -3)):  # np.rot90 turns the other way
        np.testing.assert_array_equal(turned(np.rot90(upright, quarters), rotation_deg), upright)


def test_of_one_face_the_way_up_with_most_evidence_is_kept() -> None:
    left, beside = Box(10, 10, 50, 60), Box(12, 8, 52, 58)
    other = Box(200, 10, 240, 60)
    kept = best_candidates(
        [candidate(other, 0, 7.0), candidate(left, 0, 1.0), candidate(beside, 180, 6.0), candidate(other, 90, 2.0)]
    )
    assert [(each.detection.box, each.detection.rotation_deg) for each in kept] == [(beside, 180), (other, 0)]


def test_equal_evidence_leaves_a_face_as_it_is() -> None:
    box = Box(0, 0, 10, 10)
    (kept,) = best_candidates([candidate(box, 270, 3.0), candidate(box, 0, 3.0), candidate(box, 90, 3.0)])
    assert kept.detection.rotation_deg == 0


def test_faces_of_one_way_up_may_overlap() -> None:
    boxes = Box(0, 0, 100, 100), Box(10, 10, 60, 60)
    assert overlaps(np.array([box.xyxy for box in boxes]), of="smaller")[0, 1] == 1
    assert len(best_candidates([candidate(box, 0, 4.0) for box in boxes])) == 2


def test_what_only_a_turned_picture_shows_needs_evidence() -> None:
    doubtful, clear = candidate(Box(0, 0, 9, 9), 90, -4.0), candidate(Box(50, 0, 59, 9), 90, 1.0)
    as_found = candidate(Box(90, 0, 99, 9), 0, -4.0)
    assert best_candidates([doubtful, clear, as_found]) == [clear, as_found]
    assert best_candidates([doubtful]) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [((), (0,)), ((180,), (0, 180)), ([270, 90, 90], (0, 90, 270)), ((0, 180), (0, 180)), ({np.int64(90)}, (0, 90))],
)
def test_rotations_are_put_in_order(given: Any, expected: tuple[int, ...]) -> None:
    assert checked_rotations(given) == expected


@pytest.mark.parametrize("given", [(45,), 180, "180", ("180",), (True,), None, (False,)])
def test_other_rotations_are_refused(given: Any) -> None:
    with pytest.raises(ArgumentError, match="some of 90, 180 and 270; got"):
        checked_rotations(given)
