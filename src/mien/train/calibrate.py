"""Fits what turns logits into probabilities, on held-out faces that no weight depends on."""

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mien.calibration import Calibration, Logits, pooled_core4, probabilities, softmax, support
from mien.data.faces import NO_LABEL, LabelledFaces
from mien.errors import DataError
from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, FER7, FERPLUS8

COVERAGE = 0.9
"""Share of the faces with a truth in a set whose answers are certain."""

_POOL_WEIGHTS = tuple(step / 20 for step in range(21))


def calibration_part(faces: LabelledFaces) -> NDArray[np.bool_]:
    """The half of the held-out faces that calibration is fitted on: those of even rows; shape (N,)."""
    return np.equal(faces.rows % 2, 0)


def calibrate(logits: Logits, faces: LabelledFaces) -> Calibration:
    """Temperatures, the weights of the pooled sets and the thresholds of certainty.

    All minimise the negative log-likelihood of each set's truth: the FER+ majority for `CORE4` and `FERPLUS8`,
    FER2013's label for `CORE4_FER2013` and `FER7`.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces.

    Raises:
        DataError: If no face has a truth for one of the sets.
    """
    truths = _truths(faces)
    temperature, weights = {}, {}
    for name, truth in truths.items():
        counted = truth != NO_LABEL
        if not counted.any():
            raise DataError(f"cannot calibrate {name}: no held-out face has a truth for it; give faces with FER+ votes")
        of_counted = {head: values[counted] for head, values in logits.items()}
        if name in logits:
            temperature[name] = _fitted(of_counted[name].astype(np.float64), truth[counted]).temperature
        else:
            fits = {w: _fitted(pooled_core4(of_counted, w), truth[counted]) for w in _POOL_WEIGHTS}
            weights[name] = min(fits, key=lambda w: fits[w].loss)
            temperature[name] = fits[weights[name]].temperature
    fitted = replace(Calibration.neutral(), temperature=temperature, fer7_weight=weights)
    return replace(fitted, least_support=_least_support(logits, truths, fitted))


def _truths(faces: LabelledFaces) -> dict[str, NDArray[np.int64]]:
    return {
        CORE4.name: faces.consensus_core4(),
        CORE4_FER2013.name: faces.fer2013_core4(),
        FER7.name: faces.fer7,
        FERPLUS8.name: faces.majority(),
    }


class _Fit(NamedTuple):
    temperature: float
    loss: float


def _fitted(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> _Fit:
    """The temperature with the least negative log-likelihood, and that."""

    def loss(log_temperature: float) -> float:
        given = softmax(scores / np.exp(log_temperature))
        return float(-np.log(given[np.arange(len(truth)), truth] + 1e-12).mean())

    best = minimize_scalar(loss, bounds=(-3, 3), method="bounded")
    return _Fit(round(float(np.exp(best.x)), 4), float(best.fun))


def _least_support(
    logits: Logits, truths: Mapping[str, NDArray[np.int64]], calibration: Calibration
) -> dict[str, float]:
    thresholds = {}
    for expressions in EXPRESSION_SETS:
        given = probabilities(logits, expressions, calibration)
        counted = support(logits, given, expressions, calibration)[truths[expressions.name] != NO_LABEL]
        thresholds[expressions.name] = round(float(np.quantile(counted, 1 - COVERAGE)), 4)
    return thresholds
