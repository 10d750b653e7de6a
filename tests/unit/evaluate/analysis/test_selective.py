"""Reliability, risk against coverage and the mark: hand-worked cases, order, how often intervals hold the truth."""

import numpy as np
import pytest
from drawn_faces import drawn_faces
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.evaluate.analysis.selective import (
    COVERAGES,
    Answered,
    RiskCoverage,
    certainty,
    certainty_of,
    outside_core,
    reliability,
    risk_coverage,
)
from mien.evaluate.classifiers import Predictions
from mien.evaluate.metrics import CALIBRATION_BINS
from mien.evaluate.protocols import P1, P2, P3
from mien.expressions import CORE4, CORE4_FER2013, FER7


def curve(confidence: list[float], right: list[bool], draws: int = 50) -> RiskCoverage:
    return risk_coverage(np.array(confidence), np.array(right), rng=np.random.default_rng(1), draws=draws)


def test_reliability_is_that_of_scikit_learn_in_bins_of_equal_mass() -> None:
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.2, 1, 1500)
    right = draw.random(1500) < confidence
    bins = reliability(confidence, right)
    accuracy, mean = calibration_curve(right, confidence, n_bins=CALIBRATION_BINS, strategy="quantile")
    # Its edges lie between two images, ours at one, so an image may be in the next bin.
    assert [each.confidence for each in bins] == pytest.approx(mean.tolist(), abs=1e-3)
    assert [each.accuracy.value for each in bins] == pytest.approx(accuracy.tolist(), abs=0.02)
    assert sum(each.images for each in bins) == 1500


def test_one_confidence_is_one_bin() -> None:
    [only] = reliability(np.full(10, 0.5), np.arange(10) < 4)
    assert (only.images, only.confidence, only.accuracy.value) == (10, 0.5, 0.4)


def test_four_images_worked_by_hand() -> None:
    found = curve([0.6, 0.9, 0.7, 0.8], [False, True, False, True])
    assert found.risk_at(1.0).value == pytest.approx(2 / 4)
    assert found.risk_at(0.75).value == pytest.approx(1 / 3)
    assert found.risk_at(0.5).value == 0
    assert found.area.value == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert [point.coverage for point in found.points] == list(COVERAGES)
    assert next(point.support for point in found.points if point.coverage == 0.5) == 0.8


def test_equal_confidences_have_the_same_risk_whatever_their_order() -> None:
    right = [True, False] * 20
    found = curve([0.7] * 40, right)
    assert {round(point.risk.value, 9) for point in found.points} == {0.5}
    assert found.area.value == pytest.approx(0.5)
    assert found.area.low < 0.5 < found.area.high
    # No difference to draws either, but for those that luck makes between like images.
    assert curve([0.7] * 40, right[::-1]).points == found.points


def test_a_confidence_that_knows_has_a_lower_area_than_one_that_does_not() -> None:
    draw = np.random.default_rng(2)
    right = draw.random(500) < 0.8
    knows = curve((right + draw.random(500)).tolist(), right.tolist())
    not_knowing = curve(draw.random(500).tolist(), right.tolist())
    assert knows.area.high < not_knowing.area.low


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """250 samples of answers that are right as often as their confidence says."""
    draw = np.random.default_rng(3)
    # Among the most certain half, confidence is spread evenly from 0.7 to 1: 15 % are wrong. Over all coverages c, the
    # risk is c * 0.6 / 2, of which the mean is 0.15.
    held = {"half": 0, "all": 0, "area": 0}
    for _ in range(250):
        confidence = draw.uniform(0.4, 1.0, 120)
        found = risk_coverage(confidence, draw.random(120) < confidence, rng=draw, draws=200)
        by_coverage = {point.coverage: point.risk for point in found.points}
        held["half"] += by_coverage[0.5].low <= 0.15 <= by_coverage[0.5].high
        held["all"] += by_coverage[1.0].low <= 0.3 <= by_coverage[1.0].high
        held["area"] += found.area.low <= 0.15 <= found.area.high
    # The standard error of a coverage of 95 % over 250 samples is 1.4 %.
    assert all(0.91 <= hits / 250 <= 0.99 for hits in held.values()), held


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_risk_depends_on_no_order(answers: list[tuple[int, bool]], random: object) -> None:
    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    first, second = (curve(*map(list, zip(*some, strict=True)), draws=2) for some in (answers, shuffled))  # type: ignore[arg-type]
    assert [p.risk.value for p in first.points] == pytest.approx([p.risk.value for p in second.points])
    assert first.risk_at(1.0).value == pytest.approx(np.mean([not right for _, right in answers]))


def test_a_coverage_that_is_no_whole_number_of_images_takes_the_last_in_part() -> None:
    found = curve([0.9, 0.8, 0.7], [True, True, False])
    assert found.risk_at(0.9).value == pytest.approx((0.9 * 3 - 2) / (0.9 * 3))


def angry_and_drawn() -> tuple[Predictions, LabelledFaces]:
    """Forty drawn faces read rightly and ten angry ones, called sad with a high probability and little support."""
    drawn, angry = drawn_faces(40, seed=0), drawn_faces(10, seed=1)
    votes = np.zeros_like(angry.votes)
    votes[:, VOTE_COLUMNS.index("anger")] = 10
    angry = LabelledFaces(angry.crops, np.full(10, FER7.index("angry")), votes, angry.rows + 40)
    faces = LabelledFaces.concatenate([drawn, angry])
    given = np.full((50, 4), 0.02)
    given[np.arange(50), np.r_[drawn.consensus_core4(), np.full(10, CORE4.index("sad"))]] = 0.94
    support = np.r_[np.full(40, 0.9), np.full(10, 0.2)]
    return Predictions({"core4": given}, {"core4": support}, {"core4": 0.6}), faces


def test_the_mark_is_measured_by_support_and_threshold() -> None:
    said, faces = angry_and_drawn()
    found = certainty_of(said, faces, P2)
    assert (found.images, found.risk_coverage.area.value) == (40, 0)
    mark = found.mark
    assert mark is not None
    assert (mark.threshold, mark.certain.count, mark.certain.n, mark.certain_accuracy.value) == (0.6, 40, 40, 1)
    assert mark.uncertain_accuracy.n == 0
    assert {label: (each.count, each.n) for label, each in mark.uncertain_outside.items()} == {
        "all of them": (10, 10),
        "anger": (10, 10),
    }


def test_without_a_threshold_nothing_is_said_of_a_mark() -> None:
    said, faces = angry_and_drawn()
    assert certainty_of(Predictions(said.probabilities), faces, P2).mark is None


def test_what_stands_outside_goes_by_the_truth_of_the_set() -> None:
    _, faces = angry_and_drawn()
    assert {label: int(there.sum()) for label, there in outside_core(faces, CORE4).items()} == {
        "all of them": 10,
        "anger": 10,
    }
    assert list(outside_core(faces, CORE4_FER2013)) == ["all of them", "angry"]
    assert outside_core(faces, P3.expressions) == {}
    assert outside_core(faces[:40], P1.expressions) == {}


def test_error_by_chance_is_that_of_exact_probabilities() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.3, 1, 3000)
    lucky = [certainty(Answered(confidence, rng.random(3000) < confidence, confidence), draws=2) for _ in range(20)]
    assert np.mean([c.calibration_error for c in lucky]) == pytest.approx(lucky[0].error_by_chance, rel=0.1)
    sure = certainty(Answered(np.ones(50), np.ones(50, dtype=np.bool_), np.ones(50)), draws=2)
    assert (sure.calibration_error, sure.error_by_chance) == (0, 0)
