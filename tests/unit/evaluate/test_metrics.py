"""Metrics against hand-worked cases, scikit-learn and simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from sklearn import metrics as sk

from mien.evaluate.metrics import CALIBRATION_BINS, Metrics, calibration_bins, measure
from mien.stats import Bootstrap, Estimate

pytestmark = pytest.mark.slow

LABELS = ("happy", "sad", "surprise", "neutral")
Floats = NDArray[np.float64]


def sample(seed: int, images: int, classes: int = 4) -> tuple[NDArray[np.int64], Floats]:
    """Truth drawn from the probabilities themselves: a perfectly calibrated classifier."""
    draw = np.random.default_rng(seed)
    probabilities = draw.dirichlet(np.full(classes, 0.5), images)
    return (draw.random((images, 1)) > probabilities.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1), probabilities


def measured(truth: NDArray[np.int64], probabilities: Floats, votes: Floats | None = None, draws: int = 50) -> Metrics:
    return measure(LABELS[: probabilities.shape[1]], truth, probabilities, votes, bootstrap=Bootstrap(1, draws))


def values(metrics: Metrics) -> list[float]:
    cells = [float(cell) for row in metrics.confusion.value for cell in row]
    single = [metrics.accuracy, metrics.balanced_accuracy, metrics.macro_f1, metrics.calibration_error]
    losses = [metrics.negative_log_likelihood, *([metrics.kl_to_votes] if metrics.kl_to_votes else [])]
    return [e.value for e in (*single, *losses, *metrics.recall.values())] + cells


def test_five_images_worked_by_hand() -> None:
    truth = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7], [0.55, 0.45]])
    votes = np.array([[1, 0], [1, 0], [0.5, 0.5], [0, 1], [0.2, 0.8]])
    m = measured(truth, probabilities, votes)
    assert m.n == 5
    assert m.confusion.value == ((2, 1), (1, 1))
    assert m.accuracy.value == pytest.approx(3 / 5)
    assert {label: e.value for label, e in m.recall.items()} == pytest.approx({"happy": 2 / 3, "sad": 1 / 2})
    assert m.balanced_accuracy.value == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert m.macro_f1.value == pytest.approx((4 / 6 + 2 / 4) / 2)
    # Five images in fifteen bins: each has its own bin, so gaps do not cancel.
    assert m.calibration_error.value == pytest.approx((0.1 + 0.2 + 0.6 + 0.3 + 0.55) / 5)
    assert m.negative_log_likelihood.value == pytest.approx(-np.log([0.9, 0.8, 0.4, 0.7, 0.45]).mean())
    divergences = [
        -np.log(0.9),
        -np.log(0.8),
        0.5 * np.log(0.5 / 0.4) + 0.5 * np.log(0.5 / 0.6),
        -np.log(0.7),
        0.2 * np.log(0.2 / 0.55) + 0.8 * np.log(0.8 / 0.45),
    ]
    assert m.kl_to_votes is not None
    assert m.kl_to_votes.value == pytest.approx(np.mean(divergences))


def test_figures_agree_with_scikit_learn() -> None:
    truth, probabilities = sample(2, 400)
    m = measured(truth, probabilities)
    predicted = probabilities.argmax(axis=1)
    recalls = sk.recall_score(truth, predicted, average=None)
    assert m.accuracy.value == pytest.approx(sk.accuracy_score(truth, predicted))
    assert m.balanced_accuracy.value == pytest.approx(sk.balanced_accuracy_score(truth, predicted))
    assert m.macro_f1.value == pytest.approx(sk.f1_score(truth, predicted, average="macro"))
    assert m.negative_log_likelihood.value == pytest.approx(sk.log_loss(truth, probabilities))
    assert [e.value for e in m.recall.values()] == pytest.approx(recalls.tolist())
    assert np.array_equal(m.confusion.value, sk.confusion_matrix(truth, predicted))


def test_a_class_that_does_not_occur_counts_in_no_mean() -> None:
    truth = np.array([0, 0, 1, 1])
    probabilities = np.eye(4)[[0, 3, 1, 1]]
    m = measured(truth, probabilities)
    assert list(m.recall) == ["happy", "sad"]
    assert m.balanced_accuracy.value == pytest.approx(3 / 4)
    assert m.macro_f1.value == pytest.approx(sk.f1_score(truth, [0, 3, 1, 1], labels=[0, 1], average="macro"))


def test_certainty_in_the_wrong_class_costs_much_but_not_without_end() -> None:
    m = measured(np.array([0, 1]), np.array([[0.0, 1.0], [0.0, 1.0]]))
    assert m.negative_log_likelihood.value == pytest.approx(sk.log_loss([0, 1], [[0.0, 1.0], [0.0, 1.0]]))


@pytest.mark.parametrize("images", [15, 100, 3589])
def test_calibration_bins_hold_equally_many_and_are_ordered(images: int) -> None:
    confidence = np.random.default_rng(3).random(images)
    bins = calibration_bins(confidence)
    masses = np.bincount(bins, minlength=CALIBRATION_BINS)
    assert len(masses) == CALIBRATION_BINS
    assert masses.max() - masses.min() <= 1
    assert np.all(np.diff(bins[np.argsort(confidence)]) >= 0)


def test_calibrated_classifier_has_an_error_of_noise_alone() -> None:
    truth, probabilities = sample(4, 60_000)
    assert measured(truth, probabilities, draws=1).calibration_error.value < 0.01


def test_overconfident_classifier_has_the_error_of_its_overconfidence() -> None:
    draw = np.random.default_rng(5)
    confidence = draw.uniform(0.9, 1.0, 60_000)
    right = draw.random(60_000) < confidence - 0.2
    probabilities = np.column_stack([confidence, 1 - confidence])
    error = measured(np.where(right, 0, 1), probabilities, draws=50).calibration_error
    assert error.value == pytest.approx(0.2, abs=0.01)
    assert error.low < 0.2 < error.high


def test_one_confidence_for_all_is_judged_as_one_bin() -> None:
    truth = np.array([0, 1, 0, 1] * 50)
    probabilities = np.tile([0.5 + 1e-9, 0.5 - 1e-9], (200, 1))
    assert measured(truth, probabilities).calibration_error.value == pytest.approx(0, abs=1e-6)


@given(order=st.permutations(range(40)), seed=st.integers(0, 50))
def test_figures_do_not_depend_on_the_order_of_images(order: list[int], seed: int) -> None:
    truth, probabilities = sample(seed, 40)
    probabilities = probabilities.round(1) + 1e-3  # many equal confidences
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    votes = sample(seed + 100, 40)[1]
    one = measured(truth, probabilities, votes, draws=50)
    other = measured(truth[order], probabilities[order], votes[order], draws=50)
    assert values(one) == pytest.approx(values(other))


@given(
    truth=arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 3)),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_sample_gives_figures_in_range_inside_ordered_intervals(truth: NDArray[np.int64], seed: int) -> None:
    probabilities = np.random.default_rng(seed).dirichlet(np.full(4, 0.3), len(truth))
    m = measured(truth, probabilities, probabilities)
    for estimate in (m.accuracy, m.balanced_accuracy, m.macro_f1, m.calibration_error, *m.recall.values()):
        assert 0 <= estimate.low <= estimate.high <= 1
        assert 0 <= estimate.value <= 1
    assert m.calibration_error.low <= m.calibration_error.value <= m.calibration_error.high
    assert m.kl_to_votes is not None
    assert m.kl_to_votes.value == pytest.approx(0, abs=1e-9)
    assert sum(map(sum, m.confusion.value)) == len(truth) == m.n
    assert set(m.recall) == {LABELS[k] for k in truth}


def test_the_same_seed_gives_the_same_intervals() -> None:
    truth, probabilities = sample(6, 100)
    assert measured(truth, probabilities) == measured(truth, probabilities)
    other = measure(LABELS, truth, probabilities, bootstrap=Bootstrap(2, 50))
    assert other.accuracy.value == measured(truth, probabilities).accuracy.value
    assert other != measured(truth, probabilities)


def test_interval_of_accuracy_is_that_of_the_binomial() -> None:
    truth = np.repeat([0, 1], [789, 211])
    probabilities = np.tile([0.8, 0.2], (1000, 1))
    accuracy = measured(truth, probabilities, draws=2000).accuracy
    half_width = 1.96 * np.sqrt(0.789 * 0.211 / 1000)
    assert accuracy.low == pytest.approx(0.789 - half_width, abs=0.003)
    assert accuracy.high == pytest.approx(0.789 + half_width, abs=0.003)


@pytest.mark.slow
def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """400 samples of one overconfident classifier, whose true figures come from a very large sample."""
    population_truth, probabilities = sample(7, 200_000)
    sharpened = probabilities**2 / (probabilities**2).sum(axis=1, keepdims=True)
    true = measured(population_truth, sharpened, draws=1)
    draw = np.random.default_rng(8)
    held = {"accuracy": 0, "macro_f1": 0, "negative_log_likelihood": 0, "calibration_error": 0}
    for seed in range(400):
        chosen = draw.integers(len(sharpened), size=300)
        found = measure(LABELS, population_truth[chosen], sharpened[chosen], bootstrap=Bootstrap(seed, 200))
        for name in held:
            estimate: Estimate = getattr(found, name)
            held[name] += estimate.low <= getattr(true, name).value <= estimate.high
    # The standard error of a coverage of 95 % over 400 samples is 1.1 %.
    assert all(0.92 <= hits / 400 <= 0.99 for hits in held.values()), held


def test_the_confusion_matrix_has_whole_images_and_both_ends() -> None:
    m = measured(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.8, 0.2], [0.6, 0.4]]))
    assert m.confusion.value == ((2, 0), (1, 0))
    assert m.confusion.low[0][0] <= 2 <= m.confusion.high[0][0]
    assert m.labels == ("happy", "sad")
    assert m.kl_to_votes is None
