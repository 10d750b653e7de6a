"""How far a classifier's confidence and its mark `uncertain` can be relied on.

Answers are ranked by their support: the probability of the answer, or, where the classifier knows better, what its mark
`uncertain` goes by. This is the one copy for evaluations and model cards.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.classifiers import Predictions
from mien.evaluate.metrics import calibration_bins
from mien.evaluate.protocols import Protocol
from mien.expressions import CORE4, CORE4_BALANCED, CORE4_FER2013, FER7, FERPLUS8, FERPLUS8_OF_FER7, ExpressionSet
from mien.stats import DRAWS, SEED, Estimate, Floats, Proportion, estimates, resampled_counts

COVERAGES = tuple(round(0.05 * step, 2) for step in range(20, 0, -1))
"""Shares of the images, the most certain ones, whose risk is given."""

_CHANCE_DRAWS = 200
_OUTSIDE = ("angry", "disgust", "fear")


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
        support: The least support among them.
        risk: Share of them that are wrong.
    """

    coverage: float
    support: float
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

    def risk_at(self, coverage: float) -> Estimate:
        """Share of wrong answers where this share of the images is answered; one of `COVERAGES`."""
        return next(point.risk for point in self.points if point.coverage == coverage)


@dataclass(frozen=True, slots=True)
class UncertainMark:
    """What the classifier's own mark `uncertain` is worth.

    Attributes:
        threshold: The support under which it marks an answer.
        promised: The greatest share of wrong answers that it promises among the others; None if it promises none.
        certain: Share of answers that are not marked: the coverage of the mark.
        certain_accuracy: Share of these that are right.
        uncertain_accuracy: Share of the marked ones that are right.
        uncertain_outside: Of faces that show none of the classes, the share that is marked, by what they show; empty
            where there are none such or nothing is known of them.
    """

    threshold: float
    promised: float | None
    certain: Proportion
    certain_accuracy: Proportion
    uncertain_accuracy: Proportion
    uncertain_outside: Mapping[str, Proportion]


@dataclass(frozen=True, slots=True)
class Certainty:
    """How far the answers by one set of expressions can be relied on.

    Attributes:
        images: Images measured.
        calibration_error: Expected calibration error on these.
        error_by_chance: What that would be on average if the probabilities were exactly right: so many images have no
            less, but by luck.
        reliability: How often answers of like confidence are right.
        risk_coverage: What is gained where the answers of the least support are not given.
        mark: What the classifier's own mark is worth; None if it marks none.
    """

    images: int
    calibration_error: float
    error_by_chance: float
    reliability: tuple[ReliabilityBin, ...]
    risk_coverage: RiskCoverage
    mark: UncertainMark | None


@dataclass(frozen=True, slots=True)
class Answered:
    """Answers to N images.

    Attributes:
        confidence: Probability of each answer, of shape (N,).
        right: Whether each is right, of shape (N,).
        support: What they are ranked by, of shape (N,).
    """

    confidence: Floats
    right: NDArray[np.bool_]
    support: Floats

    @classmethod
    def of(cls, probabilities: Floats, target: NDArray[np.int64], support: Floats | None = None) -> "Answered":
        """Of probabilities of shape (N, K) and class positions of shape (N,); by default ranked by confidence."""
        confidence = probabilities.max(axis=1)
        right = probabilities.argmax(axis=1) == target
        return cls(confidence, right, confidence if support is None else support)


def certainty(
    answered: Answered,
    *,
    threshold: float | None = None,
    outside: Mapping[str, Floats] | None = None,
    promised: float | None = None,
    draws: int = DRAWS,
) -> Certainty:
    """How far answers can be relied on.

    Args:
        answered: Answers to images that have a truth, at least one.
        threshold: The support under which an answer is marked as uncertain; None if none is.
        outside: Support of the answers to faces that show none of the classes, by what they show.
        promised: The greatest share of wrong answers promised among those that are not marked; None if none is.
        draws: Bootstrap draws behind the interval of the area.
    """
    bins = reliability(answered.confidence, answered.right)
    gaps = sum(each.images * abs(each.confidence - each.accuracy.value) for each in bins)
    return Certainty(
        images=len(answered.right),
        calibration_error=gaps / len(answered.right),
        error_by_chance=_error_by_chance(answered.confidence),
        reliability=bins,
        risk_coverage=risk_coverage(answered.support, answered.right, rng=np.random.default_rng(SEED), draws=draws),
        mark=None if threshold is None else _mark(answered, threshold, promised, outside or {}),
    )


def certainty_of(said: Predictions, faces: LabelledFaces, protocol: Protocol) -> Certainty:
    """How far predictions can be relied on, on the faces that count by a protocol, at least one.

    Args:
        said: About N faces.
        faces: The same N faces; those that do not count tell what the mark does where no answer is right.
        protocol: What is right.
    """
    name = protocol.expressions.name
    return certainty(
        _answered(said, faces, protocol),
        threshold=said.thresholds.get(name),
        outside=_outside_support(said, faces, protocol),
        promised=said.risks.get(name),
    )


