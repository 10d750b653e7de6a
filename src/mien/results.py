"""What mien answers: frozen boxes, landmarks, predictions, faces and pictures, as JSON and as flat rows.

PictureResult               one picture: its size and its faces, or why there are none
└── Face                    one face: where it is and how its expression appears
    ├── Box, Landmarks      in pixels of the upright picture
    └── Prediction          probabilities of a set of expressions, and whether to rely on them
        └── OtherExpression what the face probably shows instead, outside that set
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum, StrEnum
from math import ceil, floor, nextafter
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, overload

from mien.errors import ArgumentError, MissingExtra

if TYPE_CHECKING:
    from PIL import Image

    from mien.images import Picture

Point = tuple[float, float]
"""x and y in pixels of the upright picture, from its upper left corner."""

SMALL_FACE_PX = 32
"""Faces whose shorter side is under this carry too little detail to be relied on and are marked small."""

LOW_CONFIDENCE = "low confidence"
"""The reason of an uncertain answer for which no expression outside the set is the likelier one."""


class Doubt(StrEnum):
    """Why an answer cannot be relied on, whatever its probability."""

    NO_FACE = "no face seen"
    NOT_UPRIGHT = "face not upright"


_PIXEL_DIGITS, _SHARE_DIGITS = 1, 4
"""Decimals that JSON and rows keep of pixels, and of scores and probabilities."""

_NUMBER = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"}


@dataclass(frozen=True, slots=True, repr=False)
class Box:
    """A rectangle in pixels of the upright picture; right and bottom are exclusive.

    It is also the sequence of its four edges, so that `tuple(box)` and Pillow's `image.crop(box)` work.
    """

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

    @property
    def xyxy(self) -> tuple[float, float, float, float]:
        """Left, top, right and bottom edge in pixels."""
        return (self.left, self.top, self.right, self.bottom)

    def as_int(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the smallest box of whole pixels that contains this one."""
        return (floor(self.left), floor(self.top), ceil(self.right), ceil(self.bottom))

    def __iter__(self) -> Iterator[float]:
        return iter(self.xyxy)

    def __len__(self) -> int:
        return 4

    @overload
    def __getitem__(self, index: int) -> float: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[float, ...]: ...
    def __getitem__(self, index: int | slice) -> float | tuple[float, ...]:
        return self.xyxy[index]

    def __repr__(self) -> str:
        return f"Box({', '.join(f'{edge:.1f}' for edge in self)})"


@dataclass(frozen=True, slots=True, repr=False)
class Landmarks:
    """Five points of a face; left and right are those of the one who sees it upright, not the person's."""

    left_eye: Point
    right_eye: Point
    nose: Point
    mouth_left: Point
    mouth_right: Point

    def __repr__(self) -> str:
        points = ((each.name, getattr(self, each.name)) for each in fields(self))
        return f"Landmarks({', '.join(f'{name}=({x:.1f}, {y:.1f})' for name, (x, y) in points)})"


@dataclass(frozen=True, slots=True)
class Detection:
    """Where a detector sees a face.

    Attributes:
        box: The face, clipped to the picture.
        score: The detector's confidence, 0 to 1.
        landmarks: Five points, or None from a detector that gives none.
        is_crop: Whether the picture is the crop of this face already, framed as in FER2013, so that none is cut out.
        rotation_deg: By how much the face is turned clockwise in the picture, as far as it was turned to find it.
    """

    box: Box
    score: float
    landmarks: Landmarks | None = None
    is_crop: bool = False
    rotation_deg: int = 0


@dataclass(frozen=True, slots=True)
class OtherExpression:
    """An expression outside the set that was asked for.

    Attributes:
        expression: Its name.
        probability: Its probability among all expressions that the network knows, 0 to 1.
    """

    expression: str
    probability: float


