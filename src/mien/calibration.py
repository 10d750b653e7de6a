"""From a network's logits to calibrated probabilities of each set of expressions.

The network has one head for FER2013's labels and one for FER+'s. The two sets of the four core classes have none of
their own: each is a logarithmic pool of both heads, by its own weights (Genest and Zidek, "Combining Probability
Distributions", Statistical Science, 1986).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, FER7, FERPLUS8, ExpressionSet, core4_positions

Logits = Mapping[str, NDArray[np.float32]]
"""Logits of shape (N, K) by the name of the head's set of expressions."""

HEADS = (FER7, FERPLUS8)
POOLED = (CORE4, CORE4_FER2013)
_TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Calibration:
    """How logits become probabilities; read from the model file's metadata.

    Attributes:
        temperature: By name of a set, what its logits are divided by. Source: Guo et al., "On Calibration of Modern
            Neural Networks", ICML 2017.
        fer7_weight: By name of a pooled set, the weight of the FER2013 head, 0 to 1; the FER+ head has the rest.
        least_support: By name of a set, the support under which an answer is uncertain.
    """

    temperature: Mapping[str, float]
    fer7_weight: Mapping[str, float]
    least_support: Mapping[str, float]

    @classmethod
    def neutral(cls) -> "Calibration":
        """Plain softmax, both heads pooled alike, nothing uncertain: what calibration starts from."""
        names = [expressions.name for expressions in EXPRESSION_SETS]
        weights = {expressions.name: 0.5 for expressions in POOLED}
        return cls(dict.fromkeys(names, 1.0), weights, dict.fromkeys(names, 0.0))


def probabilities(logits: Logits, expressions: ExpressionSet, calibration: Calibration) -> NDArray[np.float64]:
    """Calibrated probabilities of shape (N, K), in the class order of `expressions`."""
    if expressions in POOLED:
        scores = pooled_core4(logits, calibration.fer7_weight[expressions.name])
    else:
        scores = logits[expressions.name].astype(np.float64)
    return softmax(scores / calibration.temperature[expressions.name])


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
        calibration: Temperatures and weights.
    """
    top: NDArray[np.float64] = given.max(axis=1)
    if expressions not in POOLED:
        return top
    fer7_weight = calibration.fer7_weight[expressions.name]
    inside = [
        weight * probabilities(logits, head, calibration)[:, core4_positions(head)].sum(axis=1)
        for head, weight in zip(HEADS, (fer7_weight, 1 - fer7_weight), strict=True)
    ]
    return np.asarray(top * sum(inside))


def pooled_core4(logits: Logits, fer7_weight: float) -> NDArray[np.float64]:
    """Log-probabilities of the four core classes, up to a constant, pooled from both heads; shape (N, 4)."""
    weights = (fer7_weight, 1 - fer7_weight)
    logs = [
        weight * np.log(softmax(logits[head.name][:, core4_positions(head)].astype(np.float64)) + _TINY)
        for head, weight in zip(HEADS, weights, strict=True)
    ]
    pooled: NDArray[np.float64] = logs[0] + logs[1]
    return pooled


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))
