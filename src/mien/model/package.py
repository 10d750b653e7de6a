"""Model packages: find one, verify it, load it and run it.

A model is one ONNX file that describes itself: labels, input and calibration are read from its metadata.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import ArgumentError, MienError, ModelError, UnknownModel, choose_from
from mien.model.calibration import Answer, others, probabilities, support
from mien.model.calibration_faces import CALIBRATION_KEY, CalibrationFaces, parse_calibration_faces
from mien.model.metadata import METADATA_KEY, ModelMetadata, parse_metadata
from mien.model.priors import Prior, class_shares
from mien.model.risk import checked_risk
from mien.model.session import new_session
from mien.model.shipped import read_shipped, shipped_checksums, shipped_path
from mien.preprocess import Crops, model_input
from mien.results import OtherExpression, Prediction

_BATCH = 64  # more at once gains nothing on a CPU and costs memory


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file that was found and, where its checksum is known, verified.

    Attributes:
        name: The shipped model's name, or the file's stem.
        path: Where it lies.
        sha256: Checksum of the content, in hexadecimal.
        content: The file's bytes; what was verified is what is loaded.
    """

    name: str
    path: Path
    sha256: str
    content: bytes


class ExpressionModel:
    """A loaded expression model.

    Attributes:
        file: The file it was loaded from.
        metadata: What the file says of itself.
        calibration_faces: What its calibration rests on; None if the file does not carry it.
    """

    def __init__(self, file: ModelFile, *, threads: int | None = None) -> None:
        self.file = file
        try:
            self._session = new_session(file.content, threads=threads)
        except (MienError, MemoryError):
            raise
        except Exception as fault:  # ONNX Runtime's errors share no base class, and speak of its own insides
            raise ModelError(
                f"{file.path} is not an ONNX model that can be loaded, or a damaged one; fetch or export it again"
            ) from fault
        stored = self._stored_texts()
        self.metadata: ModelMetadata = parse_metadata(stored[METADATA_KEY], file.path)
        self.calibration_faces: CalibrationFaces | None = None
        if CALIBRATION_KEY in stored:
            text, answers = stored[CALIBRATION_KEY], self.metadata.answers
            self.calibration_faces = parse_calibration_faces(text, answers, file.path)
        self._check_form()

    def prepare(self, crops: Crops) -> NDArray[np.float32]:
        """Face crops of any size and color as the network takes them.

        Args:
            crops: uint8, each gray (H, W) or RGB (H, W, 3).

        Returns:
            float32 of shape (N, channels, height, width), normalized.
        """
        return model_input(crops, self.metadata.input)

    def logits(self, crops: Crops, *, batch: int = _BATCH) -> dict[str, NDArray[np.float32]]:
        """Logits of all heads for face crops.

        Args:
            crops: As in `prepare`.
            batch: Crops that the network is given at once, 1 or more; the predictions do not depend on it.

        Returns:
            float32 of shape (N, K) by the name of the head.
        """
        heads = self.metadata.heads
        if len(crops) == 0:
            return {head: np.empty((0, len(labels)), dtype=np.float32) for head, labels in heads.items()}
        parts = [self._run(part) for part in _batches(crops, batch)]
        return {head: np.concatenate([part[i] for part in parts]) for i, head in enumerate(heads)}

    def answer(self, name: str, *, prior: Prior | None = None, risk: float | None = None) -> Answer:
        """One of the model's answers, for a prior and a risk.

        Args:
            name: One of `metadata.answers`.
            prior: How frequent each expression is taken to be; None for the answer's own.
            risk: The greatest share of wrong answers among the certain ones; None for the answer's own.

        Raises:
            UnknownExpressionSet: If the model has no answer of that name.
            ArgumentError: If the prior or the risk is none, or differs from the answer's own and the file carries no
                calibration faces, by which to tell what is certain then.
        """
        own = self.metadata.answer(name)
        asked = own
        if prior is not None:
            asked = replace(asked, prior=class_shares(prior, own.labels, own.training_prior))
        if risk is not None:
            asked = replace(asked, risk=checked_risk(risk))
        if asked == own:
            return own
        if self.calibration_faces is None:
            raise ArgumentError(
                f"{self.file.name} carries no calibration faces, so that it has no other prior or risk than its own; "
                "leave these out, or export it again"
            )
        return self.calibration_faces.answer(name, asked)

    def probabilities(self, crops: Crops, expressions: str | Answer) -> NDArray[np.float64]:
        """Calibrated probabilities of shape (N, K) in class order.

        Args:
            crops: As in `prepare`.
            expressions: The name of one of `metadata.answers`, or what `answer` gives.

        Raises:
            UnknownExpressionSet: If the model has no answer of that name.
        """
        return probabilities(self.logits(crops), self._answer(expressions))

    def predict(self, crops: Crops, expressions: str | Answer) -> tuple[Prediction, ...]:
        """One prediction for each crop; arguments and errors as for `probabilities`."""
        answer = self._answer(expressions)
        logits = self.logits(crops)
        given = probabilities(logits, answer)
        supports = support(logits, given, answer)
        names, outside = others(logits, answer, self.metadata.heads[answer.head])
        predictions = []
        for row, strength, beyond in zip(given.tolist(), supports.tolist(), outside, strict=True):
            uncertain = strength < answer.threshold
            other = None
            if uncertain and beyond.sum() > 0.5:
                other = OtherExpression(names[beyond.argmax()], float(beyond.max()))
            predictions.append(Prediction(answer.labels, tuple(row), uncertain, strength, other))
        return tuple(predictions)

    def _answer(self, expressions: str | Answer) -> Answer:
        return self.metadata.answer(expressions) if isinstance(expressions, str) else expressions

    def _run(self, crops: Crops) -> list[NDArray[np.float32]]:
        outputs: list[NDArray[np.float32]] = self._session.run(
            [f"{head}_logits" for head in self.metadata.heads], {"faces": self.prepare(crops)}
        )
        return outputs

    def _check_form(self) -> None:
        """Raises `ModelError` unless the network takes any number of faces at once and has every head, as declared."""
        shapes = [given.shape for given in self._session.get_inputs() if given.name == "faces"]
        outputs = {given.name: given.shape for given in self._session.get_outputs()}
        asked = list(self.metadata.input.input_shape)
        takes_faces = len(shapes) == 1 and shapes[0][1:] == asked and not isinstance(shapes[0][0], int)
        heads = self.metadata.heads.items()
        if not takes_faces or any(outputs.get(f"{head}_logits", [])[1:] != [len(labels)] for head, labels in heads):
            raise ModelError(f"{self.file.path} has other inputs or outputs than its metadata says; export it again")

    def _stored_texts(self) -> dict[str, str]:
        try:
            stored: Mapping[str, Any] = self._session.get_modelmeta().custom_metadata_map
        except UnicodeDecodeError as fault:
            raise ModelError(f"{self.file.path} has damaged metadata; fetch or export it again") from fault
        if METADATA_KEY not in stored:
            raise ModelError(f"{self.file.path} is an ONNX model, but not one of mien's; make one with: mien export")
        return {key: str(text) for key, text in stored.items()}


