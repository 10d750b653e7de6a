"""No detection: the picture is already the crop of a face, as in the 48 × 48 data sets."""

import numpy as np
from numpy.typing import NDArray

from mien.results import Box, Detection


def whole_picture(image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
    """One face that covers `image_rgb`, uint8 of shape (H, W, 3); with score 1 and without landmarks."""
    height, width = image_rgb.shape[:2]
    return (Detection(Box(0.0, 0.0, float(width), float(height)), score=1.0),)
