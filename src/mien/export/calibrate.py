"""Fits what turns logits into probabilities, on held-out faces that no weight depends on."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.errors import DataError
from mien.evaluate.protocols import targets
from mien.expressions import CORE4, FER7
from mien.model.calibration import Answer, Logits, scores, softmax
from mien.model.calibration_faces import CalibrationFaces
from mien.model.facts import Manifest
from mien.model.priors import BALANCED, class_shares
from mien.train.heads import ANSWERS


def calibration_part(faces: LabelledFaces) -> NDArray[np.bool_]:
    """The half of the held-out faces that calibration is fitted on: those of even rows; shape (N,)."""
    return np.equal(faces.rows % 2, 0)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What turns a network's logits into answers.

    Attributes:
        answers: By name.
        faces: What they rest on, to set the mark `uncertain` for another prior or risk.
    """

    answers: dict[str, Answer]
    faces: CalibrationFaces


def calibrated(logits: Logits, faces: LabelledFaces, data: Manifest) -> Calibration:
    """`ANSWERS` with their temperatures, priors and thresholds of certainty.

    Temperatures minimize the negative log-likelihood of each answer's truth: the FER+ majority for `CORE4` and
    `FERPLUS8`, the label for `CORE4_FER2013` and `FER7`. Where no face has votes, the label is the truth for all. The
    default answer is given by a balanced prior where that of the training is known, the others as trained.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces.
        data: What the network was trained on.

    Raises:
        DataError: If no face has a truth for one of the answers.
    """
    target_of = targets(faces)
    for name, target in target_of.items():
        if not (target != NO_LABEL).any():
            raise DataError(f"cannot calibrate {name}: no held-out face has a truth for it; give faces of its classes")
    temperature = {name: best_temperature(scores(logits, answer), target_of[name]) for name, answer in ANSWERS.items()}
    fitted = {
        name: replace(
            answer,
            temperature=temperature[name],
            head_temperature=temperature[answer.head],
            training_prior=training_prior(answer, data),
        )
        for name, answer in ANSWERS.items()
    }
    return with_thresholds(fitted, CalibrationFaces.of(logits, target_of))


def with_thresholds(fitted: Mapping[str, Answer], faces: CalibrationFaces) -> Calibration:
    """Answers by the priors and with the thresholds that they have where nothing else is asked for."""
    answers = {
        name: replace(answer, prior=_balanced(answer) if name == CORE4.name else None)
        for name, answer in fitted.items()
    }
    return Calibration({name: faces.answer(name, answer) for name, answer in answers.items()}, faces)


def _balanced(answer: Answer) -> tuple[float, ...] | None:
    return class_shares(BALANCED, answer.labels, answer.training_prior) if answer.training_prior else None


def training_prior(answer: Answer, data: Manifest) -> tuple[float, ...] | None:
    """Share of each of an answer's classes among the labels trained on; None where there are none.

    They are the labels that its head learns: FER2013's, or the majority of the votes.
    """
    of_head = data.training_by_label if answer.head == FER7.name else data.training_by_majority
    labels = tuple(of_head)
    counts = [of_head[labels[position]] for position in answer.positions]
    return tuple(round(count / sum(counts), 4) for count in counts) if sum(counts) else None


def best_temperature(scores: NDArray[np.float64], target: NDArray[np.int64]) -> float:
    """The temperature by which softmax of `scores`, of shape (N, K), gives `target` its greatest likelihood.

    Rows without a truth (`NO_LABEL`) do not count. Where all the others are answered rightly, the likelihood grows
    without end as the temperature falls, and says nothing of it: then it is 1.
    """
    counted = np.flatnonzero(target != NO_LABEL)
    if np.array_equal(scores[counted].argmax(axis=1), target[counted]):
        return 1.0

    def loss(log_temperature: float) -> float:
        given = softmax(scores[counted] / np.exp(log_temperature))
        return float(-np.log(given[np.arange(len(counted)), target[counted]] + 1e-12).mean())

    return round(float(np.exp(minimize_scalar(loss, bounds=(-3, 3), method="bounded").x)), 4)
