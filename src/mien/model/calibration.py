"""From a network's logits to calibrated probabilities: what each of a model's answers is made of.

A network has one or more heads. An answer is a head, or some of a head's labels: so `core4` is a head of eight narrowed
to four of its expressions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose

import numpy as np
from numpy.typing import NDArray

from mien.expressions import fer2013_name

DEFAULT_RISK = 0.05
"""The greatest share of wrong answers among the certain ones where nothing else is said."""

Logits = Mapping[str, NDArray[np.float32]]
"""Logits of shape (N, K) by the name of the head."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One set of expressions that a model can be asked for; read from the model file's metadata.

    Attributes:
        head: The name of the head that it is read from.
        labels: Names of the expressions in class order, as they are shown. They need not be the head's words.
        positions: Where each of these stands among the head's labels.
        temperature: What their logits are divided by. Source: Guo et al., "On Calibration of Modern Neural Networks",
            ICML 2017.
        head_temperature: What the logits of the whole head are divided by to tell how probable it is that the
            expression is one of `labels` at all.
        threshold: The support (see `support`) under which a prediction is uncertain.
        training_prior: Share of each class among the labels that the model was trained on; None if it is not known.
        prior: Share of each class that probabilities are given for; None for that of the training.
        risk: The greatest share of wrong answers among the certain ones, which `threshold` is chosen for.
        coverage: Share of the faces that calibration was fitted on whose answers are certain; None if it is not known.

    Raises:
        ValueError: If its parts do not fit together.
    """

    head: str
    labels: tuple[str, ...]
    positions: tuple[int, ...]
    temperature: float = 1.0
    head_temperature: float = 1.0
    threshold: float = 0.0
    training_prior: tuple[float, ...] | None = None
    prior: tuple[float, ...] | None = None
    risk: float = DEFAULT_RISK
    coverage: float | None = None

    def __post_init__(self) -> None:
        if len(self.labels) < 2 or len(set(self.labels)) != len(self.labels):
            raise ValueError(f"labels must be two or more, each once; got {self.labels}")
        if len(self.positions) != len(self.labels) or len(set(self.positions)) != len(self.positions):
            raise ValueError(f"positions must be one for each label; got {self.positions} for {self.labels}")
        if not (self.temperature > 0 and self.head_temperature > 0):
            raise ValueError(f"temperatures must be above 0; got {self.temperature} and {self.head_temperature}")
        for name in ("training_prior", "prior"):
            _check_shares(name, getattr(self, name), len(self.labels))
        if self.prior is not None and not any(
            share * wanted for share, wanted in zip(self.training_prior or (), self.prior, strict=False)
        ):
            raise ValueError("prior needs a training_prior, and a share for a label that has one there")
        if not 0 < self.risk < 1:
            raise ValueError(f"risk must be above 0 and below 1; got {self.risk}")


def whole_head(head: str, labels: Sequence[str]) -> Answer:
    """The answer of all labels of a head, as its network gives it: plain softmax, nothing uncertain."""
    return Answer(head, tuple(labels), tuple(range(len(labels))))


def probabilities(logits: Logits, answer: Answer) -> NDArray[np.float64]:
    """Calibrated probabilities of shape (N, K), in the order of the answer's labels.

    Under another prior than that of the training each is multiplied by how much more frequent its class is by it, and
    all are made to sum to 1. Source: Saerens et al., "Adjusting the outputs of a classifier to new a priori
    probabilities", Neural Computation 14, 2002, section 2.2.
    """
    return softmax(scores(logits, answer) / answer.temperature + _log_ratio(answer))


def support(logits: Logits, given: NDArray[np.float64], answer: Answer) -> NDArray[np.float64]:
    """How much speaks for each most probable label, 0 to 1, of shape (N,).

    Where an answer has only some of its head's labels, it is the label's probability times that of the expression being
    one of them at all, so that an angry face has little support even where one of the core four clearly leads.
    The latter is as the head has learned it, whatever the prior of the answer.

    Args:
        logits: Logits of all heads.
        given: Probabilities by `answer`, of shape (N, K).
        answer: What `given` was asked for.
    """
    top: NDArray[np.float64] = given.max(axis=1)
    if len(answer.positions) == logits[answer.head].shape[1]:
        return top
    inside: NDArray[np.float64] = _of_head(logits, answer)[:, answer.positions].sum(axis=1)
    return top * inside


def others(logits: Logits, answer: Answer, head_labels: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """The expressions of an answer's head that the answer leaves out.

    Args:
        logits: Logits of all heads.
        answer: What is asked for.
        head_labels: All labels of its head.

    Returns:
        Their names, as FER2013 has them where it has them, and probabilities of shape (N, len(names)); both are empty
        for an answer that leaves nothing out.
    """
    outside = [position for position in range(len(head_labels)) if position not in answer.positions]
    if not outside:
        return (), np.empty((len(logits[answer.head]), 0))
    return tuple(fer2013_name(head_labels[position]) for position in outside), _of_head(logits, answer)[:, outside]


def scores(logits: Logits, answer: Answer) -> NDArray[np.float64]:
    """The logits of an answer's labels, of shape (N, K)."""
    return logits[answer.head][:, answer.positions].astype(np.float64)


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax over the last axis."""
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def _of_head(logits: Logits, answer: Answer) -> NDArray[np.float64]:
    return softmax(logits[answer.head].astype(np.float64) / answer.head_temperature)


def _log_ratio(answer: Answer) -> NDArray[np.float64]:
    """Logarithm of how much more frequent each class is by the answer's prior than in training, of shape (K,)."""
    if answer.prior is None or answer.training_prior is None:
        return np.zeros(len(answer.labels))
    prior, training = np.array(answer.prior), np.array(answer.training_prior)
    ratio = np.divide(prior, training, out=np.zeros_like(prior), where=training > 0)
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(ratio))


def _check_shares(name: str, shares: tuple[float, ...] | None, classes: int) -> None:
    if shares is not None and not (
        len(shares) == classes and all(share >= 0 for share in shares) and isclose(sum(shares), 1, abs_tol=1e-3)
    ):
        raise ValueError(f"{name} must have a share for each label, which sum to 1; got {shares}")
