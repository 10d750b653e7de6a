"""What can be evaluated: anything that gives probabilities of expressions for faces."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.errors import ModelError
from mien.expressions import (
    CORE4,
    CORE4_BALANCED,
    CORE4_FER2013,
    EXPRESSION_SETS,
    FER7,
    FERPLUS8,
    ExpressionSet,
    core4_positions,
)
from mien.images import read_picture
from mien.model.calibration import Answer, probabilities, support
from mien.model.facts import TrainingFacts
from mien.model.package import ExpressionModel, load_model
from mien.model.priors import BALANCED, TRAINING, Prior, class_shares, prior_words
from mien.preprocess import Crops
from mien.recognizer import Recognizer

Probabilities = Mapping[str, NDArray[np.float64]]
"""Probabilities of shape (N, K) by the name of the set of expressions they are about, in class order."""

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Predictions:
    """What a classifier says of some faces.

    Attributes:
        probabilities: By set of expressions.
        support: How much speaks for each most probable answer, 0 to 1, of shape (N,), by set; of the sets for which the
            classifier has something better than the probability itself.
        thresholds: The support under which the classifier marks an answer as uncertain, by set; empty if it marks none.
        risks: The greatest share of wrong answers that it promises among those that it does not mark, likewise.
    """

    probabilities: Probabilities
    support: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    risks: Mapping[str, float] = field(default_factory=dict)


class Classifier(Protocol):
    """Gives probabilities for faces, by the name of each set of expressions it knows."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def labels(self) -> Mapping[str, tuple[str, ...]]:
        """Labels in class order, by the name of each set of expressions it knows."""

    @property
    def training(self) -> TrainingFacts | None:
        """The training it comes from; None if it does not say."""

    @property
    def selected_on(self) -> str | None:
        """The split it was chosen on, if it says so."""

    @property
    def sha256(self) -> str | None:
        """Of its file, by which it is known whatever it is called; None if it has none."""

    @property
    def is_recorded(self) -> bool:
        """Whether it only repeats predictions made before, so that it cannot be asked about other pictures."""

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        """Probabilities for crops of any size and color, which it fits to its input itself.

        Args:
            crops: N face crops.
            batch: How many to give to the network at once; the answers do not depend on it. None leaves it to it.

        Raises:
            ModelError: If it cannot be asked, or not about these.
        """

    def predict_faces(self, faces: LabelledFaces) -> Predictions:
        """All that it says of labelled faces; raises `DataError` if it repeats predictions and lacks some of these."""

    def predict_files(self, paths: Sequence[Path]) -> Probabilities:
        """Probabilities for picture files that are one face each, by the way that a user's pictures take."""

    def with_threads(self, threads: int | None) -> "Classifier":
        """The same, loaded anew for a number of threads; None leaves it to the runtime."""


class CropClassifier:
    """What a classifier is that can be asked about any crop: all but its name, its labels and `predict`.

    One of your own says these three:

        class Even(CropClassifier):
            name, labels = "even", {"fer7": FER7.labels}

            def predict(self, crops, *, batch=None):
                return {"fer7": np.full((len(crops), 7), 1 / 7)}
    """

    name: str
    labels: Mapping[str, tuple[str, ...]]
    training: TrainingFacts | None = None
    selected_on: str | None = None
    sha256: str | None = None
    is_recorded = False

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        """As `Classifier.predict`."""
        raise NotImplementedError

    def predict_faces(self, faces: LabelledFaces) -> Predictions:
        """As `Classifier.predict_faces`: what `predict` gives, without anything marked as uncertain."""
        return Predictions(self.predict(faces.crops))

    def predict_files(self, paths: Sequence[Path]) -> Probabilities:
        """As `Classifier.predict_files`: the pictures are read, and each is asked about alone."""
        each = [self.predict(read_picture(path)[None]) for path in paths]
        return {name: np.concatenate([given[name] for given in each]) for name in each[0]}

    def with_threads(self, threads: int | None) -> "CropClassifier":
        """Itself, as one that knows of no threads."""
        del threads
        return self


