"""Faces to look at: answered rightly, answered wrongly, and hardly answered at all; for evaluations and model cards."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.analysis.confusions import happy_position
from mien.evaluate.classifiers import Classifier, checked
from mien.evaluate.protocols import Protocol
from mien.preprocess import Crops
from mien.report.pictures import captioned_sheet
from mien.stats import SEED, Floats

PATCH, STRIDE = 1 / 4, 1 / 8
"""Side of the square that covers a part of a face, and how far it is moved, as shares of the face's side."""

_LONGEST_NAME = 10  # that fits beside a label; the end of a file's name tells it from its neighbors


@dataclass(frozen=True, slots=True)
class Example:
    """One face and what it was called.

    Attributes:
        row: Its row in the source, 0-based.
        truth: Its class by the protocol.
        answer: What it is called.
        confidence: Probability of the answer.
        truth_probability: Probability of the truth.
        file: Its picture within the data set; None where it is a row of a file.
    """

    row: int
    truth: str
    answer: str
    confidence: float
    truth_probability: float
    file: str | None = None

    @property
    def place(self) -> str:
        """By which it is found in the data: its file, else its row."""
        return self.file or f"row {self.row}"


@dataclass(frozen=True, slots=True)
class Shown:
    """One face of the gallery, with what is drawn of it.

    Attributes:
        example: The face.
        crop: uint8 of shape (H, W) or (H, W, 3).
        occlusion: By how much the answer's probability falls where a part is covered, of shape (H, W); None if the
            classifier cannot be asked.
    """

    example: Example
    crop: NDArray[np.uint8]
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

    def without_pictures(self) -> dict[str, str | tuple[Example, ...]]:
        """The same by the names of its kinds, of each face what is said of it."""
        kinds = ("right", "wrong", "least_certain", "wrongly_happy")
        return {"protocol": self.protocol} | {
            kind: tuple(shown.example for shown in getattr(self, kind)) for kind in kinds
        }


def surest_wrong(given: Floats, faces: LabelledFaces, protocol: Protocol, count: int) -> tuple[Example, ...]:
    """The wrong answers of the highest probability, the surest first.

    Args:
        given: Probabilities by the protocol's expressions, of shape (N, K).
        faces: The same N faces.
        protocol: By which answers are right.
        count: How many at most.
    """
    ranked = _Ranked(given, faces, protocol)
    return tuple(ranked.example(position) for position in ranked.wrong[:count].tolist())


def example_sheet(examples: Sequence[Example], faces: LabelledFaces) -> bytes:
    """The pictures of examples from `faces`, each with its place, truth and answer below it, as PNG."""
    position_of = {int(row): position for position, row in enumerate(faces.rows)}
    crops = [faces.crops[position_of[each.row]] for each in examples]
    return captioned_sheet(crops, [_caption(each) for each in examples])


def gallery(given: Floats, classifier: Classifier, faces: LabelledFaces, protocol: Protocol, *, each: int) -> Gallery:
    """Chooses the faces and finds out what their answers rest on.

    Args:
        given: Probabilities for `faces` by the protocol's expressions, of shape (N, K).
        classifier: What gave them; if it can be asked, it is asked about each chosen face with parts of it covered.
        faces: Labelled faces.
        protocol: By which answers are right.
        each: Faces of each kind, at most.
    """
    ranked = _Ranked(given, faces, protocol)
    drawn = np.random.default_rng(SEED).permutation(ranked.right)
    happy = happy_position(protocol.expressions.labels)

    @cache  # a face may be of several kinds
    def shown(position: int) -> Shown:
        crop: NDArray[np.uint8] = faces.crops[position]
        if classifier.is_recorded:
            return Shown(ranked.example(position), crop, None)
        probability = partial(_probability, classifier, protocol, int(ranked.answer[position]))
        return Shown(ranked.example(position), crop, occlusion_map(probability, crop))

    def first(positions: NDArray[np.int64]) -> tuple[Shown, ...]:
        return tuple(shown(position) for position in positions[:each].tolist())

    return Gallery(
        protocol=protocol.code,
        right=first(drawn),
        wrong=first(ranked.wrong),
        least_certain=first(ranked.by_confidence[::-1]),
        wrongly_happy=first(ranked.wrong[ranked.answer[ranked.wrong] == happy]),
    )


def occlusion_map(probability: Callable[[Crops], Floats], face: NDArray[np.uint8]) -> NDArray[np.float64]:
    """By how much an answer's probability falls where a part of the face is covered.

    A square of the face's mean gray is moved over the face; each pixel gets the mean fall over the squares that cover
    it. Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    Args:
        probability: Gives the answer's probability, of shape (N,), for N crops.
        face: uint8 of shape (H, W) or (H, W, 3).

    Returns:
        float64 of shape (H, W), -1 to 1; above 0 where what was covered speaks for the answer.
    """
    sides = face.shape[:2]
    patch, stride = (max(1, round(share * min(sides))) for share in (PATCH, STRIDE))
    tops, lefts = (np.arange(0, size - patch + 1, stride) for size in sides)
    corners = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(face[None], len(corners) + 1, axis=0)
    for copy, (top, left) in zip(covered[1:], corners, strict=True):
        copy[top : top + patch, left : left + patch] = np.rint(face.mean(axis=(0, 1)))
    whole, *parts = probability(covered)
    falls, squares = np.zeros(sides), np.zeros(sides)
    for part, (top, left) in zip(parts, corners, strict=True):
        falls[top : top + patch, left : left + patch] += whole - part
        squares[top : top + patch, left : left + patch] += 1
    return falls / np.maximum(squares, 1)


class _Ranked:
    """Faces that count by a protocol, by falling confidence of their answers."""

    def __init__(self, given: Floats, faces: LabelledFaces, protocol: Protocol) -> None:
        self._given, self._faces, self._labels = given, faces, protocol.expressions.labels
        self._target = protocol.target(faces)
        self.answer = given.argmax(axis=1)
        counted, confidence = np.flatnonzero(protocol.counts(faces)), given.max(axis=1)
        self.by_confidence = counted[np.argsort(-confidence[counted], kind="stable")]
        is_right = self._target[self.by_confidence] == self.answer[self.by_confidence]
        self.right, self.wrong = self.by_confidence[is_right], self.by_confidence[~is_right]

    def example(self, position: int) -> Example:
        given, answer, target = self._given[position], int(self.answer[position]), int(self._target[position])
        return Example(
            row=int(self._faces.rows[position]),
            truth=self._labels[target],
            answer=self._labels[answer],
            confidence=float(given[answer]),
            truth_probability=float(given[target]),
            file=None if self._faces.files is None else str(self._faces.files[position]),
        )


def _probability(classifier: Classifier, protocol: Protocol, answer: int, crops: Crops) -> Floats:
    given = checked(classifier.predict(crops), len(crops), [protocol.expressions])
    return given[protocol.expressions.name][:, answer]


def _caption(example: Example) -> str:
    name = PurePath(example.file).name[-_LONGEST_NAME:] if example.file else example.place
    return f"{name}: {example.truth}\nread as {example.answer} {example.confidence * 100:.0f} %"
