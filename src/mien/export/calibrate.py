"""Fits what turns logits into probabilities, on held-out faces that no weight depends on."""

from collections.abc import Mapping
from dataclasses import replace
from math import floor

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.errors import DataError
from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, FER7, FERPLUS8
from mien.model.calibration import Calibration, Logits, probabilities, scores, softmax, support

COVERAGE = 0.9
"""Share of the faces with a truth in a set whose answers are certain."""


def calibration_part(faces: LabelledFaces) -> NDArray[np.bool_]:
    """The half of the held-out faces that calibration is fitted on: those of even rows; shape (N,)."""
    return np.equal(faces.rows % 2, 0)


def calibrate(logits: Logits, faces: LabelledFaces) -> Calibration:
    """Temperatures and thresholds of certainty.

    Temperatures minimise the negative log-likelihood of each set's truth: the FER+ majority for `CORE4` and `FERPLUS8`,
    the label for `CORE4_FER2013` and `FER7`. Where no face has votes, the label is the truth for all.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces.

    Raises:
        DataError: If no face has a truth for one of the sets.
    """
    truths = truths_of(faces)
    for name, truth in truths.items():
        if not (truth != NO_LABEL).any():
            raise DataError(f"cannot calibrate {name}: no held-out face has a truth for it; give faces of its classes")
    temperature = {s.name: best_temperature(scores(logits, s), truths[s.name]) for s in EXPRESSION_SETS}
    fitted = replace(Calibration.neutral(), temperature=temperature)
    return replace(fitted, least_support=_least_support(logits, truths, fitted))


def truths_of(faces: LabelledFaces) -> dict[str, NDArray[np.int64]]:
    """What each set of expressions is to answer, by its name: class positions or `NO_LABEL`, of shape (N,).

    Where no face has votes, the label is the truth for all.
    """
    faces = faces.with_votes_from_labels()
    return {
        CORE4.name: faces.consensus_core4(),
        CORE4_FER2013.name: faces.fer2013_core4(),
        FER7.name: faces.fer7,
        FERPLUS8.name: faces.majority(),
    }


def best_temperature(scores: NDArray[np.float64], truth: NDArray[np.int64]) -> float:
    """The temperature by which softmax of `scores`, of shape (N, K), gives `truth` its greatest likelihood.

    Rows without a truth (`NO_LABEL`) do not count. Where all the others are answered rightly, the likelihood grows
    without end as the temperature falls, and says nothing of it: then it is 1.
    """
    counted = np.flatnonzero(truth != NO_LABEL)
    if np.array_equal(scores[counted].argmax(axis=1), truth[counted]):
        return 1.0

    def loss(log_temperature: float) -> float:
        given = softmax(scores[counted] / np.exp(log_temperature))
        return float(-np.log(given[np.arange(len(counted)), truth[counted]] + 1e-12).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)), 4)


def _least_support(
    logits: Logits, truths: Mapping[str, NDArray[np.int64]], calibration: Calibration
) -> dict[str, float]:
    thresholds = {}
    for expressions in EXPRESSION_SETS:
        given = probabilities(logits, expressions, calibration)
        counted = support(logits, given, expressions, calibration)[truths[expressions.name] != NO_LABEL]
        # Rounded down: where nearly all are near 1, rounding up would leave nearly none certain.
        thresholds[expressions.name] = floor(np.quantile(counted, 1 - COVERAGE) * 1e4) / 1e4
    return thresholds
