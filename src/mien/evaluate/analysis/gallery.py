"""Faces to look at: answered rightly, answered wrongly, and hardly answered at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.data.faces import LabelledFaces
from mien.evaluate.analysis.mistakes import happy_position
from mien.evaluate.analysis.occlusion import occlusion_map
from mien.evaluate.classifier import Answers, Classifier, checked_probabilities
from mien.evaluate.metrics import SEED
from mien.evaluate.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Shown:
    """One face of the gallery.

    Attributes:
        row: Its row in the source.
        truth: Its class by the protocol.
        answer: What it is called.
        confidence: Probability of the answer.
        truth_probability: Probability of the truth.
        pixels: uint8 of shape (H, W).
        occlusion: By how much the answer's probability falls where a part is covered, of shape (H, W); None if the
            classifier cannot be asked.
    """

    row: int
    truth: str
    answer: str
    confidence: float
    truth_probability: float
    pixels: NDArray[np.uint8]
    occlusion: NDArray[np.float64] | None


@dataclass(frozen=True, slots=True)
class Gallery:
    """Faces of one protocol.

    Attributes:
        protocol: Code of the protocol.
        right: Drawn at random from those answered rightly.
        wrong: Answered wrongly with the most confidence.
        least_certain: Answered, rightly or wrongly, with the least confidence.
        wrongly_happy: Called happy and not happy, with the most confidence.
    """

    protocol: str
    right: tuple[Shown, ...]
    wrong: tuple[Shown, ...]
    least_certain: tuple[Shown, ...]
    wrongly_happy: tuple[Shown, ...]


def gallery(
    answers: Answers, classifier: Classifier | None, faces: LabelledFaces, protocol: Protocol, *, each: int
) -> Gallery:
    """Chooses the faces and finds out what their answers rest on.

    Args:
        answers: Probabilities for `faces`.
        classifier: What gave them, to be asked about each chosen face with parts of it covered; None if it cannot be.
        faces: Labelled faces.
        protocol: By which answers are right.
        each: Faces of each kind, at most.
    """
    truth, given = protocol.truth(faces), answers[protocol.expressions.name]
    answer, confidence = given.argmax(axis=1), given.max(axis=1)
    counted = np.flatnonzero(protocol.counts(faces))
    by_confidence = counted[np.argsort(-confidence[counted], kind="stable")]
    right = by_confidence[truth[by_confidence] == answer[by_confidence]]
    wrong = by_confidence[truth[by_confidence] != answer[by_confidence]]
    drawn = np.random.default_rng(SEED).permutation(right)

    @cache  # a face may be of several kinds
    def shown(position: int) -> Shown:
        called, pixels = int(answer[position]), faces.pixels[position]
        return Shown(
            row=int(faces.rows[position]),
            truth=protocol.expressions.labels[truth[position]],
            answer=protocol.expressions.labels[called],
            confidence=float(confidence[position]),
            truth_probability=float(given[position, truth[position]]),
            pixels=pixels,
            occlusion=None if classifier is None else occlusion_map(_probability(classifier, protocol, called), pixels),
        )

    def first(positions: NDArray[np.int64]) -> tuple[Shown, ...]:
        return tuple(shown(position) for position in positions[:each].tolist())

    return Gallery(
        protocol=protocol.code,
        right=first(drawn),
        wrong=first(wrong),
        least_certain=first(by_confidence[::-1]),
        wrongly_happy=first(wrong[answer[wrong] == happy_position(protocol.expressions.labels)]),
    )


def _probability(
    classifier: Classifier, protocol: Protocol, answer: int
) -> Callable[[NDArray[np.uint8]], NDArray[np.float64]]:
    def probability(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        sets = [protocol.expressions]
        return checked_probabilities(classifier, pixels, sets)[protocol.expressions.name][:, answer]

    return probability
