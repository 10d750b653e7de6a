import numpy as np
import pytest
from scipy.stats import t as student

from mien.study.statistics import difference_of, mean_of

IMAGES, STUDIES = 300, 200


def right_answers(rng: np.random.Generator, seeds: int, spread: float, better_by: float = 0.0) -> np.ndarray:
    """Whether each seed's network is right about each image: some are harder, some seeds luckier."""
    hardness = np.random.default_rng(7).beta(2, 0.6, IMAGES)
    luck = rng.normal(0, spread, (seeds, 1))
    return (rng.random((seeds, IMAGES)) < np.clip(hardness + luck + better_by, 0, 1)).astype(np.float64)


@pytest.mark.parametrize(("seeds", "spread"), [(2, 0.0), (2, 0.03), (3, 0.01), (5, 0.03)])
def test_equal_arms_are_seldom_called_different(seeds: int, spread: float) -> None:
    rng = np.random.default_rng(1)
    found = [
        difference_of(right_answers(rng, seeds, spread), right_answers(rng, seeds, spread)).p_value < 0.05
        for _ in range(STUDIES)
    ]
    assert np.mean(found) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_arms_that_are_better_on_other_images_are_seldom_called_different() -> None:
    """Each study has test images of its own, on which the arms differ though they are equal on the whole."""
    rng, found = np.random.default_rng(2), []
    for _ in range(STUDIES):
        shares = rng.beta(2, 0.6, (2, IMAGES))
        first, second = ((rng.random((3, IMAGES)) < share).astype(np.float64) for share in shares)
        found.append(difference_of(first, second).p_value < 0.05)
    assert np.mean(found) < 0.05 + 2 * np.sqrt(0.05 * 0.95 / STUDIES)


def test_a_difference_is_found_and_its_interval_holds_it() -> None:
    rng, found, held = np.random.default_rng(3), [], []
    truth = np.clip(np.random.default_rng(7).beta(2, 0.6, IMAGES) - 0.1, 0, 1)
    gap = float((truth - np.random.default_rng(7).beta(2, 0.6, IMAGES)).mean())
    for _ in range(200):
        difference = difference_of(right_answers(rng, 3, 0.005, -0.1), right_answers(rng, 3, 0.005))
        found.append(difference.p_value < 0.05)
        held.append(difference.estimate.low <= gap <= difference.estimate.high)
    assert np.mean(found) > 0.9
    assert np.mean(held) > 0.92


def test_intervals_of_a_mean_hold_the_truth() -> None:
    """Images and seeds are drawn anew for each study."""
    rng, held = np.random.default_rng(4), []
    for _ in range(STUDIES):
        shares = np.clip(rng.uniform(0.3, 0.9, (1, IMAGES)) + rng.normal(0, 0.02, (3, 1)), 0, 1)
        estimate = mean_of((rng.random((3, IMAGES)) < shares).astype(np.float64))
        held.append(estimate.low <= 0.6 <= estimate.high)
    assert np.mean(held) > 0.93


def test_mean_by_hand() -> None:
    # Images' means 1, 0.5, 0, 0.5: variance 1/6, by 4; seeds' means 0.75 and 0.25: variance 1/8, by 2.
    estimate = mean_of(np.array([[1.0, 1.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0]]))
    images, seeds = 1 / 24, 1 / 16
    freedom = (images + seeds) ** 2 / (images**2 / 3 + seeds**2 / 1)
    reach = student.ppf(0.975, freedom) * (images + seeds) ** 0.5
    assert (estimate.value, estimate.low, estimate.high) == pytest.approx((0.5, 0.5 - reach, 0.5 + reach))


def test_difference_by_hand() -> None:
    first, second = np.array([[1.0, 1.0, 0.0, 1.0]] * 2), np.array([[1.0, 0.0, 0.0, 0.0]] * 2)
    difference = difference_of(first, second)  # 0, 1, 0, 1: variance 1/3, no spread between seeds
    assert difference.estimate.value == 0.5
    assert difference.estimate.high - 0.5 == pytest.approx(3.182446 * (1 / 12) ** 0.5, rel=1e-5)  # t with 3 degrees
    assert difference.p_value == pytest.approx(0.18169, abs=1e-4)


def test_one_seed_gives_no_verdict_and_equal_answers_differ_in_nothing() -> None:
    rng = np.random.default_rng(5)
    one, three = right_answers(rng, 1, 0), right_answers(rng, 3, 0)
    assert difference_of(one, three).p_value is None
    assert difference_of(three, three).p_value == 1
