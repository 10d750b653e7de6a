"""How much accuracy is lost where pictures get worse."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.classifiers import Classifier, checked, collected
from mien.evaluate.protocols import Protocol
from mien.preprocess import Crops
from mien.stats import SEED, Estimate

SEVERITIES = (1, 2, 3, 4, 5)

_MID_GRAY = 128
_UNITS = 48  # distances are in 48ths of a face's side, which are pixels of FER2013's

Face = NDArray[np.uint8]
Worsen = Callable[[Face, float, np.random.Generator], Face]


@dataclass(frozen=True, slots=True)
class Corruption:
    """One way in which faces get worse.

    Attributes:
        name: Its name.
        unit: What its strengths are.
        strengths: Strength at each of `SEVERITIES`.
        worsen: Gives a face of shape (H, W) or (H, W, 3), made worse by a strength; what is random comes from the
            generator.
    """

    name: str
    unit: str
    strengths: tuple[float, ...]
    worsen: Worsen

    def __call__(self, crops: Crops, severity: int, *, rng: np.random.Generator) -> Crops:
        """The faces made worse: uint8 of the shapes of `crops`, which stay as they are."""
        strength = self.strengths[SEVERITIES.index(severity)]
        return collected([self.worsen(face, strength, rng) for face in crops])


def _noise(face: Face, deviation: float, rng: np.random.Generator) -> Face:
    return _as_pixels(face + rng.normal(0, deviation, face.shape))


def _blur(face: Face, radius: float, _: np.random.Generator) -> Face:
    return np.asarray(Image.fromarray(face).filter(ImageFilter.GaussianBlur(_in_px(radius, face))))


def _jpeg(face: Face, quality: float, _: np.random.Generator) -> Face:
    file = BytesIO()
    Image.fromarray(face).save(file, format="JPEG", quality=round(quality))
    return np.asarray(Image.open(file, formats=("JPEG",)))


def _contrast(face: Face, factor: float, _: np.random.Generator) -> Face:
    mean = float(face.mean())
    return _as_pixels((face - mean) * factor + mean)


def _brightness(face: Face, change: float, rng: np.random.Generator) -> Face:
    return _as_pixels(face + change * _sign(rng))


def _occlusion(face: Face, side: float, rng: np.random.Generator) -> Face:
    side_px, covered = round(_in_px(side, face)), face.copy()
    top, left = (int(rng.integers(size - side_px + 1)) for size in face.shape[:2])
    covered[top : top + side_px, left : left + side_px] = _MID_GRAY
    return covered


def _rotation(face: Face, degrees: float, rng: np.random.Generator) -> Face:
    margin = max(face.shape[:2]) // 2  # no turn shows what lies beyond it
    beyond = [(margin, margin), (margin, margin), (0, 0)][: face.ndim]
    padded = Image.fromarray(np.pad(face, beyond, mode="edge"))
    turned = np.asarray(padded.rotate(degrees * _sign(rng), Image.Resampling.BICUBIC))
    return np.ascontiguousarray(turned[margin:-margin, margin:-margin])


def _shift(face: Face, distance: float, rng: np.random.Generator) -> Face:
    angle, distance_px = rng.uniform(0, 2 * np.pi), _in_px(distance, face)
    down, right = round(distance_px * np.sin(angle)), round(distance_px * np.cos(angle))
    height, width = face.shape[:2]
    rows, columns = (np.arange(size) for size in (height, width))
    shifted: Face = face[np.clip(rows - down, 0, height - 1)][:, np.clip(columns - right, 0, width - 1)]
    return shifted


def _low_resolution(face: Face, side: float, _: np.random.Generator) -> Face:
    image = Image.fromarray(face)
    small = [max(1, round(side / _UNITS * size)) for size in image.size]
    return np.asarray(
        image.resize((small[0], small[1]), Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)
    )


CORRUPTIONS = (
    Corruption("noise", "standard deviation in gray levels", (10, 15, 20, 30, 40), _noise),
    Corruption("blur", "radius of the Gaussian in 48ths of the side", (0.5, 0.75, 1.0, 1.5, 2.0), _blur),
    Corruption("JPEG", "quality", (60, 40, 25, 15, 8), _jpeg),
    Corruption("contrast", "share of the contrast that is left", (0.75, 0.5, 0.4, 0.3, 0.15), _contrast),
    Corruption("brightness", "gray levels brighter or darker", (25, 50, 75, 100, 125), _brightness),
    Corruption("occlusion", "side of a gray square in 48ths of the face's", (8, 12, 16, 20, 24), _occlusion),
    Corruption("rotation", "degrees to either side", (5, 10, 15, 20, 30), _rotation),
    Corruption("shift", "48ths of the side in any direction", (2, 3, 4, 6, 8), _shift),
    Corruption("low resolution", "48ths of the side in pixels before enlarging", (32, 24, 18, 14, 10), _low_resolution),
)


def _in_px(distance: float, face: Face) -> float:
    """A distance in 48ths of the shorter side, in pixels."""
    shorter: int = min(face.shape[:2])
    return distance / _UNITS * shorter


def _sign(rng: np.random.Generator) -> float:
    return float(rng.choice([-1.0, 1.0]))


def _as_pixels(values: NDArray[np.floating[Any]]) -> Face:
    pixels: Face = np.clip(np.rint(values), 0, 255).astype(np.uint8)
    return pixels


@dataclass(frozen=True, slots=True)
class CorruptionResult:
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
        corruptions: Accuracy on them made worse, by corruption.
    """

    protocol: str
    images: int
    seed: int
    clean: Estimate
    corruptions: tuple[CorruptionResult, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over all corruptions and severities."""
        return sum(row.mean for row in self.corruptions) / len(self.corruptions)


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

    Raises:
        ModelError: If the classifier cannot be asked, or not about this protocol's expressions.
    """
    counted = np.flatnonzero(protocol.counts(faces))
    chosen = np.sort(np.random.default_rng(seed).choice(counted, min(most, len(counted)), replace=False))
    measured = faces[chosen]
    target = protocol.target(measured)

    def accuracy(crops: Crops) -> Estimate:
        given = checked(classifier.predict(crops), len(crops), [protocol.expressions])[protocol.expressions.name]
        return Estimate.of_proportion(int((given.argmax(axis=1) == target).sum()), len(target))

    def worse(corruption: Corruption, severity: int, own_seed: int) -> Estimate:
        return accuracy(corruption(measured.crops, severity, rng=np.random.default_rng([own_seed, severity])))

    return Robustness(
        protocol=protocol.code,
        images=len(measured),
        seed=seed,
        clean=accuracy(measured.crops),
        corruptions=tuple(
            CorruptionResult(
                way.name, way.unit, way.strengths, tuple(worse(way, severity, seed + i) for severity in SEVERITIES)
            )
            for i, way in enumerate(CORRUPTIONS)
        ),
    )
