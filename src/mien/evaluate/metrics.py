"""Metrics of a classifier on one set of images, each with a 95 % bootstrap interval.

Every metric is a function of sums over images (cells of the confusion matrix, calibration gaps, losses). The figure
itself is that function of the plain sums; its interval comes from the same function of sums in which each image counts
as often as it was drawn. So one matrix product does all draws, and a figure and its interval cannot drift apart.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.stats import BOOTSTRAP, Bootstrap, Estimate, Floats, estimates, resampled_sums

CALIBRATION_BINS = 15

_LEAST_PROBABILITY = float(np.finfo(np.float64).eps)  # keeps logarithms finite


@dataclass(frozen=True, slots=True)
class ConfusionMatrix:
    """Images by true class (row) and predicted class (column), in class order.

    Attributes:
        value: How many there are; (K, K).
        low: The lower end of each number's 95 % interval, rounded.
        high: The upper end likewise.
    """

    value: tuple[tuple[int, ...], ...]
    low: tuple[tuple[int, ...], ...]
    high: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Metrics:
    """What `measure` found.

    Attributes:
        n: Images measured.
        labels: Class names in class order.
        accuracy: Share of images whose most probable class is the truth.
        balanced_accuracy: Mean recall of the classes that occur.
        macro_f1: Mean F1 of the classes that occur.
        calibration_error: Expected calibration error of the most probable class, `CALIBRATION_BINS` bins of equal mass.
        negative_log_likelihood: Mean over images, in nats.
        kl_to_votes: Mean Kullback-Leibler divergence KL(votes || prediction), in nats; None without votes.
        recall: Share found of each class that occurs, by label.
        confusion: Images by true class (row) and predicted class (column), in class order.
    """

    n: int
    labels: tuple[str, ...]
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    negative_log_likelihood: Estimate
    kl_to_votes: Estimate | None
    recall: dict[str, Estimate]
    confusion: ConfusionMatrix


@dataclass(frozen=True, slots=True)
class Statistics:
    """The metrics of D draws at once; each array's first dimension is D, then classes where there are any."""

    accuracy: Floats
    balanced_accuracy: Floats
    macro_f1: Floats
    calibration_error: Floats
    negative_log_likelihood: Floats
    kl_to_votes: Floats
    recall: Floats
    confusion: Floats


def measure(
    labels: tuple[str, ...],
    target: NDArray[np.int64],
    probabilities: Floats,
    votes: Floats | None = None,
    *,
    bootstrap: Bootstrap = BOOTSTRAP,
) -> Metrics:
    """All metrics of one classifier on one set of images, with intervals by bootstrap over images.

    Intervals are percentiles of the draws, with one exception. The calibration error, a sum of absolute gaps, grows
    with noise, and draws are noisier than the sample: their percentiles lie too high. Its interval reaches as far
    below the figure as the upper percentile lies above it. Draws keep the sample's bins.

    Args:
        labels: K class names.
        target: int64 of shape (N,), class positions; N is at least 1.
        probabilities: float64 of shape (N, K); rows sum to 1.
        votes: float64 of shape (N, K), shares of votes by class; rows sum to 1. None where nobody voted.
        bootstrap: How images are drawn anew; often enough that a class of one image occurs in some draws.
    """
    classes = len(labels)
    sums = per_image_sums(target, probabilities, votes)
    point = statistics_of(sums.sum(axis=0, keepdims=True), classes)
    drawn = statistics_of(resampled_sums(sums, bootstrap.draws, bootstrap.rng()), classes)
    error = estimates(point.calibration_error, drawn.calibration_error)[0]
    reach = max(error.high - error.value, 0)
    confusion = estimates(point.confusion, drawn.confusion)
    return Metrics(
        n=len(target),
        labels=labels,
        accuracy=estimates(point.accuracy, drawn.accuracy)[0],
        balanced_accuracy=estimates(point.balanced_accuracy, drawn.balanced_accuracy)[0],
        macro_f1=estimates(point.macro_f1, drawn.macro_f1)[0],
        calibration_error=Estimate(error.value, max(error.value - reach, 0), error.value + reach),
        negative_log_likelihood=estimates(point.negative_log_likelihood, drawn.negative_log_likelihood)[0],
        kl_to_votes=None if votes is None else estimates(point.kl_to_votes, drawn.kl_to_votes)[0],
        recall={labels[k]: estimates(point.recall[:, k], drawn.recall[:, k])[0] for k in np.unique(target)},
        confusion=_matrix(confusion, classes),
    )