@dataclass(frozen=True, slots=True, repr=False)
class Prediction:
    """The apparent expression of one face.

    Attributes:
        labels: Expression names in class order.
        probabilities: Calibrated probabilities in the same order; they sum to 1.
        uncertain: True where the answer should not be relied on: its `support` is under the model's threshold, or there
            is a `doubt`.
        support: How much speaks for the most probable expression, 0 to 1: its probability, times that of the face
            showing any expression of the set at all. Compare it with a threshold of your own to be stricter or less so.
        other: The most probable expression outside the set, where the answer is uncertain because the face probably
            shows none of the set; else None.
        doubt: Whether no upright face is seen, which the probabilities cannot tell; None where one is, or where nobody
            has looked for it: a `Recognizer` has.
    """

    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    uncertain: bool
    support: float
    other: OtherExpression | None = None
    doubt: Doubt | None = None

    @property
    def expression(self) -> str:
        """The most probable expression."""
        return max(zip(self.probabilities, self.labels, strict=True), key=lambda pair: pair[0])[1]

    @property
    def confidence(self) -> float:
        """The probability of the most probable expression."""
        return max(self.probabilities)

    @property
    def reason(self) -> str | None:
        """Why the answer is uncertain.

        `no face seen`, `face not upright`, `low confidence`, or such as `probably none of the four: angry 77 %`; None
        where it is certain.
        """
        if not self.uncertain:
            return None
        if self.doubt is not None:
            return self.doubt.value
        if self.other is None:
            return LOW_CONFIDENCE
        count = _NUMBER.get(len(self.labels), str(len(self.labels)))
        return f"probably none of the {count}: {self.other.expression} {percent(self.other.probability)}"

    def doubted(self, doubt: Doubt) -> "Prediction":
        """The same prediction, uncertain for that reason."""
        return replace(self, uncertain=True, other=None, doubt=doubt)

    def by_label(self) -> Mapping[str, float]:
        """Probability of each expression by name, in class order."""
        return dict(zip(self.labels, self.probabilities, strict=True))

    def __repr__(self) -> str:
        doubt = f", uncertain: {self.reason}" if self.uncertain else ""
        return f"Prediction({self.expression} {percent(self.confidence)}{doubt})"


