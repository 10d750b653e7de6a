"""How far a model's answers may be relied on: its probabilities, and whom it is not sure about.

Everything is measured on faces that calibration has not seen.
"""

from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.evaluate.metrics import calibration_bins
from mien.export.calibrate import truths_of
from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet
from mien.model.calibration import Answer, Logits, probabilities, support
from mien.model.facts import Certainty
from mien.stats import SEED, Estimate

COVERAGES = tuple(step / 20 for step in range(1, 21))
"""Shares of the faces answered at which the risk is stored."""

_CHANCE_DRAWS = 200
_Z = 1.959964  # two-sided 95 % of a normal distribution


def certainty_by_answer(logits: Logits, faces: LabelledFaces, answers: Mapping[str, Answer]) -> dict[str, Certainty]:
    """`Certainty` by the name of each answer that some face has a truth for.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces, on none of which the answers were calibrated.
        answers: With their temperatures and thresholds.
    """
    truths = truths_of(faces)
    outside = _outside(faces)
    found = {}
    for name, answer in answers.items():
        counted = truths[name] != NO_LABEL
        if not counted.any():
            continue
        given = probabilities(logits, answer)
        supported = support(logits, given, answer)
        unsure = supported < answer.threshold
        shares = {
            label: (int(chosen.sum()), wilson(int(unsure[chosen].sum()), int(chosen.sum())))
            for label, chosen in outside.get(name, {}).items()
            if chosen.any()
        }
        right = given.argmax(axis=1)[counted] == truths[name][counted]
        found[name] = _certainty(given.max(axis=1)[counted], right, supported[counted], ~unsure[counted], shares)
    return found


def risk_by_coverage(supported: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Share of wrong answers among the 1, 2, ... N best supported of N faces; shape (N,).

    Faces of equal support count as their mean, so the curve depends on no order. Source: El-Yaniv and Wiener, "On the
    Foundations of Noise-free Selective Classification", JMLR 2010.
    """
    _, group = np.unique(-supported, return_inverse=True)
    mean_wrong = np.bincount(group, ~right) / np.bincount(group)
    return np.cumsum(mean_wrong[np.sort(group)]) / np.arange(1, len(right) + 1)


def wilson(successes: int, n: int) -> Estimate:
    """A share with its 95 % interval.

    Source: Wilson, "Probable Inference, the Law of Succession, and Statistical Inference", JASA 1927.
    """
    if n == 0:
        return Estimate(0.0, 0.0, 1.0)
    share = successes / n
    centre = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    reach = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
    return Estimate(share, max(0.0, centre - reach), min(1.0, centre + reach))


def _certainty(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    supported: NDArray[np.float64],
    certain: NDArray[np.bool_],
    outside: Mapping[str, tuple[int, Estimate]],
) -> Certainty:
    n = len(right)
    bins = _bins(confidence, right)
    risk = risk_by_coverage(supported, right)
    return Certainty(
        n=n,
        calibration_error=round(sum(count * abs(mean - share) for mean, share, count in bins) / n, 6),
        error_by_chance=round(_error_by_chance(confidence), 6),
        bins=bins,
        coverage=COVERAGES,
        risk=tuple(round(float(risk[max(1, round(share * n)) - 1]), 6) for share in COVERAGES),
        aurc=round(float(risk.mean()), 6),
        certain=wilson(int(certain.sum()), n),
        certain_wrong=wilson(int((~right & certain).sum()), int(certain.sum())),
        wrong=wilson(int((~right).sum()), n),
        uncertain_outside=outside,
    )


def _bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[tuple[float, float, int], ...]:
    bins = calibration_bins(confidence)
    chosen = [bins == position for position in np.unique(bins)]
    return tuple(
        (round(float(confidence[c].mean()), 6), round(float(right[c].mean()), 6), int(c.sum())) for c in chosen
    )


def _error_by_chance(confidence: NDArray[np.float64]) -> float:
    """Mean calibration error of answers that are right as often as their probabilities say."""
    bins, rng = calibration_bins(confidence), np.random.default_rng(SEED)
    gaps = [confidence - (rng.random(len(confidence)) < confidence) for _ in range(_CHANCE_DRAWS)]
    return float(np.mean([np.abs(np.bincount(bins, gap)).sum() for gap in gaps])) / len(confidence)


def _outside(faces: LabelledFaces) -> dict[str, dict[str, NDArray[np.bool_]]]:
    """Which faces show an expression that is none of the four, by the truth of each core set."""
    faces = faces.with_votes_from_labels()
    return {
        CORE4.name: _by_label(FERPLUS8, faces.majority(), ("anger", "disgust", "fear")),
        CORE4_FER2013.name: _by_label(FER7, faces.fer7, ("angry", "disgust", "fear")),
    }


def _by_label(
    expressions: ExpressionSet, truth: NDArray[np.int64], labels: Sequence[str]
) -> dict[str, NDArray[np.bool_]]:
    chosen = {label: np.equal(truth, expressions.index(label)) for label in labels}
    return {"all of them": np.any(list(chosen.values()), axis=0), **chosen}
