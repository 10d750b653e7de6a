"""How bright, contrasty and sharp faces are."""

import numpy as np
from numpy.typing import NDArray

MEASURES = ("brightness", "contrast", "sharpness")


def measure_quality(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """`MEASURES` of each face, in gray levels.

    Brightness is the mean of a face's gray levels, contrast their standard deviation, sharpness that of its discrete
    Laplacian: low where a face is blurred or enlarged. The square of the last is the measure of Pech-Pacheco et al.,
    "Diatom autofocusing in brightfield microscopy", ICPR 2000.

    Args:
        pixels: uint8 of shape (N, H, W), at least 3 px on each side.

    Returns:
        float64 of shape (N, 3).
    """
    measured = np.empty((len(pixels), len(MEASURES)))
    # Face by face: the deviations of all at once would take eight bytes a pixel.
    for index, face in enumerate(pixels):
        gray = face.astype(np.float64)
        around = gray[:-2, 1:-1] + gray[2:, 1:-1] + gray[1:-1, :-2] + gray[1:-1, 2:]
        measured[index] = gray.mean(), gray.std(), (around - 4 * gray[1:-1, 1:-1]).std()
    return measured
