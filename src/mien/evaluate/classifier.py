"""What can be evaluated: anything that turns face crops into probabilities."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.calibration import Calibration, Logits, probabilities
from mien.errors import ModelError
from mien.expressions import EXPRESSION_SETS, ExpressionSet


class Classifier(Protocol):
    """Gives probabilities for face crops, by the name of each set of expressions it knows."""

    def __call__(self, pixels: NDArray[np.uint8], /) -> Mapping[str, NDArray[np.float64]]:
        """Probabilities of shape (N, K) by set name, in class order, for uint8 crops of shape (N, 48, 48)."""


def classifier_of(logits: Callable[[NDArray[np.uint8]], Logits], calibration: Calibration) -> Classifier:
    """A classifier for all sets of expressions that runs a network once for each face.

    Args:
        logits: The network, such as `ExpressionModel.logits`.
        calibration: How its logits become probabilities.
    """

    def classify(pixels: NDArray[np.uint8], /) -> Mapping[str, NDArray[np.float64]]:
        given = logits(pixels)
        return {expressions.name: probabilities(given, expressions, calibration) for expressions in EXPRESSION_SETS}

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
    given = classifier(pixels)
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
