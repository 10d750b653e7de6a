"""What mien answers: frozen boxes, landmarks, faces and predictions, each with `to_dict` for JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, is_dataclass
from enum import Enum
from os import PathLike, fspath
from typing import Any

Point = tuple[float, float]
"""x and y in pixels of the upright picture, from its upper left corner."""

SMALL_FACE_PX = 32
"""Faces whose shorter side is under this carry too little detail to be relied on and are marked small."""


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels of the upright picture; right and bottom are exclusive."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        """Horizontal extent in pixels."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Vertical extent in pixels."""
        return self.bottom - self.top

    def to_dict(self) -> dict[str, float]:
        """The four edges in pixels, rounded to a tenth."""
        return {edge: round(value, 1) for edge, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Landmarks:
    """Five points of a face; left and right are the picture's, not the person's."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point

    def to_dict(self) -> dict[str, list[float]]:
        """The five points in pixels, rounded to a tenth."""
        return {name: [round(x, 1), round(y, 1)] for name, (x, y) in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Detection:
    """Where a detector sees a face.

    Attributes:
        box: The face, clipped to the picture.
        score: The detector's confidence, 0 to 1.
        landmarks: Five points, or None from a detector that gives none.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """The apparent expression of one face.

    Attributes:
        labels: Expression names in class order.
        probabilities: Calibrated probabilities in the same order; they sum to 1.
        uncertain: True where the model's answer should not be relied on.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    uncertain: bool

    @property
    def expression(self) -> str:
        """The most probable expression."""
        return max(zip(self.probabilities, self.labels, strict=True), key=lambda pair: pair[0])[1]

    @property
    def confidence(self) -> float:
        """The probability of the most probable expression."""
        return max(self.probabilities)

    def by_label(self) -> Mapping[str, float]:
        """Probability of each expression by name, in class order."""
        return dict(zip(self.labels, self.probabilities, strict=True))

    def to_dict(self) -> dict[str, Any]:
        """Expression, confidence, uncertainty and all probabilities, rounded to a ten-thousandth."""
        return {
            "expression": self.expression,
            "confidence": round(self.confidence, 4),
            "uncertain": self.uncertain,
            "probabilities": {label: round(p, 4) for label, p in self.by_label().items()},
        }


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a picture: where it is and how its expression appears.

    Attributes:
        box: The face in pixels of the upright picture, clipped to it.
        landmarks: Five points, or None from a detector that gives none.
        detection_score: The detector's confidence, 0 to 1.
        prediction: The apparent expression.
    """

    box: Box
    landmarks: Landmarks | None
    detection_score: float
    prediction: Prediction

    @property
    def expression(self) -> str:
        """The most probable expression."""
        return self.prediction.expression

    @property
    def small(self) -> bool:
        """Whether the shorter side of the box is under `SMALL_FACE_PX`."""
        return min(self.box.width, self.box.height) < SMALL_FACE_PX

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings and dicts, ready for JSON."""
        return {
            "box": self.box.to_dict(),
            "landmarks": self.landmarks.to_dict() if self.landmarks else None,
            "detection_score": round(self.detection_score, 4),
            "small": self.small,
            **self.prediction.to_dict(),
        }


def to_jsonable(value: Any, digits: int | None = None) -> Any:  # noqa: PLR0911 - one for each kind of value
    """`value` as plain numbers, strings, lists and dicts, ready for JSON.

    Dataclasses become dicts by the names of their fields, enumerations their values, paths strings, sequences and sets
    lists; NumPy's arrays and scalars, and whatever else has `tolist`, what that gives.

    Args:
        value: Built of those, mappings, strings, numbers and None.
        digits: Decimals that floats are rounded to; None keeps them as they are.

    Raises:
        TypeError: Something in it is none of these.
    """
    match value:
        case None | bool() | str() if not isinstance(value, Enum):
            return value
        case Enum():
            return to_jsonable(value.value, digits)
        case int():
            return int(value)
        case float():
            return float(value) if digits is None else round(float(value), digits)
        case PathLike():
            return fspath(value)
        case Mapping():
            return {_key(key): to_jsonable(part, digits) for key, part in value.items()}
        case list() | tuple():
            return [to_jsonable(part, digits) for part in value]
        case set() | frozenset():
            return sorted(to_jsonable(part, digits) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: to_jsonable(getattr(value, each.name), digits) for each in fields(value)}
    if hasattr(value, "tolist"):
        return to_jsonable(value.tolist(), digits)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def _key(key: Any) -> str:
    return str(to_jsonable(key))
