"""How many faces there are of each class, how large they were, and how bright, contrasty and sharp they are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.image_quality import MEASURES, measure_quality
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FER7
from mien.images import picture_size
from mien.results import to_jsonable
from mien.stats import Proportion

UNLABELLED = "no label"
PERCENTILES = (5, 25, 50, 75, 95)

SQUEEZED = 1.1
"""From which ratio of its sides on a picture counts as not square."""


@dataclass(frozen=True, slots=True)
class Light:
    """Percentiles (`PERCENTILES`) of three measures over a group of faces.

    Attributes:
        group: Name of a split or class.
        faces: Faces in the group.
        brightness: Mean gray level of a face, 0 to 255.
        contrast: Standard deviation of its gray levels.
        sharpness: Standard deviation of its discrete Laplacian, in gray levels: blurred or enlarged faces have little.
    """

    group: str
    faces: int
    brightness: tuple[float, ...]
    contrast: tuple[float, ...]
    sharpness: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """Percentiles by measure, rounded to a tenth."""
        return {
            "group": self.group,
            "faces": self.faces,
            **{measure: _named(getattr(self, measure)) for measure in MEASURES},
        }


@dataclass(frozen=True, slots=True)
class Sizes:
    """The pictures of one split before they were made as large as a face as read.

    Attributes:
        split: Name of the split.
        width: Percentiles (`PERCENTILES`) of the width in pixels.
        height: Likewise of the height.
        enlarged: Pictures that are smaller than a face as read, in width or height.
        squeezed: Pictures that are wider than high, or higher than wide, by `SQUEEZED` or more.
    """

    split: str
    width: tuple[float, ...]
    height: tuple[float, ...]
    enlarged: Proportion
    squeezed: Proportion

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings and dicts."""
        return {
            "split": self.split,
            "width": _named(self.width),
            "height": _named(self.height),
            "enlarged": to_jsonable(self.enlarged, 4),
            "squeezed": to_jsonable(self.squeezed, 4),
        }


@dataclass(frozen=True, slots=True)
class Composition:
    """What the data is made of.

    Attributes:
        size_px: Width and height of a face as read.
        sizes: Sizes of the pictures of each split that is a folder of pictures.
        counts: Faces by split, then by label; `UNLABELLED` only where some have none.
        light_by_split: Brightness, contrast and sharpness of each split.
        light_by_label: Likewise of each class that occurs, over all splits.
    """

    size_px: tuple[int, int]
    sizes: tuple[Sizes, ...]
    counts: dict[str, dict[str, int]]
    light_by_split: tuple[Light, ...]
    light_by_label: tuple[Light, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """The classes of the tables, in order."""
        return tuple(next(iter(self.counts.values())))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts."""
        return {
            "width_px": self.size_px[0],
            "height_px": self.size_px[1],
            "sizes": [sizes.to_dict() for sizes in self.sizes],
            "counts": self.counts,
            "light_by_split": [part.to_dict() for part in self.light_by_split],
            "light_by_label": [part.to_dict() for part in self.light_by_label],
        }


def composition(faces: LabelledFaces, gray: NDArray[np.uint8], folder: Path | None = None) -> Composition:
    """Counts the faces and measures their light.

    Args:
        faces: N faces whose splits are known.
        gray: The same as pictures of one size, uint8 of shape (N, H, W).
        folder: Holds the files of the faces, where they have any.
    """
    measures = measure_quality(gray)
    labels = {label: faces.fer7 == position for position, label in enumerate(FER7.labels)}
    if np.any(faces.fer7 == NO_LABEL):
        labels[UNLABELLED] = faces.fer7 == NO_LABEL
    splits = {name: faces.within([name]) for name in faces.splits}
    _, height, width = gray.shape
    sizes: list[Sizes] = []
    if folder and faces.files is not None:
        for name, chosen in splits.items():
            files = [folder / file for file in faces.files[chosen]]
            sizes.append(_sizes(name, files, (width, height)))
    return Composition(
        size_px=(width, height),
        sizes=tuple(sizes),
        counts={
            name: {label: int((of_split & of_label).sum()) for label, of_label in labels.items()}
            for name, of_split in splits.items()
        },
        light_by_split=tuple(_light(name, measures[chosen]) for name, chosen in splits.items()),
        light_by_label=tuple(_light(name, measures[chosen]) for name, chosen in labels.items() if chosen.any()),
    )


def _sizes(split: str, files: Sequence[Path], size_px: tuple[int, int]) -> Sizes:
    sizes = np.array([picture_size(file) for file in files], dtype=np.float64)
    width, height = _percentiles(sizes)
    return Sizes(
        split,
        width,
        height,
        enlarged=Proportion.of(int(np.any(sizes < size_px, axis=1).sum()), len(sizes)),
        squeezed=Proportion.of(int((sizes.max(axis=1) >= SQUEEZED * sizes.min(axis=1)).sum()), len(sizes)),
    )


def _light(group: str, measures: NDArray[np.float64]) -> Light:
    return Light(group, len(measures), *_percentiles(measures))


def _percentiles(table: NDArray[np.float64]) -> list[tuple[float, ...]]:
    """`PERCENTILES` of each column."""
    return [tuple(column) for column in np.percentile(table, PERCENTILES, axis=0).T.tolist()]


def _named(percentiles: tuple[float, ...]) -> dict[str, float]:
    return {f"p{rank}": round(value, 1) for rank, value in zip(PERCENTILES, percentiles, strict=True)}