def load_model(model: str | Path = "base", *, threads: int | None = None) -> ExpressionModel:
    """Loads a shipped model by name, or any model package by path.

    Args:
        model: A shipped model's name, such as `base`, or the path of a `.onnx` file that `mien export` wrote.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.

    Raises:
        UnknownModel: If there is neither such a name nor such a file.
        ModelError: If the file is damaged, altered or of a format that this version cannot read.
    """
    return ExpressionModel(find_model(model), threads=threads)


def find_model(model: str | Path) -> ModelFile:
    """The file of a model; a shipped one must match its checksum."""
    known, file_name = shipped_checksums(), f"{model}.onnx"
    if file_name in known:
        return ModelFile(str(model), shipped_path(file_name), known[file_name], read_shipped(file_name))
    path = Path(model)
    if not path.is_file():
        if path.suffix == ".onnx" or len(path.parts) > 1:
            raise UnknownModel(f"no model file {path}; give a path that exists or one of {', '.join(shipped_models())}")
        raise UnknownModel(choose_from("model", str(model), shipped_models()))
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise ModelError(f"cannot read the model {path}: {fault.strerror}") from fault
    return ModelFile(path.stem, path, sha256(content).hexdigest(), content)


def shipped_models() -> tuple[str, ...]:
    """Names of the expression models that come with mien."""
    return tuple(name.removesuffix(".onnx") for name in shipped_checksums() if not name.startswith("mtcnn"))


def _batches(crops: Crops, size: int) -> Iterator[Crops]:
    for start in range(0, len(crops), size):
        yield crops[start : start + size]
