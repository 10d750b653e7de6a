"""Reliability and risk against coverage: hand-worked cases, order, and how often intervals hold the truth."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from mien.evaluate.analysis.selective import COVERAGES, RiskCoverage, reliability, risk_coverage
from mien.evaluate.metrics import CALIBRATION_BINS


def curve(confidence: list[float], right: list[bool], draws: int = 50) -> RiskCoverage:
    return risk_coverage(np.array(confidence), np.array(right), rng=np.random.default_rng(1), draws=draws)


def risk_at(found: RiskCoverage, coverage: float) -> float:
    return next(point.risk.value for point in found.points if point.coverage == coverage)


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
    assert risk_at(found, 1.0) == pytest.approx(2 / 4)
    assert risk_at(found, 0.75) == pytest.approx(1 / 3)
    assert risk_at(found, 0.5) == 0
    assert found.area.value == pytest.approx((0 + 0 + 1 / 3 + 2 / 4) / 4)
    assert [point.coverage for point in found.points] == list(COVERAGES)
    assert next(point.confidence for point in found.points if point.coverage == 0.5) == 0.8


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
