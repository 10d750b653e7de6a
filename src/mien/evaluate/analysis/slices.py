"""Accuracy on parts of the images: dark and bright, blurred and sharp, tilted and turned, agreed on or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.image_quality import measure_quality
from mien.data.labelled_faces import LabelledFaces, without_outliers
from mien.stats import Estimate

Floats = NDArray[np.float64]

PARTS = 4


@dataclass(frozen=True, slots=True)
class Part:
    """The images whose property lies in one range, or for which it could not be measured.

    Attributes:
        low: Least value of the property among them; None where it could not be measured.
        high: Greatest value, or None likewise.
        images: How many.
        accuracy: Share of them that are right.
    """

    low: float | None
    high: float | None
    images: int
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Slices:
    """The images by one property, in parts of about equal size by rising value.

    Attributes:
        name: The property.
        unit: What its values are.
        parts: At most `PARTS`, then those for which it could not be measured; images of equal value share a part.
    """

    name: str
    unit: str
    parts: tuple[Part, ...]


def slices(faces: LabelledFaces, right: NDArray[np.bool_], landmarks: Floats) -> tuple[Slices, ...]:
    """Accuracy by light, sharpness, pose and, where all faces have votes, by the agreement of those who voted.

    Args:
        faces: N faces, at least one.
        right: Whether each is answered rightly, of shape (N,).
        landmarks: Five points of each in the order of `Landmarks`, of shape (N, 5, 2); NaN where none were found.
    """
    brightness, _, sharpness = measure_quality(faces.gray()).T
    properties = {
        "brightness": ("mean gray level, 0 to 255", brightness),
        "sharpness": ("standard deviation of the Laplacian, in gray levels", sharpness),
        "tilt": ("degrees by which the line through the eyes is off the level, by landmarks", tilt(landmarks)),
        "turn": (
            "offset of the nose from the middle between the eyes, in distances of the eyes",
            turn(landmarks),
        ),
    }
    if faces.votes.any(axis=1).all():
        properties["agreement"] = ("share of the votes for the most chosen expression", agreement(faces.votes))
    return tuple(Slices(name, unit, parts(values, right)) for name, (unit, values) in properties.items())


def parts(values: Floats, right: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Images in at most `PARTS` parts by value, with the accuracy of each; those of value NaN in one more, the last.

    Args:
        values: Of the property, of shape (N,).
        right: Whether each image is answered rightly, of shape (N,).
    """
    known = ~np.isnan(values)
    ordered = np.sort(values[known])
    starts = ordered[np.arange(1, PARTS) * len(ordered) // PARTS] if len(ordered) else ordered
    part = np.searchsorted(starts, values, side="right")
    found = [_part(values, right, known & (part == position)) for position in np.unique(part[known])]
    if not known.all():
        found.append(_part(None, right, ~known))
    return tuple(found)


def _part(values: Floats | None, right: NDArray[np.bool_], inside: NDArray[np.bool_]) -> Part:
    return Part(
        low=None if values is None else float(values[inside].min()),
        high=None if values is None else float(values[inside].max()),
        images=int(inside.sum()),
        accuracy=Estimate.of_proportion(int(right[inside].sum()), int(inside.sum())),
    )


def tilt(landmarks: Floats) -> Floats:
    """Degrees between the line through the eyes and the level, 0 to 180, of shape (N,); landmarks as for `slices`."""
    x, y = (landmarks[:, 1] - landmarks[:, 0]).T
    return np.asarray(np.abs(np.degrees(np.arctan2(y, x))), dtype=np.float64)


def turn(landmarks: Floats) -> Floats:
    """How far the nose lies from the middle between the eyes, along the line through them, in distances of the eyes.

    It grows as a face turns to the side, of which it is a sign, not a measure in degrees: noses differ, and landmarks
    of a face in profile are guesses.

    Args:
        landmarks: As for `slices`.

    Returns:
        Shape (N,), 0 or more; NaN where there are no landmarks.
    """
    left, right, nose = landmarks[:, 0], landmarks[:, 1], landmarks[:, 2]
    eyes = right - left
    along = ((nose - (left + right) / 2) * eyes).sum(axis=1)
    return np.asarray(np.abs(along) / np.maximum((eyes**2).sum(axis=1), 1.0), dtype=np.float64)


def agreement(votes: NDArray[np.int64]) -> Floats:
    """Share of the votes, single ones left out, that the most chosen column has; votes of shape (N, 10)."""
    kept = without_outliers(votes)
    return np.asarray(kept.max(axis=1) / np.maximum(kept.sum(axis=1), 1), dtype=np.float64)
