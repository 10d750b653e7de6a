"""Evaluates a classifier by protocols: with and without flips, with and without what it may have seen before."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.duplicates import NEAR_DUPLICATE, has_duplicate
from mien.data.labelled_faces import LabelledFaces
from mien.errors import DataError
from mien.evaluate.classifiers import Answers, Classifier, checked_probabilities
from mien.evaluate.metrics import CALIBRATION_BINS, Metrics, measure
from mien.evaluate.protocols import Protocol
from mien.expressions import ExpressionSet
from mien.stats import DRAWS, SEED


@dataclass(frozen=True, slots=True)
class Result:
    """One classifier measured by one protocol in one way.

    Attributes:
        protocol: What the figures mean.
        flip_averaged: Whether the probabilities are the mean of those of the face and of its mirror image.
        without_duplicates: Whether images with a duplicate or near-duplicate among the seen ones are left out.
        metrics: The figures.
    """

    protocol: Protocol
    flip_averaged: bool
    without_duplicates: bool
    metrics: Metrics

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "protocol": self.protocol.code,
            "name": self.protocol.name,
            "flip_averaged": self.flip_averaged,
            "without_duplicates": self.without_duplicates,
            **self.metrics.to_dict(),
        }


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The results of one model on one split, and what must be known to read them.

    Attributes:
        model: Which model.
        split: Which split of the data.
        selected_on: The split on which the model was chosen, tuned or calibrated, if that is known.
        results: The figures.
        trained_on: Whether the model has learnt from this split, if that is known.
    """

    model: str
    split: str
    selected_on: str | None
    results: tuple[Result, ...]
    trained_on: bool = False

    @property
    def caution(self) -> str | None:
        """What a reader must be told where the split has served to train or to choose the model, else None."""
        if self.trained_on:
            return f"trained on {self.split}: the model has learnt from these images, so its figures flatter it"
        if self.selected_on != self.split:
            return None
        return f"selected on {self.split}: the model was chosen on these images, so its figures flatter it"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "model": self.model,
            "split": self.split,
            "selected_on": self.selected_on,
            "trained_on": self.trained_on,
            "caution": self.caution,
            "interval": {"level": 0.95, "bootstrap_draws": DRAWS, "seed": SEED},
            "calibration_bins": CALIBRATION_BINS,
            "near_duplicate_correlation": NEAR_DUPLICATE,
            "results": [result.to_dict() for result in self.results],
        }


def evaluate(
    classifier: Classifier,
    faces: LabelledFaces,
    protocols: Sequence[Protocol],
    *,
    seen: LabelledFaces | None = None,
) -> tuple[Result, ...]:
    """Measures a classifier by each protocol, with and without averaging over horizontal flips.

    Args:
        classifier: What to measure.
        faces: The images to measure it on.
        protocols: What to measure.
        seen: What the classifier was trained or chosen on. If given, everything is measured once more on the images
            that have no duplicate or near-duplicate among these.

    Returns:
        Results in order of protocol, then all images before those without duplicates, then plain before averaged.
        Where each image that counts by a protocol has a duplicate, there is nothing without duplicates.

    Raises:
        DataError: If no image counts by one of the protocols.
        ModelError: If the classifier does not give probabilities for the sets of expressions it is asked for.
    """
    sets = [protocol.expressions for protocol in protocols]
    gray = faces.gray()
    plain = checked_probabilities(classifier, gray, sets)
    averaged = averaged_over_flips(classifier, gray, plain, sets)
    duplicated = None if seen is None else has_duplicate(faces, seen)
    return evaluate_answers(plain, averaged, faces, protocols, duplicated=duplicated)


def evaluate_answers(
    plain: Answers,
    averaged: Answers | None,
    faces: LabelledFaces,
    protocols: Sequence[Protocol],
    *,
    duplicated: NDArray[np.bool_] | None = None,
) -> tuple[Result, ...]:
    """Measures answers that were given already, as `evaluate` does.

    Args:
        plain: Probabilities for `faces`, for the sets of all `protocols`.
        averaged: Likewise, averaged over flips; None leaves those results out.
        faces: What the answers are about.
        protocols: What to measure.
        duplicated: Which of the faces have a duplicate or near-duplicate among what was seen before, of shape (N,).
            If given, everything of which images are left is measured once more without them.

    Raises:
        DataError: If no image counts by one of the protocols.
    """
    subsets = {False: np.ones(len(faces), dtype=np.bool_)}
    if duplicated is not None:
        subsets[True] = ~duplicated
    ways = [(False, plain)] + ([(True, averaged)] if averaged is not None else [])
    return tuple(
        Result(protocol, flip_averaged, without_duplicates, _measure(protocol, faces, answers, subset))
        for protocol in protocols
        for without_duplicates, subset in subsets.items()
        if not without_duplicates or (subset & protocol.counts(faces)).any()
        for flip_averaged, answers in ways
    )


def averaged_over_flips(
    classifier: Classifier, pixels: NDArray[np.uint8], plain: Answers, sets: Sequence[ExpressionSet]
) -> Answers:
    """The mean of the `plain` answers for faces of shape (N, 48, 48) and the classifier's for their mirror images."""
    mirrored = checked_probabilities(classifier, np.ascontiguousarray(pixels[:, :, ::-1]), sets)
    return {name: (plain[name] + given) / 2 for name, given in mirrored.items()}


def _measure(protocol: Protocol, faces: LabelledFaces, answers: Answers, subset: NDArray[np.bool_]) -> Metrics:
    chosen = subset & protocol.counts(faces)
    if not chosen.any():
        raise DataError(f"no image counts by {protocol.code} {protocol.name} in this data; it may lack FER+ votes")
    counted = faces[chosen]
    return measure(
        protocol.expressions.labels,
        protocol.truth(counted),
        answers[protocol.expressions.name][chosen],
        protocol.votes(counted) if protocol.votes else None,
        # The same draws for every result: what differs between two results is then no luck of the draw.
        rng=np.random.default_rng(SEED),
    )
