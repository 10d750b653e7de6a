"""Any ONNX file that turns faces into scores of expressions, with a description of it."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import MienError, ModelError, choose_from, first_line
from mien.evaluate.analysis.invariance import BatchClassifier
from mien.evaluate.classifiers import Answers, with_core_answers
from mien.evaluate.subject import Subject
from mien.expressions import ExpressionSet, expression_set
from mien.images import read_picture
from mien.model.calibration import softmax
from mien.model.session import new_session
from mien.preprocess import Preprocessing, fit_crop

_CHOICES = {"layout": ("NCHW", "NHWC"), "color": ("grayscale", "RGB", "BGR"), "gives": ("logits", "probabilities")}


@dataclass(frozen=True, slots=True)
class Description:
    """What a TOML file says of an ONNX file; the module says what each means."""

    model: str
    expressions: str
    classes: tuple[str, ...]
    size_px: int
    layout: str = "NCHW"
    color: str = "grayscale"
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    gives: str = "logits"
    input: str = ""
    output: str = ""


def read_description(path: Path) -> Description:
    """What the TOML file at `path` says, checked; raises `ModelError` in words of what is wrong."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ModelError(f"{path} cannot be read as TOML: {fault}") from fault
    known = tuple(field.name for field in fields(Description))
    for key in table:
        if key not in known:
            raise ModelError(f"{path}: {choose_from('key', key, known)}")
    missing = [name for name in ("model", "expressions", "classes", "size_px") if name not in table]
    if missing:
        raise ModelError(f"{path} must say {', '.join(missing)}; see docs/evaluation.md")
    for key, choices in _CHOICES.items():
        if key in table and table[key] not in choices:
            raise ModelError(f"{path}: {choose_from(key, str(table[key]), choices)}")
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    description = Description(**table)
    _check(description, path)
    return description


def _check(description: Description, path: Path) -> None:
    for name in ("model", "expressions", "input", "output"):
        if not isinstance(getattr(description, name), str):
            raise ModelError(f"{path}: {name} must be text; got {getattr(description, name)!r}")
    if not (isinstance(description.classes, tuple) and all(isinstance(name, str) for name in description.classes)):
        raise ModelError(f"{path}: classes must be a list of names; got {description.classes!r}")
    labels = expression_set(description.expressions).labels
    named = [name for name in description.classes if name]
    if sorted(named) != sorted(labels):
        raise ModelError(f"{path}: classes must be {', '.join(labels)}, in the model's order; got {', '.join(named)}")
    if not isinstance(description.size_px, int) or description.size_px < 1:
        raise ModelError(f"{path}: size_px must be a whole number above 0; got {description.size_px!r}")
    lengths = (1,) if description.color == "grayscale" else (1, 3)
    for name in ("mean", "std"):
        values = np.atleast_1d(np.array(getattr(description, name)))
        if values.dtype.kind not in "if" or values.shape not in {(length,) for length in lengths}:
            raise ModelError(
                f"{path}: {name} must be a number, or one for each color; got {getattr(description, name)!r}"
            )
    if np.any(np.array(description.std) <= 0):
        raise ModelError(f"{path}: std must be above 0; got {description.std!r}")


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
        crop = Preprocessing(FACE_SIZE, FACE_SIZE, "gray", mean=(0.0,), std=(1.0,))
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
    # Red, green and blue of a gray face are the same, so their order matters to the normalization alone.
    channels = 1 if description.color == "grayscale" else 3
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
