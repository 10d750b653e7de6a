"""Intervals and tests: against published tables, SciPy and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mien.stats import Estimate, Proportion, estimates, holm, mcnemar_p_value, resampled_sums


def test_the_interval_of_a_share_is_wilsons() -> None:
    # Newcombe, "Two-sided confidence intervals for the single proportion", Statistics in Medicine 1998, table I.
    published = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (count, n), ends in published.items():
        found = Proportion.of(count, n)
        assert (found.low, found.high) == pytest.approx(ends, abs=5e-5)


@given(n=st.integers(0, 500), share=st.floats(0, 1))
def test_the_interval_holds_the_share_and_lies_between_none_and_all(n: int, share: float) -> None:
    found = Proportion.of(round(n * share), n)
    assert 0 <= found.low <= found.high <= 1
    assert n == 0 or found.low - 1e-12 <= found.value <= found.high + 1e-12


def test_of_nothing_anything_is_possible() -> None:
    assert Estimate.of_proportion(0, 0) == Estimate(0.0, 0.0, 1.0)
    assert Proportion.of(0, 0) == Proportion(0.0, 0.0, 1.0, 0, 0)


def test_a_share_is_counted_among_some() -> None:
    found = Proportion.among(np.array([True, True, True, False]), np.array([True, False, False, True]))
    assert (found.count, found.n) == (1, 3)


@pytest.mark.parametrize(("hits", "images"), [(0, 1), (1, 1), (0, 40), (40, 40), (101, 128), (3, 7)])
def test_shares_have_the_score_interval(hits: int, images: int) -> None:
    found, expected = Estimate.of_proportion(hits, images), binomtest(hits, images).proportion_ci(method="wilson")
    assert (found.value, found.low, found.high) == pytest.approx((hits / images, expected.low, expected.high))
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("images", "share"), [(20, 0.95), (30, 0.5), (100, 0.9)])
def test_score_intervals_hold_the_truth_about_as_often_as_they_say(images: int, share: float) -> None:
    hits = np.random.default_rng(10).binomial(images, share, 4000)
    found = [Estimate.of_proportion(int(h), images) for h in hits]
    assert 0.92 <= np.mean([each.low <= share <= each.high for each in found]) <= 0.98


def test_draws_come_in_any_number() -> None:
    sums = np.column_stack([np.ones(50), np.arange(50.0)])
    for draws in (1, 199, 200, 201, 450):
        drawn = resampled_sums(sums, draws, np.random.default_rng(0))
        assert drawn.shape == (draws, 2)
        assert drawn[:, 0].tolist() == [50] * draws


def test_estimates_are_percentiles_of_the_draws() -> None:
    drawn = np.stack([np.linspace(0, 1, 1001), np.r_[np.nan, np.linspace(1, 2, 1000)]], axis=1)
    first, second = estimates(np.array([[0.4, 1.6]]), drawn)
    assert (first.value, first.low, first.high) == pytest.approx((0.4, 0.025, 0.975))
    assert (second.value, second.low, second.high) == pytest.approx((1.6, 1.025, 1.975))


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 1), (1, 0), (5, 5), (6, 5), (3, 17), (60, 41), (10, 0)])
def test_mcnemar_is_the_exact_binomial_test(only_first: int, only_second: int) -> None:
    expected = binomtest(only_first, only_first + only_second, 0.5).pvalue
    assert mcnemar_p_value(only_first, only_second) == pytest.approx(expected)


def test_mcnemar_of_nothing_says_nothing() -> None:
    assert mcnemar_p_value(0, 0) == 1


def test_mcnemar_takes_any_number() -> None:
    assert mcnemar_p_value(4000, 4000) == 1
    assert 0 <= mcnemar_p_value(3000, 1000) < 1e-200


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []
