import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.detect.boxes import apply_offsets, clip, non_maximum_suppression, overlaps, square, visible_detections
from mien.results import Box, Detection, Landmarks

pytestmark = pytest.mark.slow

EDGE = st.floats(-100, 400, width=32)
SIDE = st.floats(0.5, 200, width=32)


@st.composite
def boxes(draw):
    count = draw(st.integers(0, 12))
    corners = draw(arrays(np.float64, (count, 2), elements=EDGE))
    return np.hstack([corners, corners + draw(arrays(np.float64, (count, 2), elements=SIDE))])


@st.composite
def scored_boxes(draw):
    some = draw(boxes())
    # A few scores many times over: ties are the hard case.
    return some, draw(arrays(np.float64, len(some), elements=st.sampled_from([0.1, 0.5, 0.9])))


def greedy(some, scores, threshold, of):
    """The textbook loop."""
    kept = []
    for i in sorted(range(len(some)), key=lambda i: (-scores[i], i)):
        if all(overlaps(some[[i, j]], of)[0, 1] <= threshold for j in kept):
            kept.append(i)
    return kept


@pytest.mark.parametrize(("of", "expected"), [("union", 25 / 175), ("smaller", 25 / 100)])
def test_overlap_of_two_squares_that_share_a_quarter(of, expected):
    two = np.array([[0.0, 0.0, 10.0, 10.0], [5.0, 5.0, 15.0, 15.0]])
    assert overlaps(two, of) == pytest.approx(np.array([[1, expected], [expected, 1]]))


def test_boxes_that_touch_do_not_overlap():
    assert overlaps(np.array([[0.0, 0, 10, 10], [10.0, 0, 20, 10]]))[0, 1] == 0


def test_a_box_without_area_overlaps_nothing():
    assert (overlaps(np.array([[3.0, 3, 3, 9], [0.0, 0, 10, 10]]), "smaller")[0] == 0).all()


@given(scored_boxes(), st.floats(0.05, 0.95), st.sampled_from(["union", "smaller"]))
def test_suppression_is_the_greedy_one(scored, threshold, of):
    some, scores = scored
    assert non_maximum_suppression(some, scores, threshold, of).tolist() == greedy(some, scores, threshold, of)


@given(scored_boxes(), st.floats(0.05, 0.95))
def test_what_is_kept_does_not_overlap_and_has_the_best(scored, threshold):
    some, scores = scored
    kept = non_maximum_suppression(some, scores, threshold)
    assert (np.triu(overlaps(some[kept]), k=1) <= threshold).all()
    assert (np.diff(scores[kept]) <= 0).all()
    assert len(some) == 0 or scores[kept[0]] == scores.max()
    assert non_maximum_suppression(some[kept], scores[kept], threshold).tolist() == list(range(len(kept)))


def test_a_box_comes_back_when_what_would_suppress_it_is_suppressed():
    chain = np.array([[0.0, 0, 10, 10], [4.0, 0, 14, 10], [8.0, 0, 18, 10]])
    assert non_maximum_suppression(chain, np.array([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]


@given(boxes())
def test_squares_keep_centres_and_the_longer_side(some):
    squares = square(some)
    sides = squares[:, 2:] - squares[:, :2]
    assert sides[:, 0] == pytest.approx(sides[:, 1])
    assert sides[:, 0] == pytest.approx((some[:, 2:] - some[:, :2]).max(axis=1, initial=0))
    assert squares[:, :2] + squares[:, 2:] == pytest.approx(some[:, :2] + some[:, 2:], abs=1e-9)


@given(boxes(), st.integers(1, 300), st.integers(1, 300))
def test_clipped_boxes_lie_in_the_picture_and_do_not_grow(some, width, height):
    clipped = clip(some, width=width, height=height)
    assert (clipped >= 0).all()
    assert (clipped[:, [0, 2]] <= width).all()
    assert (clipped[:, [1, 3]] <= height).all()
    assert (clipped[:, 2:] - clipped[:, :2] <= some[:, 2:] - some[:, :2] + 1e-9).all()
    inside = (some[:, :2] >= 0).all(axis=1) & (some[:, 2:] <= [width, height]).all(axis=1)
    assert (clipped[inside] == some[inside]).all()


def test_calibration_moves_edges_in_units_of_width_and_height():
    moved = apply_offsets(np.array([[10.0, 20.0, 30.0, 60.0]]), np.array([[0.1, 0.1, -0.1, 0.5]]))
    assert moved == pytest.approx(np.array([[12.0, 24.0, 28.0, 80.0]]))


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
