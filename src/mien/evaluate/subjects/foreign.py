"""Any ONNX file that turns faces into scores of expressions, with a description of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.calibration import softmax
from mien.errors import MienError, ModelError, choose_from, first_line
from mien.evaluate.classifier import Answers, with_core_answers
from mien.evaluate.parity import BatchClassifier
from mien.evaluate.subjects.description import Description, read_description
from mien.evaluate.subjects.subject import Subject
from mien.expressions import ExpressionSet, expression_set
from mien.images import read_picture
from mien.preprocess import Preprocessing, fit_crop
from mien.runtime import new_session

FACE_SIZE = 48

_BATCH = 64
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


class ForeignModel:
    """An ONNX file with its description, ready to be asked.

    Args:
        content: The file's bytes.
        description: What is to be known of it.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.

    Raises:
        ModelError: If the file cannot be loaded, or has no such input and output.
    """

    def __init__(self, content: bytes, description: Description, *, threads: int | None = None) -> None:
        self._description = description
        self._set: ExpressionSet = expression_set(description.expressions)
        try:
            self._session = new_session(content, threads=threads)
        except MienError:
            raise
        except Exception as fault:  # ONNX Runtime's errors share no base class of their own
            raise ModelError(
                f"{description.model} is not an ONNX model that can be loaded: {first_line(fault)}"
            ) from fault
        self._input = _named(self._session.get_inputs(), description.input, "input", description.model)
        self._output = _named(self._session.get_outputs(), description.output, "output", description.model)
        if self._input.type not in _TYPES:
            raise ModelError(f"{description.model} takes {self._input.type}; it must take one of {', '.join(_TYPES)}")

    def __call__(self, pixels: NDArray[np.uint8], batch: int = _BATCH) -> Answers:
        """Probabilities for faces of shape (N, 48, 48), uint8, by its set and the core sets that follow from it."""
        fixed = self._input.shape[0] if self._input.shape else None
        size = fixed if isinstance(fixed, int) else batch
        scores = [self._scores(pixels[start : start + size], size) for start in range(0, len(pixels), size)]
        given = self._probabilities(np.concatenate(scores) if scores else np.empty((0, len(self._description.classes))))
        return with_core_answers({self._set.name: given})

    def _scores(self, pixels: NDArray[np.uint8], size: int) -> NDArray[np.float64]:
        faces = prepared(pixels, self._description).astype(_TYPES[self._input.type])
        if isinstance(self._input.shape[0], int) and len(faces) < size:  # it takes no fewer
            faces = np.concatenate([faces, np.repeat(faces[-1:], size - len(faces), axis=0)])
        try:
            (scores,) = self._session.run([self._output.name], {self._input.name: faces})
        except Exception as fault:
            raise ModelError(f"{self._description.model} cannot be run as described: {first_line(fault)}") from fault
        scores = np.asarray(scores, dtype=np.float64)
        wanted = (len(faces), len(self._description.classes))
        if scores.shape != wanted:
            raise ModelError(
                f"{self._description.model} gives scores of shape {scores.shape} for {len(faces)} faces and "
                f"{wanted[1]} classes; name its output and all its classes"
            )
        return scores[: len(pixels)]

    def _probabilities(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        named = [position for position, name in enumerate(self._description.classes) if name]
        total = scores.sum(axis=1, keepdims=True)
        scores = scores[:, named]
        if self._description.gives == "logits":
            given = softmax(scores)
        else:  # what is left of a face may be nothing, where a class that is left out has it all
            scores = np.where((scores == 0) & (total > 0), np.finfo(np.float64).tiny, scores)
            given = scores / scores.sum(axis=1, keepdims=True)
        order = [self._set.index(self._description.classes[position]) for position in named]
        answers = np.empty_like(given)
        answers[:, order] = given
        return answers


def load_foreign(path: Path) -> Subject:
    """The classifier that the TOML file at `path` describes.

    Raises:
        ModelError: If the TOML or the ONNX file is missing or wrong.
    """
    description = read_description(path)
    file = path.parent / description.model
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise ModelError(f"cannot read the model {file}, named by {path}: {fault.strerror}") from fault

    def opened(threads: int | None) -> BatchClassifier:
        return ForeignModel(content, description, threads=threads)

    classify = ForeignModel(content, description)

    def from_files(paths: Sequence[Path]) -> Answers:
        crop = Preprocessing(FACE_SIZE, mean=0.0, std=1.0)
        each = [classify(fit_crop(read_picture(picture), crop)[None]) for picture in paths]
        return {name: np.concatenate([answers[name] for answers in each]) for name in each[0]}

    sets = tuple(classify(np.empty((0, FACE_SIZE, FACE_SIZE), dtype=np.uint8)))
    return Subject(path.stem, sets, classifier=classify, opened=opened, from_files=from_files)


def prepared(pixels: NDArray[np.uint8], description: Description) -> NDArray[np.float64]:
    """Faces of shape (N, 48, 48) as the described model takes them: (N, C, H, W) or (N, H, W, C)."""
    sides = (description.size_px, description.size_px)
    # Area to make smaller, lines to make larger: what most tools mean by resizing.
    way = Image.Resampling.BOX if description.size_px < pixels.shape[1] else Image.Resampling.BILINEAR
    if pixels.shape[1:] != sides:
        pixels = np.stack([np.asarray(Image.fromarray(face).resize(sides, way)) for face in pixels])
    # Red, green and blue of a grey face are the same, so their order matters to the normalisation alone.
    channels = 1 if description.colour == "grayscale" else 3
    faces = np.repeat(pixels[..., None].astype(np.float64), channels, axis=3)
    faces = (faces - np.array(description.mean)) / np.array(description.std)
    return faces if description.layout == "NHWC" else np.ascontiguousarray(faces.transpose(0, 3, 1, 2))


def _named(offered: list[Any], name: str, what: str, model: str) -> Any:
    names = tuple(each.name for each in offered)
    if name and name not in names:
        raise ModelError(f"{model}: {choose_from(what, name, names)}")
    if not name and len(names) != 1:
        raise ModelError(f"{model} has the {what}s {', '.join(names)}; say which is meant: {what} = ...")
    return offered[names.index(name)] if name else offered[0]
