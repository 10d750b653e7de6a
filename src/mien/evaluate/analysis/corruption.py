"""Nine ways in which a picture of a face gets worse, each in five severities.

They are made after those of ImageNet-C, with strengths fit for faces of 48 pixels. Source: Hendrycks and Dietterich,
"Benchmarking neural network robustness to common corruptions and perturbations", ICLR 2019.
"""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

Pixels = NDArray[np.uint8]

SEVERITIES = (1, 2, 3, 4, 5)

_MID_GREY = 128


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
        face[top : top + side, left : left + side] = _MID_GREY
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
    Corruption("noise", "standard deviation in grey levels", (10, 15, 20, 30, 40), _noise),
    Corruption("blur", "radius of the Gaussian in pixels", (0.5, 0.75, 1.0, 1.5, 2.0), _blur),
    Corruption("JPEG", "quality", (60, 40, 25, 15, 8), _jpeg),
    Corruption("contrast", "share of the contrast that is left", (0.75, 0.5, 0.4, 0.3, 0.15), _contrast),
    Corruption("brightness", "grey levels brighter or darker", (25, 50, 75, 100, 125), _brightness),
    Corruption("occlusion", "side in pixels of a grey square", (8, 12, 16, 20, 24), _occlusion),
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
