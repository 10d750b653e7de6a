"""How far a model's answers may be relied on: its probabilities, and whom it is not sure about.

Everything is measured on faces that calibration has not seen.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.evaluate.metrics import calibration_bins
from mien.export.calibrate import truths_of
from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, FER7, FERPLUS8, ExpressionSet
from mien.model.calibration import Calibration, Logits, probabilities, support
from mien.stats import SEED, Estimate

COVERAGES = tuple(step / 20 for step in range(1, 21))
"""Shares of the faces answered at which the risk is stored."""

_CHANCE_DRAWS = 200
_Z = 1.959964  # two-sided 95 % of a normal distribution


@dataclass(frozen=True, slots=True)
class Certainty:
    """What one set's probabilities and its mark `uncertain` are worth.

    Attributes:
        n: Faces with a truth in the set, of those that calibration has not seen.
        calibration_error: Expected calibration error on these.
        error_by_chance: What that would be on average if the probabilities were exactly right: so many faces have no
            less, but by luck.
        bins: For each bin of it, mean confidence, share right and number of faces.
        risk: Share of wrong answers among the best supported faces, by `COVERAGES`.
        aurc: Mean risk over all coverages, 1/n to 1: the area under the risk-coverage curve.
        certain: Share of answers that are not marked uncertain.
        certain_wrong: Share of these that are wrong.
        wrong: Share of all answers that are wrong.
        uncertain_outside: By an expression that is not of the set, share of such faces that are marked uncertain.
    """

    n: int
    calibration_error: float
    error_by_chance: float
    bins: tuple[tuple[float, float, int], ...]
    risk: tuple[float, ...]
    aurc: float
    certain: Estimate
    certain_wrong: Estimate
    wrong: Estimate
    uncertain_outside: Mapping[str, tuple[int, Estimate]]

    def risk_at(self, coverage: float) -> float:
        """Share of wrong answers where this share of the faces is answered; one of `COVERAGES`."""
        return self.risk[COVERAGES.index(coverage)]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, lists and dicts, ready for JSON."""
        table = asdict(self) | {"coverage": COVERAGES}
        for name in ("certain", "certain_wrong", "wrong"):
            table[name] = getattr(self, name).to_dict()
        table["uncertain_outside"] = {
            label: {"n": n, **share.to_dict()} for label, (n, share) in self.uncertain_outside.items()
        }
        return table


def certainty_by_set(logits: Logits, faces: LabelledFaces, calibration: Calibration) -> dict[str, Certainty]:
    """`Certainty` by the name of each set of expressions that some face has a truth for.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces, none of which `calibration` was fitted on.
        calibration: Temperatures and thresholds.
    """
    truths = truths_of(faces)
    sets = [expressions for expressions in EXPRESSION_SETS if (truths[expressions.name] != NO_LABEL).any()]
    outside = _outside(faces)
    found = {}
    for expressions in sets:
        given = probabilities(logits, expressions, calibration)
        supported = support(logits, given, expressions, calibration)
        unsure = supported < calibration.least_support[expressions.name]
        shares = {
            label: (int(chosen.sum()), wilson(int(unsure[chosen].sum()), int(chosen.sum())))
            for label, chosen in outside.get(expressions.name, {}).items()
            if chosen.any()
        }
        counted = truths[expressions.name] != NO_LABEL
        right = given.argmax(axis=1)[counted] == truths[expressions.name][counted]
        found[expressions.name] = _certainty(
            given.max(axis=1)[counted], right, supported[counted], ~unsure[counted], shares
        )
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
