"""How far a classifier's confidence can be relied on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluate.metrics import DRAWS, Estimate, calibration_bins, estimates, proportion, resampled_counts

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
            accuracy=proportion(int(right[inside].sum()), int(inside.sum())),
        )
        for inside in (bins == position for position in np.unique(bins))
    )


def risk_coverage(
    confidence: Floats, right: NDArray[np.bool_], *, rng: np.random.Generator, draws: int = DRAWS
) -> RiskCoverage:
    """The risk among the most certain images, with 95 % bootstrap intervals; arrays of shape (N,).

    Images of equal confidence are taken in together, each in part, so nothing depends on their order. Source: Geifman
    and El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
    """
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    wrong = (~right[order]).astype(np.float64)
    starts = np.flatnonzero(np.r_[True, np.diff(sorted_confidence) != 0])
    point = _risks(np.ones((1, len(wrong))), wrong, starts)
    drawn = np.concatenate([_risks(counts, wrong, starts) for counts in resampled_counts(len(wrong), draws, rng)])
    *risks, area = estimates(point, drawn)
    last = np.ceil(np.array(COVERAGES) * len(wrong)).astype(np.int64) - 1
    points = zip(COVERAGES, sorted_confidence[last], risks, strict=True)
    return RiskCoverage(tuple(RiskAtCoverage(share, float(least), risk) for share, least, risk in points), area)


def _risks(counts: Floats, wrong: Floats, starts: NDArray[np.int64]) -> Floats:
    """Risk at each of `COVERAGES`, then the mean risk over all; of shape (D, C + 1) for counts of shape (D, N)."""
    images = counts.shape[1]
    every = np.arange(1, images + 1)
    wanted = np.concatenate([np.array(COVERAGES) * images, every])
    taken = np.add.reduceat(counts, starts, axis=1).cumsum(axis=1)
    errors = np.add.reduceat(counts * wrong, starts, axis=1).cumsum(axis=1)
    risks = np.empty((len(counts), len(COVERAGES) + 1))
    for row, (x, y) in enumerate(zip(taken, errors, strict=True)):
        risk = np.interp(wanted, np.r_[0, x], np.r_[0, y]) / wanted
        risks[row] = [*risk[: len(COVERAGES)], risk[len(COVERAGES) :].mean()]
    return risks