def _matrix(cells: tuple[Estimate, ...], classes: int) -> ConfusionMatrix:
    ends = {
        end: tuple(
            tuple(round(getattr(cell, end)) for cell in cells[row * classes : (row + 1) * classes])
            for row in range(classes)
        )
        for end in ("value", "low", "high")
    }
    return ConfusionMatrix(**ends)


def calibration_bins(confidence: Floats) -> NDArray[np.int64]:
    """Bin of each confidence, 0 to `CALIBRATION_BINS` - 1, so that bins hold equally many.

    Equal confidences share a bin, so bins depend on no order of images; many equal ones leave some bins empty.
    Source: Nguyen and O'Connor, "Posterior calibration and exploratory analysis for natural language processing
    models", EMNLP 2015.
    """
    starts = np.arange(1, CALIBRATION_BINS) * len(confidence) // CALIBRATION_BINS
    edges = np.sort(confidence)[starts]
    return np.searchsorted(edges, confidence, side="right").astype(np.int64)


def per_image_sums(target: NDArray[np.int64], probabilities: Floats, votes: Floats | None) -> Floats:
    """What each image adds to the sums: K*K cells, calibration gaps by bin, loss and divergence; shape (N, M)."""
    images, classes = probabilities.shape
    every = np.arange(images)
    predicted = probabilities.argmax(axis=1)
    confidence = probabilities.max(axis=1)
    cells = np.zeros((images, classes * classes))
    cells[every, target * classes + predicted] = 1
    gaps = np.zeros((images, CALIBRATION_BINS))
    gaps[every, calibration_bins(confidence)] = confidence - (predicted == target)
    log_probabilities = np.log(np.maximum(probabilities, _LEAST_PROBABILITY))
    loss = -log_probabilities[every, target]
    shares = np.zeros_like(probabilities) if votes is None else votes
    log_shares = np.log(np.where(shares > 0, shares, 1))
    divergence = (shares * (log_shares - log_probabilities)).sum(axis=1)
    return np.column_stack([cells, gaps, loss, divergence])


def statistics_of(sums: Floats, classes: int) -> Statistics:
    """Metrics from sums of shape (D, M); a class that a draw lacks is left out of its means."""
    cells, gaps, loss, divergence = np.split(sums, np.cumsum([classes**2, CALIBRATION_BINS, 1]), axis=1)
    images = cells.sum(axis=1)
    confusion = cells.reshape(-1, classes, classes)
    right = np.diagonal(confusion, axis1=1, axis2=2)
    true, predicted = confusion.sum(axis=2), confusion.sum(axis=1)
    occurs = true > 0
    recall = np.divide(right, true, out=np.full_like(true, np.nan), where=occurs)
    f1 = np.divide(2 * right, true + predicted, out=np.full_like(true, np.nan), where=occurs)
    return Statistics(
        accuracy=right.sum(axis=1) / images,
        balanced_accuracy=np.nanmean(recall, axis=1),
        macro_f1=np.nanmean(f1, axis=1),
        calibration_error=np.abs(gaps).sum(axis=1) / images,
        negative_log_likelihood=loss[:, 0] / images,
        kl_to_votes=divergence[:, 0] / images,
        recall=recall,
        confusion=confusion,
    )
