"""The faces that a model's calibration rests on, as its file carries them: logits and targets, no pictures.

With them the mark `uncertain` can be set for any prior and any risk at run time.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.model.calibration import Answer, Logits, probabilities, support
from mien.model.risk import ALL_UNCERTAIN, certain_answers, class_weights

CALIBRATION_KEY = "mien_calibration_faces"

_STEPS = 255


@dataclass(frozen=True, slots=True, eq=False)
class CalibrationFaces:
    """What is known of N faces that calibration was fitted on.

    Attributes:
        logits: By head, float32 of shape (N, K). Of each face and head they are less the greatest one, which changes no
            probability, and rounded to one of 256 steps.
        targets: By answer, class positions or a number below 0 where a face has no target, int64 of shape (N,).
    """

    logits: Logits
    targets: Mapping[str, NDArray[np.int64]]

    @classmethod
    def of(cls, logits: Logits, targets: Mapping[str, NDArray[np.int64]]) -> "CalibrationFaces":
        """Of these logits and targets, rounded as a file keeps them."""
        steps = {head: _step(values) for head, values in logits.items()}
        rounded = {head: _values(_codes(values, steps[head]), steps[head]) for head, values in logits.items()}
        return cls(rounded, {name: np.maximum(target, -1).astype(np.int64) for name, target in targets.items()})

    def to_text(self) -> str:
        """The text stored in the model file."""
        heads = {}
        for head, values in self.logits.items():
            step = _step(values)
            heads[head] = {"step": step, "labels": values.shape[1], "codes": _text(_codes(values, step))}
        targets = {name: _text(target.astype(np.int8)) for name, target in self.targets.items()}
        return json.dumps({"heads": heads, "targets": targets}, separators=(",", ":"))

    def answer(self, name: str, answer: Answer) -> Answer:
        """The answer called `name` with the threshold that its prior and its risk ask for."""
        target = self.targets[name]
        counted = target >= 0
        weight = class_weights(target[counted], answer.prior)
        if weight is None:
            return replace(answer, threshold=ALL_UNCERTAIN, coverage=0.0)
        given = probabilities(self.logits, answer)
        backed, wrong = support(self.logits, given, answer), given.argmax(axis=1) != target
        found = certain_answers(backed[counted], wrong[counted], weight, answer.risk)
        return replace(answer, threshold=found.threshold, coverage=found.coverage)


def parse_calibration_faces(text: str, answers: Mapping[str, Answer], path: Path) -> CalibrationFaces:
    """Reads the text stored in the model file at `path`.

    Raises:
        ModelError: If it is damaged, or does not fit the model's answers.
    """
    try:
        table: dict[str, Any] = json.loads(text)
        logits = {head: _read_logits(**kept) for head, kept in table["heads"].items()}
        targets = {
            name: np.frombuffer(b64decode(kept, validate=True), np.int8) for name, kept in table["targets"].items()
        }
        faces = {*map(len, logits.values()), *map(len, targets.values())}
        fits = all(targets[name].max(initial=-1) < len(answer.labels) for name, answer in answers.items())
        fits = fits and all(max(answer.positions) < logits[answer.head].shape[1] for answer in answers.values())
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ModelError(f"{path} has damaged calibration faces ({fault!r}); export it again") from fault
    if len(faces) != 1 or not fits:
        raise ModelError(f"{path} has calibration faces that do not fit its answers; export it again")
    return CalibrationFaces(logits, {name: target.astype(np.int64) for name, target in targets.items()})


def _read_logits(step: float, labels: int, codes: str) -> NDArray[np.float32]:
    return _values(np.frombuffer(b64decode(codes, validate=True), np.uint8).reshape(-1, labels), step)


def _step(logits: NDArray[np.float32]) -> float:
    """What one step is worth, so that the farthest logit below its face's greatest is `_STEPS` away."""
    spread = (logits.max(axis=1, keepdims=True) - logits).max(initial=0)
    return float(spread) / _STEPS or 1.0


def _codes(logits: NDArray[np.float32], step: float) -> NDArray[np.uint8]:
    below = logits.max(axis=1, keepdims=True).astype(np.float64) - logits
    codes: NDArray[np.uint8] = np.minimum(np.rint(below / step), _STEPS).astype(np.uint8)
    return codes


def _values(codes: NDArray[np.uint8], step: float) -> NDArray[np.float32]:
    return (-step * codes.astype(np.float64)).astype(np.float32)


def _text(values: NDArray[np.uint8] | NDArray[np.int8]) -> str:
    return b64encode(values.tobytes()).decode("ascii")
