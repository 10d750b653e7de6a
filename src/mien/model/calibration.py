"""From a network's logits to calibrated probabilities of each set of expressions.

The network has one head for FER2013's labels and one for FER+'s. The core classes have none of their own: each of their
two sets is a head narrowed to the four.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.expressions import (
    CORE4,
    CORE4_FER2013,
    EXPRESSION_SETS,
    FER7,
    FER7_OF_NAME,
    FERPLUS8,
    ExpressionSet,
    core4_positions,
)

Logits = Mapping[str, NDArray[np.float32]]
"""Logits of shape (N, K) by the name of the head's set of expressions."""

HEADS = (FER7, FERPLUS8)
_HEAD_OF_CORE = {CORE4.name: FERPLUS8, CORE4_FER2013.name: FER7}


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities; read from the model file's metadata.

    Attributes:
        temperature: By name of a set, what its logits are divided by. Source: Guo et al., "On Calibration of Modern
            Neural Networks", ICML 2017.
        least_support: By name of a set, the support under which an answer is uncertain.
    """

    temperature: Mapping[str, float]
    least_support: Mapping[str, float]

    @classmethod
    def neutral(cls) -> "Calibration":
        """Plain softmax, nothing uncertain: what calibration starts from."""
        names = [expressions.name for expressions in EXPRESSION_SETS]
        return cls(dict.fromkeys(names, 1.0), dict.fromkeys(names, 0.0))


def probabilities(logits: Logits, expressions: ExpressionSet, calibration: Calibration) -> NDArray[np.float64]:
    """Calibrated probabilities of shape (N, K), in the class order of `expressions`."""
    return softmax(scores(logits, expressions) / calibration.temperature[expressions.name])


def support(
    logits: Logits, given: NDArray[np.float64], expressions: ExpressionSet, calibration: Calibration
) -> NDArray[np.float64]:
    """How much speaks for each most probable answer, 0 to 1, of shape (N,).

    For the core classes it is the answer's probability times that of the expression being one of the four at all, so
    that an angry face has little support even where one of the four clearly leads.

    Args:
        logits: Logits of both heads.
        given: Probabilities by `expressions`, of shape (N, K).
        expressions: The set that `given` is about.
        calibration: Temperatures.
    """
    top: NDArray[np.float64] = given.max(axis=1)
    if expressions.name not in _HEAD_OF_CORE:
        return top
    head = _HEAD_OF_CORE[expressions.name]
    inside: NDArray[np.float64] = probabilities(logits, head, calibration)[:, core4_positions(head)].sum(axis=1)
    return top * inside


def others(
    logits: Logits, expressions: ExpressionSet, calibration: Calibration
) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The expressions outside a core set: names as FER2013 has them, and probabilities of shape (N, len(names)).

    Other sets are all that their head knows, so that there are none.
    """
    if expressions.name not in _HEAD_OF_CORE:
        return (), np.empty((len(logits[expressions.name]), 0))
    head = _HEAD_OF_CORE[expressions.name]
    outside = [position for position in range(len(head)) if position not in core4_positions(head)]
    words = {noun: FER7.labels[position] for noun, position in FER7_OF_NAME.items()}
    names = tuple(words.get(head.labels[position], head.labels[position]) for position in outside)
    return names, probabilities(logits, head, calibration)[:, outside]


def scores(logits: Logits, expressions: ExpressionSet) -> NDArray[np.float64]:
    """The logits of `expressions`, of shape (N, K): a head's own, or those of the four core classes in it."""
    if expressions.name not in _HEAD_OF_CORE:
        return logits[expressions.name].astype(np.float64)
    head = _HEAD_OF_CORE[expressions.name]
    return logits[head.name][:, core4_positions(head)].astype(np.float64)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
