"""How much accuracy is lost where pictures get worse."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mien.data.crops import Crops
from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.classifiers import Classifier, checked_probabilities
from mien.evaluate.protocols import Protocol
from mien.stats import SEED, Estimate

Pixels = NDArray[np.uint8]

SEVERITIES = (1, 2, 3, 4, 5)

_MID_GRAY = 128


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way in which faces get worse.

    Attributes:
        name: Its name.
        unit: What its strengths are.
        strengths: Strength at each of `SEVERITIES`.
        worsen: Gives the faces of shape (N, H, W), made worse by a strength; what is random comes from the generator.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    worsen: Callable[[Pixels, float, np.random.Generator], Pixels]

    def __call__(self, pixels: Pixels, severity: int, *, rng: np.random.Generator) -> Pixels:
        """The faces made worse: uint8 of shape (N, H, W) as `pixels`, which stay as they are."""
        return self.worsen(pixels, self.strengths[SEVERITIES.index(severity)], rng)


def _noise(pixels: Pixels, deviation: float, rng: np.random.Generator) -> Pixels:
    return _as_pixels(pixels + rng.normal(0, deviation, pixels.shape))


def _blur(pixels: Pixels, radius_px: float, _: np.random.Generator) -> Pixels:
    return _each(pixels, lambda face: face.filter(ImageFilter.GaussianBlur(radius_px)))


def _jpeg(pixels: Pixels, quality: float, _: np.random.Generator) -> Pixels:
    def recode(face: Image.Image) -> Image.Image:
        file = BytesIO()
        face.save(file, format="JPEG", quality=round(quality))
        return Image.open(file, formats=("JPEG",))

    return _each(pixels, recode)


def _contrast(pixels: Pixels, factor: float, _: np.random.Generator) -> Pixels:
    mean = pixels.mean(axis=(1, 2), keepdims=True)
    return _as_pixels((pixels - mean) * factor + mean)


def _brightness(pixels: Pixels, change: float, rng: np.random.Generator) -> Pixels:
    return _as_pixels(pixels + change * _signs(len(pixels), rng)[:, None, None])


def _occlusion(pixels: Pixels, side_px: float, rng: np.random.Generator) -> Pixels:
    side, (count, height, width) = int(side_px), pixels.shape
    covered = pixels.copy()
    tops, lefts = rng.integers(height - side + 1, size=count), rng.integers(width - side + 1, size=count)
    for face, top, left in zip(covered, tops, lefts, strict=True):
        face[top : top + side, left : left + side] = _MID_GRAY
    return covered


def _rotation(pixels: Pixels, degrees: float, rng: np.random.Generator) -> Pixels:
    margin = pixels.shape[1] // 2  # no turn shows what lies beyond it
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)), mode="edge")
    angles = iter(degrees * _signs(len(pixels), rng))
    turned = _each(padded, lambda face: face.rotate(float(next(angles)), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(turned[:, margin:-margin, margin:-margin])


def _shift(pixels: Pixels, distance_px: float, rng: np.random.Generator) -> Pixels:
    _, height, width = pixels.shape
    angles = rng.uniform(0, 2 * np.pi, len(pixels))
    downs, rights = (np.rint(distance_px * part(angles)).astype(np.int64) for part in (np.sin, np.cos))
    rows, columns = (np.arange(size).clip(0) for size in (height, width))
    return np.stack(
        [
            face[np.clip(rows - down, 0, height - 1)][:, np.clip(columns - right, 0, width - 1)]
            for face, down, right in zip(pixels, downs, rights, strict=True)
        ]
    )


def _low_resolution(pixels: Pixels, side_px: float, _: np.random.Generator) -> Pixels:
    small = (round(side_px), round(side_px))
    return _each(
        pixels, lambda face: face.resize(small, Image.Resampling.BOX).resize(face.size, Image.Resampling.BILINEAR)
    )


CORRUPTIONS = (
    Corruption("noise", "standard deviation in gray levels", (10, 15, 20, 30, 40), _noise),
    Corruption("blur", "radius of the Gaussian in pixels", (0.5, 0.75, 1.0, 1.5, 2.0), _blur),
    Corruption("JPEG", "quality", (60, 40, 25, 15, 8), _jpeg),
    Corruption("contrast", "share of the contrast that is left", (0.75, 0.5, 0.4, 0.3, 0.15), _contrast),
    Corruption("brightness", "gray levels brighter or darker", (25, 50, 75, 100, 125), _brightness),
    Corruption("occlusion", "side in pixels of a gray square", (8, 12, 16, 20, 24), _occlusion),
    Corruption("rotation", "degrees to either side", (5, 10, 15, 20, 30), _rotation),
    Corruption("shift", "pixels in any direction", (2, 3, 4, 6, 8), _shift),
    Corruption("low resolution", "side in pixels before enlarging", (32, 24, 18, 14, 10), _low_resolution),
)


def _each(pixels: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    return np.stack([np.asarray(change(Image.fromarray(face)), dtype=np.uint8) for face in pixels])


def _signs(count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.choice([-1.0, 1.0], size=count)


def _as_pixels(values: NDArray[np.float64]) -> Pixels:
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)


@dataclass(frozen=True, slots=True)
class Worsened:
    """Accuracy on faces that were made worse in one way.

    Attributes:
        corruption: The way.
        unit: What the strengths are.
        strengths: Strength at each severity, 1 to 5.
        accuracy: Accuracy at each severity.
    """

    corruption: str
    unit: str
    strengths: tuple[float, ...]
    accuracy: tuple[Estimate, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over the severities."""
        return sum(estimate.value for estimate in self.accuracy) / len(self.accuracy)