@dataclass(frozen=True, slots=True, repr=False)
class Face:
    """One face of a picture: where it is and how its expression appears.

    Attributes:
        box: The face in pixels of the upright picture, clipped to it.
        landmarks: Five points, or None from a detector that gives none.
        detection_score: The detector's confidence, 0 to 1.
        prediction: The apparent expression.
        track_id: The same number for the same face in the frames of a video; None in pictures.
        rotation_deg: By how much the face is turned clockwise in the picture: 0, or one of a recognizer's `rotations`.
    """

    box: Box
    landmarks: Landmarks | None
    detection_score: float
    prediction: Prediction
    track_id: int | None = None
    rotation_deg: int = 0

    @property
    def expression(self) -> str:
        """The most probable expression."""
        return self.prediction.expression

    @property
    def confidence(self) -> float:
        """The probability of the most probable expression."""
        return self.prediction.confidence

    @property
    def uncertain(self) -> bool:
        """Whether the answer should not be relied on."""
        return self.prediction.uncertain

    @property
    def reason(self) -> str | None:
        """Why the answer is uncertain, or None where it is not; see `Prediction.reason`."""
        return self.prediction.reason

    @property
    def small(self) -> bool:
        """Whether the shorter side of the box is under `SMALL_FACE_PX`."""
        return min(self.box.width, self.box.height) < SMALL_FACE_PX

    def crop(self, picture: "Picture", *, margin: float = 0.0) -> "Image.Image":
        """The face cut out of its picture, in whole pixels.

        Args:
            picture: The picture that was recognized, in any form that `Recognizer.recognize` takes.
            margin: What is added on each side, in parts of the box's width and height, as far as the picture goes.

        Returns:
            PIL image, mode RGB.

        Raises:
            PictureError: The picture cannot be read.
            ArgumentError: The box lies outside the picture, so that it is another one; or the margin cuts all away.
        """
        from PIL import Image  # noqa: PLC0415  results alone need no pictures

        from mien.images import read_picture  # noqa: PLC0415

        image_rgb = read_picture(picture)
        height, width = image_rgb.shape[:2]
        wide, high = margin * self.box.width, margin * self.box.height
        grown = Box(self.box.left - wide, self.box.top - high, self.box.right + wide, self.box.bottom + high)
        left, top, right, bottom = grown.as_int()
        left, top, right, bottom = max(0, left), max(0, top), min(width, right), min(height, bottom)
        if left >= right or top >= bottom:
            raise ArgumentError(f"nothing of {self.box} with margin {margin:g} lies in {width} x {height} pixels")
        return Image.fromarray(image_rgb[top:bottom, left:right])

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, ready for JSON; `mien.writers.SCHEMA` describes them."""
        prediction = self.prediction
        return {
            "box": to_jsonable(self.box, _PIXEL_DIGITS),
            "landmarks": to_jsonable(self.landmarks, _PIXEL_DIGITS),
            "detection_score": round(self.detection_score, _SHARE_DIGITS),
            "small": self.small,
            "rotation_deg": self.rotation_deg,
            "track_id": self.track_id,
            "expression": self.expression,
            "confidence": round(self.confidence, _SHARE_DIGITS),
            "support": round(prediction.support, _SHARE_DIGITS),
            "uncertain": self.uncertain,
            "reason": self.reason,
            "other": to_jsonable(prediction.other, _SHARE_DIGITS),
            "probabilities": to_jsonable(prediction.by_label(), _SHARE_DIGITS),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Face":
        """The face whose `to_dict` is given, as exact as that is.

        Raises:
            ArgumentError: It is in another form.
        """
        with _explained("a face"):
            chances = dict(values["probabilities"])
            top = values["expression"]
            if top != max(chances, key=lambda label: chances[label]):  # rounding has made a tie
                chances[top] = nextafter(max(chances.values()), 2.0)
            other, landmarks = values["other"], values["landmarks"]
            prediction = Prediction(
                labels=tuple(chances),
                probabilities=tuple(chances.values()),
                uncertain=values["uncertain"],
                support=values["support"],
                other=OtherExpression(**other) if other else None,
                doubt=Doubt(values["reason"]) if values["reason"] in tuple(Doubt) else None,
            )
            points = {name: (x, y) for name, (x, y) in landmarks.items()} if landmarks else None
            return cls(
                box=Box(**values["box"]),
                landmarks=Landmarks(**points) if points else None,
                detection_score=values["detection_score"],
                prediction=prediction,
                track_id=values.get("track_id"),
                rotation_deg=values["rotation_deg"],
            )

    def __repr__(self) -> str:
        doubt = "?" if self.uncertain else ""
        place = f"{self.box.left:.0f},{self.box.top:.0f} {self.box.width:.0f}×{self.box.height:.0f}"
        return f"Face({self.expression}{doubt} {percent(self.confidence)}, {place})"


@dataclass(frozen=True, slots=True, repr=False)
class PictureResult:
    """What came of one picture: its size and its faces, or the error that stopped it.

    It is the sequence of its faces: `for face in result`, `len(result)`, `result[0]`; one without faces is false.

    Attributes:
        source: The path as it was given; None for a picture that was given otherwise.
        width_px: Width of the upright picture; None if it could not be read.
        height_px: Height of the upright picture; None if it could not be read.
        faces: The faces, left to right.
        error: Why there is no answer, in one line, or None.
        error_kind: The class of that error, such as `PictureTooLarge`, or None.
        elapsed_s: Seconds spent on this picture; not part of what makes two results equal.
    """

    source: str | None
    width_px: int | None
    height_px: int | None
    faces: tuple[Face, ...] = ()
    error: str | None = None
    error_kind: str | None = None
    elapsed_s: float | None = field(default=None, compare=False)

    def __iter__(self) -> Iterator[Face]:
        return iter(self.faces)

    def __len__(self) -> int:
        return len(self.faces)

    @overload
    def __getitem__(self, index: int) -> Face: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Face, ...]: ...
    def __getitem__(self, index: int | slice) -> Face | tuple[Face, ...]:
        return self.faces[index]

    def to_dict(self, *, timing: bool = False) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, ready for JSON; `mien.writers.SCHEMA` describes them.

        Args:
            timing: Whether `elapsed_s` is among them; without it the same answers are always the same text.
        """
        record: dict[str, Any] = {
            "source": self.source,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "faces": [face.to_dict() for face in self.faces],
            "error": self.error,
            "error_kind": self.error_kind,
        }
        if timing:
            record["elapsed_s"] = None if self.elapsed_s is None else round(self.elapsed_s, 4)
        return record

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PictureResult":
        """The result whose `to_dict` is given, as exact as that is: `from_dict(record).to_dict() == record`.

        Raises:
            ArgumentError: It is in another form.
        """
        with _explained("a picture's result"):
            return cls(
                source=values["source"],
                width_px=values["width_px"],
                height_px=values["height_px"],
                faces=tuple(Face.from_dict(face) for face in values["faces"]),
                error=values["error"],
                error_kind=values["error_kind"],
                elapsed_s=values.get("elapsed_s"),
            )

    def rows(self) -> Iterator[dict[str, Any]]:
        """One flat row for each face, by the names of `row_columns`; none for a picture without faces."""
        for number, face in enumerate(self.faces, start=1):
            record = face.to_dict()
            other = record["other"]
            picture = {"source": self.source, "width_px": self.width_px, "height_px": self.height_px, "face": number}
            chances = {f"{PROBABILITY}{label}": chance for label, chance in record["probabilities"].items()}
            row = {**picture, **record, **record["box"], "other": other and other["expression"], **chances}
            yield {name: row[name] for name in row_columns(face.prediction.labels)}

    def to_dataframe(self) -> Any:
        """The rows as a pandas DataFrame; see `to_dataframe` for several pictures.

        Raises:
            MissingExtra: pandas is not installed.
        """
        return to_dataframe([self])

    def __repr__(self) -> str:
        name = self.source if self.source is not None else "picture"
        if self.error is not None:
            return f"PictureResult({name}, {self.error_kind}: {self.error})"
        faces = "1 face" if len(self) == 1 else f"{len(self)} faces"
        return f"PictureResult({name}, {self.width_px}×{self.height_px}, {faces})"


