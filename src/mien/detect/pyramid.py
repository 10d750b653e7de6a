"""Pictures made smaller for detection, each pixel the average of the area it covers."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ImageRgb = NDArray[np.uint8]
"""uint8 of shape (H, W, 3), RGB."""


def shrink(image_rgb: ImageRgb, scale: float) -> ImageRgb:
    """`image_rgb` at `scale`, or itself where that is 1 or more."""
    if scale >= 1:
        return image_rgb
    height, width = image_rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(Image.fromarray(image_rgb).resize(size, Image.Resampling.BOX))


def octaves(image_rgb: ImageRgb, smallest_px: int) -> list[ImageRgb]:
    """`image_rgb` and its half, quarter and so on, until the next would have a side under `smallest_px`.

    An odd side leaves half a pixel at the right or lower border of the next octave, so coordinates halve exactly.
    """
    found = [image_rgb]
    while min(found[-1].shape[:2]) >= 2 * smallest_px:
        found.append(np.asarray(Image.fromarray(found[-1]).reduce(2)))
    return found


def level(pictures: list[ImageRgb], scale: float) -> ImageRgb:
    """The picture whose octaves are given, at `scale` of 1 or less, made from the smallest octave that is no smaller.

    Its sides are whole pixels, so the scale that was reached differs a little between width and height.
    """
    height, width = pictures[0].shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    halvings = 0
    while halvings + 1 < len(pictures) and scale <= 0.5 ** (halvings + 1):
        halvings += 1
    covered = (0.0, 0.0, width / 2**halvings, height / 2**halvings)
    source = Image.fromarray(pictures[halvings])
    return np.asarray(source.resize(size, Image.Resampling.BILINEAR, box=covered))