@dataclass(frozen=True, slots=True)
class Robustness:
    """Accuracy on the same faces as they are and made worse.

    Attributes:
        protocol: Code of the protocol.
        images: Faces measured.
        seed: Seed of what is random.
        clean: Accuracy on the faces as they are.
        worsened: Accuracy on them made worse, by corruption.
    """

    protocol: str
    images: int
    seed: int
    clean: Estimate
    worsened: tuple[Worsened, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over all corruptions and severities."""
        return sum(row.mean for row in self.worsened) / len(self.worsened)


def robustness(
    classifier: Classifier, faces: LabelledFaces, protocol: Protocol, *, most: int, seed: int = SEED
) -> Robustness:
    """Measures a classifier on faces made worse in nine ways and five severities.

    Args:
        classifier: What to measure.
        faces: Labelled faces.
        protocol: By which answers are right; at least one face must count by it.
        most: At most so many faces, drawn from those that count; each is looked at 46 times.
        seed: Of the draw and of what is random in the corruptions; each severity has draws of its own.
    """
    counted = np.flatnonzero(protocol.counts(faces))
    chosen = np.sort(np.random.default_rng(seed).choice(counted, min(most, len(counted)), replace=False))
    measured = faces[chosen]
    return Robustness(
        protocol=protocol.code,
        images=len(measured),
        seed=seed,
        clean=_accuracy(classifier, measured, protocol),
        worsened=tuple(_worsened(classifier, measured, protocol, way, seed + i) for i, way in enumerate(CORRUPTIONS)),
    )


def _worsened(
    classifier: Classifier, faces: LabelledFaces, protocol: Protocol, corruption: Corruption, seed: int
) -> Worsened:
    accuracy = []
    for severity in SEVERITIES:
        rng = np.random.default_rng([seed, severity])
        pixels = corruption(faces.gray(), severity, rng=rng)
        accuracy.append(_accuracy(classifier, replace(faces, crops=Crops(pixels)), protocol))
    return Worsened(corruption.name, corruption.unit, corruption.strengths, tuple(accuracy))


def _accuracy(classifier: Classifier, faces: LabelledFaces, protocol: Protocol) -> Estimate:
    answers = checked_probabilities(classifier, faces.gray(), [protocol.expressions])[protocol.expressions.name]
    return Estimate.of_proportion(int((answers.argmax(axis=1) == protocol.truth(faces)).sum()), len(faces))
