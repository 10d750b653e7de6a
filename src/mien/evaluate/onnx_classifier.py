"""Any ONNX file that turns faces into scores of expressions, with a TOML file that describes it."""

from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import Field, field_validator, model_validator

from mien.errors import ConfigError, MienError, ModelError, choose_from, first_line
from mien.evaluate.classifiers import CropClassifier, Probabilities, labels_with_core_sets, with_core_sets
from mien.expressions import ExpressionSet, expression_set
from mien.model.calibration import softmax
from mien.model.session import new_session
from mien.preprocess import Crops
from mien.settings import Strict, read_toml, validated

_BATCH = 64
_TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(uint8)": np.uint8,
}


class Description(Strict):
    """What a TOML file says of an ONNX file.

    Attributes:
        model: The ONNX file, as seen from the TOML file's folder.
        classes: What its scores are of, in its order; one called "" is left out.
        size_px: Side of its square input.
        expressions: The set of expressions that the classes are those of; None if they are its own.
        layout: Order of batch, channels, rows and columns in its input.
        color: Its channels.
        mean: Subtracted from pixel values of 0 to 255; one number, or one for each channel.
        std: Divides what is left.
        gives: What its scores are.
        input: Name of its input; only needed if there are several.
        output: Likewise of its output.
    """

    model: str
    classes: tuple[str, ...] = Field(min_length=2)
    size_px: int = Field(ge=1)
    expressions: str | None = None
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    color: Literal["grayscale", "RGB", "BGR"] = "grayscale"
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    gives: Literal["logits", "probabilities"] = "logits"
    input: str = ""
    output: str = ""

    @field_validator("expressions")
    @classmethod
    def _is_known(cls, name: str | None) -> str | None:
        try:
            return name if name is None else expression_set(name).name
        except MienError as fault:
            raise ValueError(str(fault)) from fault

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        named = [name for name in self.classes if name]
        if len(set(named)) != len(named) or len(named) < 2:
            raise ValueError(f"classes must be two or more, each once; got {', '.join(named)}")
        if self.expressions is not None:
            labels = expression_set(self.expressions).labels
            if sorted(named) != sorted(labels):
                raise ValueError(
                    f"classes must be {', '.join(labels)}, in the order of the model; got {', '.join(named)}"
                )
        for name, values in (("mean", self.mean), ("std", self.std)):
            if isinstance(values, tuple) and len(values) != self.channel_count:
                raise ValueError(f"{name} must be a number, or one for each channel; got {list(values)}")
        if not np.all(np.array(self.std) > 0):
            raise ValueError(f"std must be above 0; got {self.std!r}")
        return self

    @property
    def channel_count(self) -> int:
        """1 or 3."""
        return 1 if self.color == "grayscale" else 3


def read_description(path: Path) -> Description:
    """What the TOML file at `path` says, checked; raises `ModelError` in words of what is wrong."""
    try:
        return validated(Description, read_toml(path), str(path))
    except ConfigError as fault:
        raise ModelError(f"{fault}; a description has at least model, classes and size_px") from fault


def load_onnx_classifier(path: Path, *, name: str | None = None, threads: int | None = None) -> "OnnxClassifier":
    """The classifier that the TOML file at `path` describes.

    Args:
        path: The TOML file.
        name: What to call it; the file's stem if None.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.

    Raises:
        ModelError: If the TOML or the ONNX file is missing or wrong.
    """
    description = read_description(path)
    file = path.parent / description.model
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise ModelError(f"cannot read the model {file}, named by {path}: {fault.strerror}") from fault
    return OnnxClassifier(name or path.stem, content, description, threads=threads)


class OnnxClassifier(CropClassifier):
    """An ONNX file with its description, ready to be asked.

    Args:
        name: What reports call it.
        content: The file's bytes.
        description: What is to be known of it.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.

    Raises:
        ModelError: If the file cannot be loaded, or has no such input and output.
    """

    def __init__(self, name: str, content: bytes, description: Description, *, threads: int | None = None) -> None:
        self.name = name
        self._content, self._description = content, description
        self.sha256 = sha256(content).hexdigest()
        if description.expressions is None:
            self._set = ExpressionSet(name, tuple(label for label in description.classes if label))
        else:
            self._set = expression_set(description.expressions)
        self.labels = labels_with_core_sets(self._set)
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

    def with_threads(self, threads: int | None) -> "OnnxClassifier":
        """The same file, loaded anew."""
        return OnnxClassifier(self.name, self._content, self._description, threads=threads)

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        """As `Classifier.predict`: by its set and the core sets that follow from it."""
        fixed = self._input.shape[0] if self._input.shape else None
        size = fixed if isinstance(fixed, int) else batch or _BATCH
        scores = [self._scores(crops[start : start + size], size) for start in range(0, len(crops), size)]
        given = self._probabilities(np.concatenate(scores) if scores else np.empty((0, len(self._description.classes))))
        return with_core_sets({self._set.name: given})

    def _scores(self, crops: Crops, size: int) -> NDArray[np.float64]:
        faces = prepared(crops, self._description).astype(_TYPES[self._input.type])
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
        return scores[: len(crops)]

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
        ordered = np.empty_like(given)
        ordered[:, order] = given
        return ordered


def prepared(crops: Crops, description: Description) -> NDArray[np.float64]:
    """Face crops of any size and color as the described model takes them: (N, C, H, W) or (N, H, W, C)."""
    mode = "L" if description.color == "grayscale" else "RGB"
    faces = np.stack([_fitted(crop, description.size_px, mode) for crop in crops]).astype(np.float64)
    faces = faces[..., None] if faces.ndim == 3 else faces
    faces = faces[..., ::-1] if description.color == "BGR" else faces
    faces = (faces - np.array(description.mean)) / np.array(description.std)
    return faces if description.layout == "NHWC" else np.ascontiguousarray(faces.transpose(0, 3, 1, 2))


def _fitted(crop: NDArray[np.uint8], size_px: int, mode: str) -> NDArray[np.uint8]:
    image, sides = Image.fromarray(crop), (size_px, size_px)
    image = image if image.mode == mode else image.convert(mode)
    # Area to make smaller, lines to make larger: what most tools mean by resizing.
    way = Image.Resampling.BOX if size_px < min(image.size) else Image.Resampling.BILINEAR
    return np.asarray(image if image.size == sides else image.resize(sides, way))


def _named(offered: list[Any], name: str, what: str, model: str) -> Any:
    names = tuple(each.name for each in offered)
    if name and name not in names:
        raise ModelError(f"{model}: {choose_from(what, name, names)}")
    if not name and len(names) != 1:
        raise ModelError(f"{model} has the {what}s {', '.join(names)}; say which is meant: {what} = ...")
    return offered[names.index(name)] if name else offered[0]
