"""Accuracy on parts of the images: dark and bright, blurred and sharp, agreed on or not."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.faces import LabelledFaces, without_outliers
from mien.data.light import light
from mien.evaluate.metrics import Estimate, proportion

Floats = NDArray[np.float64]

PARTS = 4


@dataclass(frozen=True, slots=True)
class Part:
    """The images whose property lies in one range.

    Attributes:
        low: Least value of the property among them.
        high: Greatest value.
        images: How many.
        accuracy: Share of them that are right.
    """

    low: float
    high: float
    images: int
    accuracy: Estimate


@dataclass(frozen=True, slots=True)
class Slices:
    """The images by one property, in parts of about equal size by rising value.

    Attributes:
        name: The property.
        unit: What its values are.
        parts: At most `PARTS`; images of equal value share a part.
    """

    name: str
    unit: str
    parts: tuple[Part, ...]


def slices(faces: LabelledFaces, right: NDArray[np.bool_]) -> tuple[Slices, ...]:
    """Accuracy by brightness, by sharpness and, where all faces have votes, by the agreement of those who voted.

    Args:
        faces: N faces, at least one.
        right: Whether each is answered rightly, of shape (N,).
    """
    brightness, _, sharpness = light(faces.pixels).T
    properties = {
        "brightness": ("mean grey level, 0 to 255", brightness),
        "sharpness": ("standard deviation of the Laplacian, in grey levels", sharpness),
    }
    if faces.votes.any(axis=1).all():
        properties["agreement"] = ("share of the votes for the most chosen expression", agreement(faces.votes))
    return tuple(Slices(name, unit, parts(values, right)) for name, (unit, values) in properties.items())


def parts(values: Floats, right: NDArray[np.bool_]) -> tuple[Part, ...]:
    """Images in at most `PARTS` parts by value, with the accuracy of each; arrays of shape (N,)."""
    starts = np.arange(1, PARTS) * len(values) // PARTS
    part = np.searchsorted(np.sort(values)[starts], values, side="right")
    return tuple(
        Part(
            low=float(values[inside].min()),
            high=float(values[inside].max()),
            images=int(inside.sum()),
            accuracy=proportion(int(right[inside].sum()), int(inside.sum())),
        )
        for inside in (part == position for position in np.unique(part))
    )


def agreement(votes: NDArray[np.int64]) -> Floats:
    """Share of the votes, single ones left out, that the most chosen column has; votes of shape (N, 10)."""
    kept = without_outliers(votes)
    return np.asarray(kept.max(axis=1) / np.maximum(kept.sum(axis=1), 1), dtype=np.float64)
