"""How far a classifier's confidence can be relied on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluate.metrics import calibration_bins
from mien.stats import DRAWS, Estimate, estimates, resampled_counts

Floats = NDArray[np.float64]

COVERAGES = tuple(round(0.05 * step, 2) for step in range(20, 0, -1))
"""Shares of the images, the most certain ones, whose risk is given."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Images of like confidence.

    Attributes:
        images: How many.
        confidence: Their mean confidence.
        accuracy: Share of them that are right.
    """

    images: int
    confidence: float
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class RiskAtCoverage:
    """The most certain images.

    Attributes:
        coverage: Their share of all images.
        confidence: The least confidence among them.
        risk: Share of them that are wrong.
    """

    coverage: float
    confidence: float
    risk: Estimate


@dataclass(frozen=True, slots=True)
class RiskCoverage:
    """What is gained where the least certain images are left unanswered.

    Attributes:
        points: By falling coverage, `COVERAGES`.
        area: Mean risk over all coverages, the area under the curve; lower is better.
    """

    points: tuple[RiskAtCoverage, ...]
    area: Estimate


def reliability(confidence: Floats, right: NDArray[np.bool_]) -> tuple[ReliabilityBin, ...]:
    """Images in bins of equal mass, those of the calibration error, by rising confidence; arrays of shape (N,).

    Source: Niculescu-Mizil and Caruana, "Predicting good probabilities with supervised learning", ICML 2005.
    """
    bins = calibration_bins(confidence)
    return tuple(
        ReliabilityBin(
            images=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=Estimate.of_proportion(int(right[inside].sum()), int(inside.sum())),
        )
        for inside in (bins == position for position in np.unique(bins))
    )


def risk_coverage(
    confidence: Floats, right: NDArray[np.bool_], *, rng: np.random.Generator, draws: int = DRAWS
) -> RiskCoverage:
    """The risk among the most certain images, with 95 % intervals; arrays of shape (N,).

    Images of equal confidence are taken in together, each in part, so nothing depends on their order. Intervals of the
    points are score intervals, since draws of images of which none is wrong would all agree; that of the area is by
    bootstrap. Source: Geifman and El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
    """
    order = np.argsort(-confidence, kind="stable")
    falling, wrong = confidence[order], (~right[order]).astype(np.float64)
    starts = np.flatnonzero(np.r_[True, np.diff(falling) != 0])
    ones, taken = np.ones((1, len(wrong))), np.array(COVERAGES) * len(wrong)
    [errors] = _errors(ones, wrong, starts, taken)
    point = _areas(ones, wrong, starts)
    drawn = np.concatenate([_areas(counts, wrong, starts) for counts in resampled_counts(len(wrong), draws, rng)])
    least = falling[np.ceil(taken).astype(np.int64) - 1]
    points = zip(COVERAGES, least, errors, taken, strict=True)
    return RiskCoverage(
        points=tuple(
            RiskAtCoverage(share, float(low), Estimate.of_proportion(hits, images))
            for share, low, hits, images in points
        ),
        area=estimates(point, drawn)[0],
    )


def _areas(counts: Floats, wrong: Floats, starts: NDArray[np.int64]) -> Floats:
    """Mean risk over all coverages, of shape (D,), for counts of shape (D, N)."""
    every = np.arange(1.0, counts.shape[1] + 1)
    return np.asarray((_errors(counts, wrong, starts, every) / every).mean(axis=1))


def _errors(counts: Floats, wrong: Floats, starts: NDArray[np.int64], wanted: Floats) -> Floats:
    """Wrong answers among so many of the most certain images as `wanted` says; of shape (D, len(wanted)).

    Args:
        counts: How often each image was drawn, of shape (D, N), by falling confidence.
        wrong: 1 for each image that is answered wrongly, else 0, of shape (N,).
        starts: Where each run of equal confidence starts.
        wanted: Numbers of images.
    """
    taken = np.add.reduceat(counts, starts, axis=1).cumsum(axis=1)
    errors = np.add.reduceat(counts * wrong, starts, axis=1).cumsum(axis=1)
    rows = zip(taken, errors, strict=True)
    return np.array([np.interp(wanted, np.r_[0, images], np.r_[0, hits]) for images, hits in rows])
