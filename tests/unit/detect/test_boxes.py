import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.detect.boxes import calibrate, clip, overlaps, square, suppress

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
    assert suppress(some, scores, threshold, of).tolist() == greedy(some, scores, threshold, of)


@given(scored_boxes(), st.floats(0.05, 0.95))
def test_what_is_kept_does_not_overlap_and_has_the_best(scored, threshold):
    some, scores = scored
    kept = suppress(some, scores, threshold)
    assert (np.triu(overlaps(some[kept]), k=1) <= threshold).all()
    assert (np.diff(scores[kept]) <= 0).all()
    assert len(some) == 0 or scores[kept[0]] == scores.max()
    assert suppress(some[kept], scores[kept], threshold).tolist() == list(range(len(kept)))


def test_a_box_comes_back_when_what_would_suppress_it_is_suppressed():
    chain = np.array([[0.0, 0, 10, 10], [4.0, 0, 14, 10], [8.0, 0, 18, 10]])
    assert suppress(chain, np.array([0.9, 0.8, 0.7]), 0.3).tolist() == [0, 2]


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
    moved = calibrate(np.array([[10.0, 20.0, 30.0, 60.0]]), np.array([[0.1, 0.1, -0.1, 0.5]]))
    assert moved == pytest.approx(np.array([[12.0, 24.0, 28.0, 80.0]]))
