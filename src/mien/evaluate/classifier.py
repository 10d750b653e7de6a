"""What can be evaluated: anything that turns face crops into probabilities."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.calibration import Logits, probabilities
from mien.errors import ModelError
from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, ExpressionSet
from mien.metadata import ModelMetadata


class Classifier(Protocol):
    """Gives probabilities for face crops, by the name of each set of expressions it knows."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> Mapping[str, NDArray[np.float64]]:
        """Probabilities of shape (N, K) by set name, in class order, for uint8 crops of shape (N, 48, 48)."""


class CalibratedModel(Protocol):
    """A network with its calibration, as `ExpressionModel` is."""

    @property
    def metadata(self) -> ModelMetadata:
        """What the model says of itself, its calibration included."""

    def logits(self, crops: NDArray[np.uint8], /) -> Logits:
        """Logits of both heads for uint8 crops of shape (N, 48, 48)."""


def classifier_of(model: CalibratedModel, sets: Iterable[ExpressionSet] = EXPRESSION_SETS) -> Classifier:
    """A classifier for some sets of expressions that runs the model's network once for each face."""
    wanted = tuple(sets)

    def classify(pixels: NDArray[np.uint8], /) -> Mapping[str, NDArray[np.float64]]:
        logits, calibration = model.logits(pixels), model.metadata.calibration
        return {expressions.name: probabilities(logits, expressions, calibration) for expressions in wanted}

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
    given = dict(classifier(pixels))
    if CORE4.name in given:
        # A classifier with one answer for the core classes gives it whatever the truth is.
        given.setdefault(CORE4_FER2013.name, given[CORE4.name])
    for expressions in sets:
        if expressions.name not in given:
            raise ModelError(f"no probabilities for {expressions.name}; the classifier gives {', '.join(given)}")
        _check(given[expressions.name], len(pixels), expressions)
    return {expressions.name: given[expressions.name] for expressions in sets}


def _check(given: NDArray[np.float64], faces: int, expressions: ExpressionSet) -> None:
    shape = (faces, len(expressions))
    if given.shape != shape:
        raise ModelError(f"probabilities for {expressions.name} must have shape {shape}; got {given.shape}")
    if not (np.all(given >= 0) and np.allclose(given.sum(axis=1), 1, atol=1e-3)):
        raise ModelError(f"probabilities for {expressions.name} must be 0 or more and sum to 1 for each face")
