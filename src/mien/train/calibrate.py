"""Fits what turns logits into probabilities, on held-out faces that no weight depends on."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mien.calibration import Calibration, Logits, pooled_core4, probabilities, softmax, support
from mien.data.faces import NO_LABEL, LabelledFaces
from mien.errors import DataError
from mien.expressions import CORE4, FER7, FERPLUS8

COVERAGE = 0.9
"""Share of faces with a consensus for one of the classes on which the model gives an answer it is certain of."""

_POOL_WEIGHTS = np.linspace(0, 1, 21)


def calibration_part(faces: LabelledFaces) -> NDArray[np.bool_]:
    """The half of the held-out faces that calibration is fitted on: those of even rows; shape (N,)."""
    return np.equal(faces.rows % 2, 0)


def calibrate(logits: Logits, faces: LabelledFaces) -> Calibration:
    """Temperatures, the core classes' pool and the thresholds of certainty.

    Temperatures minimise the negative log-likelihood of each set's truth: FER2013's label for `FER7`, the FER+
    majority for the other two. The pool's weight is the one with the greatest mean of the accuracies by both truths of
    the core classes, since each truth alone would choose its own head.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces.

    Raises:
        DataError: If no face has a FER+ majority.
    """
    truths = {CORE4.name: faces.consensus_core4(), FER7.name: faces.fer7, FERPLUS8.name: faces.majority()}
    for name, truth in truths.items():
        if not (truth != NO_LABEL).any():
            raise DataError(f"cannot calibrate {name}: no held-out face has a truth for it; give faces with FER+ votes")
    weight = _best_pool_weight(logits, faces)
    scores = {name: logits[name].astype(np.float64) for name in (FER7.name, FERPLUS8.name)}
    scores[CORE4.name] = pooled_core4(logits, weight)
    temperature = {name: _best_temperature(scores[name], truth) for name, truth in truths.items()}
    calibration = replace(Calibration.neutral(), temperature=temperature, core4_fer7_weight=weight)
    return replace(calibration, least_support=_least_support(logits, truths, calibration))


def _best_pool_weight(logits: Logits, faces: LabelledFaces) -> float:
    truths = (faces.fer2013_core4(), faces.consensus_core4())

    def mean_accuracy(weight: float) -> float:
        answers = pooled_core4(logits, weight).argmax(axis=1)
        return float(np.mean([(answers == truth)[truth != NO_LABEL].mean() for truth in truths]))

    return float(max(_POOL_WEIGHTS.round(2), key=mean_accuracy))


def _best_temperature(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    counted = np.flatnonzero(truth != NO_LABEL)

    def loss(log_temperature: float) -> float:
        given = softmax(scores[counted] / np.exp(log_temperature))
        return float(-np.log(given[np.arange(len(counted)), truth[counted]] + 1e-12).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)), 4)


def _least_support(
    logits: Logits, truths: Mapping[str, NDArray[np.int64]], calibration: Calibration
) -> dict[str, float]:
    thresholds = {}
    for expressions in (CORE4, FER7, FERPLUS8):
        given = probabilities(logits, expressions, calibration)
        counted = support(logits, given, expressions, calibration)[truths[expressions.name] != NO_LABEL]
        thresholds[expressions.name] = round(float(np.quantile(counted, 1 - COVERAGE)), 4)
    return thresholds
