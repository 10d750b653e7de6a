"""Which parts of a face an answer rests on, found by covering them; it needs nothing of the network but its answers."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

PATCH_PX = 12
STRIDE_PX = 6


def occlusion_map(
    probability: Callable[[NDArray[np.uint8]], NDArray[np.float64]], face: NDArray[np.uint8]
) -> NDArray[np.float64]:
    """By how much an answer's probability falls where a part of the face is covered.

    A square of the face's mean grey is moved over the face; each pixel gets the mean fall over the squares that cover
    it. Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.

    Args:
        probability: Gives the answer's probability, of shape (N,), for faces of shape (N, H, W).
        face: uint8 of shape (H, W).

    Returns:
        float64 of shape (H, W), -1 to 1; above 0 where what was covered speaks for the answer.
    """
    tops, lefts = (np.arange(0, size - PATCH_PX + 1, STRIDE_PX) for size in face.shape)
    corners = [(top, left) for top in tops for left in lefts]
    covered = np.repeat(face[None], len(corners) + 1, axis=0)
    for copy, (top, left) in zip(covered[1:], corners, strict=True):
        copy[top : top + PATCH_PX, left : left + PATCH_PX] = round(float(face.mean()))
    whole, *parts = probability(covered)
    falls, squares = np.zeros(face.shape), np.zeros(face.shape)
    for part, (top, left) in zip(parts, corners, strict=True):
        falls[top : top + PATCH_PX, left : left + PATCH_PX] += whole - part
        squares[top : top + PATCH_PX, left : left + PATCH_PX] += 1
    return falls / np.maximum(squares, 1)