class MienClassifier(CropClassifier):
    """A model of mien's own, with its calibration and its mark `uncertain`.

    Where the training prior of `core4` is known, it is measured by that prior and, as `core4-balanced`, by a balanced
    one. Every other answer is measured by its own.

    Args:
        model: The model.
        name: What to call it; the name of its file if None.
        prior: A prior for the default answer, which is then part of the name.
        risk: The greatest share of wrong answers among the certain ones; None for each answer's own.

    Raises:
        ArgumentError: If the prior or the risk is none, or the file carries no calibration faces for it.
    """

    def __init__(
        self,
        model: ExpressionModel,
        name: str | None = None,
        *,
        prior: Prior | None = None,
        risk: float | None = None,
    ) -> None:
        self.model = model
        self._given_name, self._prior, self._risk = name, prior, risk
        self._default = model.metadata.default_answer
        self._answers = {each: model.answer(each, risk=risk) for each in model.metadata.answers}
        core = self._answers.get(CORE4.name)
        if core and core.labels == CORE4.labels and core.training_prior:
            self._answers[CORE4.name] = self._core4(TRAINING)
            self._answers[CORE4_BALANCED.name] = self._core4(BALANCED)
        self.name = name or model.file.name
        if prior is not None:
            asked = model.answer(self._default, prior=prior, risk=risk)
            self._answers[self._default] = asked
            self.name += f" (prior {prior_words(asked.prior, asked.labels)})"
        self.labels = {name: answer.labels for name, answer in self._answers.items()}
        self.training = model.metadata.training
        self.selected_on = model.metadata.selected_on
        self.sha256 = model.file.sha256

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        """As `Classifier.predict`; the network runs once for all answers, and fits the crops to its input."""
        logits = self.model.logits(crops, batch=batch or _BATCH)
        return {name: probabilities(logits, answer) for name, answer in self._answers.items()}

    def predict_faces(self, faces: LabelledFaces) -> Predictions:
        """As `Classifier.predict_faces`, with support and thresholds."""
        logits, answers = self.model.logits(faces.crops), self._answers
        given = {name: probabilities(logits, answer) for name, answer in answers.items()}
        supported = {name: support(logits, given[name], answer) for name, answer in answers.items()}
        # What is certain by which risk is known where thresholds rest on it.
        promised = {name: answer.risk for name, answer in answers.items() if answer.coverage is not None}
        return Predictions(given, supported, {name: answer.threshold for name, answer in answers.items()}, promised)

    def predict_files(self, paths: Sequence[Path]) -> Probabilities:
        """The default answers of `mien recognize` for picture files that are one face each."""
        recognizer = Recognizer(self.model.file.path, prior=self._prior, risk=self._risk, detector="none")
        faces = [face for each in paths for face in recognizer.recognize(each)]
        given = np.array([face.prediction.probabilities for face in faces])
        measured = [name for name, answer in self._answers.items() if _same_answer(answer, recognizer.answer)]
        return dict.fromkeys(measured, given)

    def with_threads(self, threads: int | None) -> "MienClassifier":
        """The same model, loaded anew."""
        model = load_model(self.model.file.path, threads=threads)
        return MienClassifier(model, self._given_name, prior=self._prior, risk=self._risk)

    def _core4(self, prior: Prior) -> Answer:
        """`core4` by a prior; without calibration faces its mark is that of its own prior."""
        if self.model.calibration_faces is not None:
            return self.model.answer(CORE4.name, prior=prior, risk=self._risk)
        own = self.model.metadata.answers[CORE4.name]
        return replace(own, prior=class_shares(prior, own.labels, own.training_prior))


def _same_answer(one: Answer, other: Answer) -> bool:
    """Whether two answers give the same probabilities."""
    return replace(one, threshold=0.0, coverage=None) == replace(other, threshold=0.0, coverage=None)


def checked(given: Probabilities, faces: int, sets: Sequence[ExpressionSet]) -> dict[str, NDArray[np.float64]]:
    """The part of `given` that is about `sets`.

    Args:
        given: What a classifier gave for `faces` faces.
        faces: How many there are.
        sets: The sets whose probabilities are needed.

    Raises:
        ModelError: If a set is missing, or what is given are not probabilities of shape (faces, K).
    """
    for expressions in sets:
        if expressions.name not in given:
            raise ModelError(f"no probabilities for {expressions.name}; the classifier gives {', '.join(given)}")
        _check(given[expressions.name], faces, expressions)
    return {expressions.name: given[expressions.name] for expressions in sets}


def with_core_sets(given: Probabilities) -> dict[str, NDArray[np.float64]]:
    """The probabilities, and those for the two core sets that follow from them.

    A classifier that has answers for one of the two gives them whatever the truth is; one that has none for either
    answers by its wider sets, narrowed to the four.
    """
    completed = dict(given)
    if CORE4.name not in given and CORE4_FER2013.name not in given:
        for core, wider in ((CORE4, FERPLUS8), (CORE4_FER2013, FER7)):
            if wider.name in given:
                completed[core.name] = _narrowed(given[wider.name], wider)
    for core, other in ((CORE4, CORE4_FER2013), (CORE4_FER2013, CORE4)):
        if other.name in completed:
            completed.setdefault(core.name, completed[other.name])
    return completed


def labels_with_core_sets(expressions: ExpressionSet) -> dict[str, tuple[str, ...]]:
    """Labels by set, of what `with_core_sets` makes of probabilities for one set."""
    sets = with_core_sets({expressions.name: np.empty((0, len(expressions)))})
    known = {each.name: each.labels for each in EXPRESSION_SETS}
    return {name: expressions.labels if name == expressions.name else known[name] for name in sets}


def mirrored(crops: Crops) -> Crops:
    """The crops' mirror images."""
    return collected([crop[:, ::-1] for crop in crops])


def collected(crops: Sequence[NDArray[np.uint8]]) -> Crops:
    """Crops in one array where all have one shape, else one by one."""
    shapes = {crop.shape for crop in crops}
    return np.stack(crops) if len(shapes) == 1 else [np.ascontiguousarray(crop) for crop in crops]


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