PROBABILITY = "p_"
"""What the columns of probabilities begin with, so that no expression's name meets another column's."""


def row_columns(labels: Iterable[str]) -> tuple[str, ...]:
    """The columns of flat rows, for predictions about the expressions `labels`: of CSV, Parquet and DataFrames."""
    picture = ("source", "width_px", "height_px", "face", "track_id")
    place = ("left", "top", "right", "bottom", "detection_score", "small", "rotation_deg")
    answer = ("expression", "confidence", "support", "uncertain", "reason", "other")
    return (*picture, *place, *answer, *(f"{PROBABILITY}{label}" for label in labels))


def to_dataframe(results: Iterable[PictureResult]) -> Any:
    """All faces of several pictures as one pandas DataFrame, a row each, with the columns that CSV has.

    Pictures without a face and pictures with an error have no rows.

    Raises:
        MissingExtra: pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415  not one of mien's own dependencies
    except ImportError as missing:
        raise MissingExtra.for_package("a DataFrame", missing) from missing
    rows = [row for result in results for row in result.rows()]
    frame = pd.DataFrame(rows, columns=None if rows else list(row_columns(())))
    return frame.astype({"track_id": "Int64"})


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


def percent(share: float) -> str:
    """A share of 1 in whole percent, as people read it."""
    return f"{share * 100:.0f} %"


def _key(key: Any) -> str:
    return str(to_jsonable(key))


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turns what a table of another form leads to into an `ArgumentError`."""
    try:
        yield
    except ArgumentError:
        raise
    except KeyError as error:
        raise ArgumentError(f"not {what} as to_dict gives it: {error} is missing") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ArgumentError(f"not {what} as to_dict gives it ({error})") from error
