import numpy as np
import pytest

from mien.detect.visible import visible_detections
from mien.results import Box, Detection, Landmarks

POINTS = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0], [9.0, 10.0]]


def visible(*boxes):
    count = len(boxes)
    scores = np.arange(count) / 10
    return visible_detections(
        np.array(boxes, dtype=float).reshape(-1, 4), scores, np.array([POINTS] * count), width=100, height=50
    )


def test_a_detection_has_its_box_score_and_landmarks():
    _, second = visible([1, 2, 30, 40], [5, 6, 70, 48])
    assert second == Detection(Box(5, 6, 70, 48), 0.1, Landmarks(*((x, y) for x, y in POINTS)))


def test_a_box_is_cut_to_the_picture():
    (only,) = visible([-5, -6, 700, 800])
    assert only.box == Box(0, 0, 100, 50)


@pytest.mark.parametrize(
    "box",
    [[-9, 0, -1, 20], [-9, 0, 0, 20], [100, 0, 120, 20], [0, -9, 20, 0], [0, 50, 20, 70], [20, 20, 20, 30]],
)
def test_a_box_without_area_in_the_picture_is_left_out(box):
    (only,) = visible(box, [1, 1, 2, 2])
    assert only.box == Box(1, 1, 2, 2)


def test_boxes_are_sorted_by_left_then_top_once_cut():
    found = visible([30, 5, 40, 15], [-1, 20, 10, 30], [-2, 30, 10, 40], [30, 1, 40, 11])
    assert [(d.box.left, d.box.top) for d in found] == [(0, 20), (0, 30), (30, 1), (30, 5)]


def test_nothing_gives_nothing():
    assert visible() == ()
