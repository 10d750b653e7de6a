"""What can be evaluated: anything that turns face crops into probabilities."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet, core4_positions
from mien.model.calibration import Logits, probabilities
from mien.model.metadata import ModelMetadata

Answers = Mapping[str, NDArray[np.float64]]
"""Probabilities of shape (N, K) by the name of the set of expressions they are about, in class order."""


class Classifier(Protocol):
    """Gives probabilities for face crops, by the name of each set of expressions it knows."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> Answers:
        """Probabilities of shape (N, K) by set name, in class order, for uint8 crops of shape (N, 48, 48)."""


class CalibratedModel(Protocol):
    """A network with its calibration, as `ExpressionModel` is."""

    @property
    def metadata(self) -> ModelMetadata:
        """What the model says of itself, its calibration included."""

    def logits(self, crops: NDArray[np.uint8], /) -> Logits:
        """Logits of all heads for uint8 crops of shape (N, 48, 48)."""


def classifier_of(model: CalibratedModel, answers: Iterable[str] | None = None) -> Classifier:
    """A classifier for all or some of a model's answers that runs the model's network once for each face."""
    known = model.metadata.answers
    wanted = known if answers is None else {name: known[name] for name in answers if name in known}

    def classify(pixels: NDArray[np.uint8], /) -> Answers:
        logits = model.logits(pixels)
        return {name: probabilities(logits, answer) for name, answer in wanted.items()}

    return classify


def checked_probabilities(
    classifier: Classifier, pixels: NDArray[np.uint8], sets: Sequence[ExpressionSet]
) -> dict[str, NDArray[np.float64]]:
    """The classifier's probabilities for all of `pixels`, by set name.

    Args:
        classifier: What to ask.
        pixels: uint8 of shape (N, 48, 48).
        sets: The sets whose probabilities are needed.

    Raises:
        ModelError: If it gives none for a set, or what it gives are not probabilities of shape (N, K).
    """
    return checked(with_core_answers(classifier(pixels)), len(pixels), sets)


def checked(given: Answers, faces: int, sets: Sequence[ExpressionSet]) -> dict[str, NDArray[np.float64]]:
    """The part of `given` that is about `sets`.

    Raises:
        ModelError: If a set is missing, or what is given are not probabilities of shape (faces, K).
    """
    for expressions in sets:
        if expressions.name not in given:
            raise ModelError(f"no probabilities for {expressions.name}; the classifier gives {', '.join(given)}")
        _check(given[expressions.name], faces, expressions)
    return {expressions.name: given[expressions.name] for expressions in sets}


def with_core_answers(given: Answers) -> dict[str, NDArray[np.float64]]:
    """The answers, and those for the two core sets that follow from them.

    A classifier that has answers for one of the two gives them whatever the truth is; one that has none for either
    answers by its wider sets, narrowed to the four.
    """
    answers = dict(given)
    if CORE4.name not in given and CORE4_FER2013.name not in given:
        for core, wider in ((CORE4, FERPLUS8), (CORE4_FER2013, FER7)):
            if wider.name in given:
                answers[core.name] = _narrowed(given[wider.name], wider)
    for core, other in ((CORE4, CORE4_FER2013), (CORE4_FER2013, CORE4)):
        if other.name in answers:
            answers.setdefault(core.name, answers[other.name])
    return answers


def _narrowed(given: NDArray[np.float64], wider: ExpressionSet) -> NDArray[np.float64]:
    """Probabilities of the four core classes, made to sum to 1; even where all four have none."""
    _check(given, len(given), wider)
    core = np.maximum(given[:, core4_positions(wider)], np.finfo(np.float64).tiny)
    return np.asarray(core / core.sum(axis=1, keepdims=True))


def _check(given: NDArray[np.float64], faces: int, expressions: ExpressionSet) -> None:
    shape = (faces, len(expressions))
    if given.shape != shape:
        raise ModelError(f"probabilities for {expressions.name} must have shape {shape}; got {given.shape}")
    if not (np.all(given >= 0) and np.allclose(given.sum(axis=1), 1, atol=1e-3)):
        raise ModelError(f"probabilities for {expressions.name} must be 0 or more and sum to 1 for each face")