def mark_of(said: Predictions, faces: LabelledFaces, protocol: Protocol) -> UncertainMark | None:
    """What the classifier's own mark is worth; arguments as for `certainty_of`; None if it marks none."""
    name = protocol.expressions.name
    if name not in said.thresholds:
        return None
    outside = _outside_support(said, faces, protocol)
    return _mark(_answered(said, faces, protocol), said.thresholds[name], said.risks.get(name), outside)


def _answered(said: Predictions, faces: LabelledFaces, protocol: Protocol) -> Answered:
    name, counts = protocol.expressions.name, protocol.counts(faces)
    supported = _supported(said, protocol)[counts]
    return Answered.of(said.probabilities[name][counts], protocol.target(faces)[counts], supported)


def _outside_support(said: Predictions, faces: LabelledFaces, protocol: Protocol) -> dict[str, Floats]:
    supported = _supported(said, protocol)
    return {label: supported[chosen] for label, chosen in outside_core(faces, protocol.expressions).items()}


def _supported(said: Predictions, protocol: Protocol) -> Floats:
    support = said.support.get(protocol.expressions.name)
    return said.probabilities[protocol.expressions.name].max(axis=1) if support is None else support


def outside_core(faces: LabelledFaces, expressions: ExpressionSet) -> dict[str, NDArray[np.bool_]]:
    """Which faces show an expression that is none of the core four, of shape (N,), by what they show; all first.

    It is what their majority says for `CORE4`, their label for `CORE4_FER2013`; where no face has votes, the label is
    the truth for both. Empty for any other set, and without what no face shows.
    """
    faces = faces.with_votes_from_labels()
    if expressions in (CORE4, CORE4_BALANCED):
        seen, wider = faces.majority(), FERPLUS8
        positions = [FERPLUS8_OF_FER7[FER7.index(label)] for label in _OUTSIDE]
    elif expressions == CORE4_FER2013:
        seen, wider, positions = faces.fer7, FER7, [FER7.index(label) for label in _OUTSIDE]
    else:
        return {}
    chosen = {wider.labels[position]: np.equal(seen, position) for position in positions}
    found = {"all of them": np.any(list(chosen.values()), axis=0), **chosen}
    return {label: there for label, there in found.items() if there.any()}


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
    support: Floats, right: NDArray[np.bool_], *, rng: np.random.Generator, draws: int = DRAWS
) -> RiskCoverage:
    """The risk among the answers of most support, with 95 % intervals; arrays of shape (N,).

    Images of equal support are taken in together, each in part, so nothing depends on their order; likewise the last
    image at a coverage that is no whole number of images, so that 90 % means 90 %, of however few. Intervals of the
    points are score intervals, since draws of images of which none is wrong would all agree; that of the area is by
    bootstrap. Source: Geifman and El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017.
    """
    order = np.argsort(-support, kind="stable")
    falling, wrong = support[order], (~right[order]).astype(np.float64)
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


def _mark(answered: Answered, threshold: float, promised: float | None, outside: Mapping[str, Floats]) -> UncertainMark:
    certain = answered.support >= threshold
    return UncertainMark(
        threshold=threshold,
        promised=promised,
        certain=Proportion.of(int(certain.sum()), len(certain)),
        certain_accuracy=Proportion.among(certain, answered.right),
        uncertain_accuracy=Proportion.among(~certain, answered.right),
        uncertain_outside={
            label: Proportion.of(int((support < threshold).sum()), len(support)) for label, support in outside.items()
        },
    )


def _error_by_chance(confidence: Floats) -> float:
    """Mean calibration error of answers that are right as often as their probabilities say."""
    bins, rng = calibration_bins(confidence), np.random.default_rng(SEED)
    gaps = [confidence - (rng.random(len(confidence)) < confidence) for _ in range(_CHANCE_DRAWS)]
    return float(np.mean([np.abs(np.bincount(bins, gap)).sum() for gap in gaps])) / len(confidence)


def _areas(counts: Floats, wrong: Floats, starts: NDArray[np.int64]) -> Floats:
    """Mean risk over all coverages, of shape (D,), for counts of shape (D, N)."""
    every = np.arange(1.0, counts.shape[1] + 1)
    return np.asarray((_errors(counts, wrong, starts, every) / every).mean(axis=1))


def _errors(counts: Floats, wrong: Floats, starts: NDArray[np.int64], wanted: Floats) -> Floats:
    """Wrong answers among so many of the best supported images as `wanted` says; of shape (D, len(wanted)).

    Args:
        counts: How often each image was drawn, of shape (D, N), by falling support.
        wrong: 1 for each image that is answered wrongly, else 0, of shape (N,).
        starts: Where each run of equal support starts.
        wanted: Numbers of images.
    """
    taken = np.add.reduceat(counts, starts, axis=1).cumsum(axis=1)
    errors = np.add.reduceat(counts * wrong, starts, axis=1).cumsum(axis=1)
    rows = zip(taken, errors, strict=True)
    return np.array([np.interp(wanted, np.r_[0, images], np.r_[0, hits]) for images, hits in rows])
