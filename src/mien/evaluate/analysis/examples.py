"""Faces to look at: answered rightly, answered wrongly, and hardly answered at all."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.analysis.confusions import happy_position
from mien.evaluate.classifiers import Answers, Classifier, checked_probabilities
from mien.evaluate.protocols import Protocol
from mien.stats import SEED

PATCH_PX = 12
STRIDE_PX = 6


def occlusion_map(
    probability: Callable[[NDArray[np.uint8]], NDArray[np.float64]], face: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """By how much an answer's probability falls where a part of the face is covered.

    A square of the face's mean gray is moved over the face; each pixel gets the mean fall over the squares that cover
    it. Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    Args:
        probability: Gives the answer's probability, of shape (N,), for faces of shape (N, H, W).
        face: uint8 of shape (H, W).

    Returns:
        float64 of shape (H, W), -1 to 1; above 0 where what was covered speaks for the answer.
    """
    tops, lefts = (np.arange(0, size - PATCH_PX + 1, STRIDE_PX) for size in face.shape)
    corners = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(face[None], len(corners) + 1, axis=0)
    for copy, (top, left) in zip(covered[1:], corners, strict=True):
        copy[top : top + PATCH_PX, left : left + PATCH_PX] = round(float(face.mean()))
    whole, *parts = probability(covered)
    falls, squares = np.zeros(face.shape), np.zeros(face.shape)
    for part, (top, left) in zip(parts, corners, strict=True):
        falls[top : top + PATCH_PX, left : left + PATCH_PX] += whole - part
        squares[top : top + PATCH_PX, left : left + PATCH_PX] += 1
    return falls / np.maximum(squares, 1)


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
    drawn, gray = np.random.default_rng(SEED).permutation(right), faces.gray()

    @cache  # a face may be of several kinds
    def shown(position: int) -> Shown:
        called, pixels = int(answer[position]), gray[position]
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
