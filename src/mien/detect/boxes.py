"""Arithmetic on many boxes at once, and what detectors make of them.

Boxes are float64 of shape (N, 4): left, top, right, bottom in pixels, right and bottom exclusive. A pixel is a square
of side 1 whose upper left corner has its whole-number coordinates, so width is right - left and nothing adds 1.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mien.results import Box, Detection, Landmarks

Boxes = NDArray[np.float64]


def overlaps(boxes: Boxes, of: Literal["union", "smaller"] = "union") -> NDArray[np.float64]:
    """Area shared by each two of `boxes`, relative to their union or to the smaller one; shape (N, N).

    A box without area overlaps nothing.
    """
    left, top, right, bottom = boxes.T
    wide = np.minimum.outer(right, right) - np.maximum.outer(left, left)
    high = np.minimum.outer(bottom, bottom) - np.maximum.outer(top, top)
    shared = np.maximum(wide, 0.0) * np.maximum(high, 0.0)
    area = np.maximum(right - left, 0.0) * np.maximum(bottom - top, 0.0)
    whole = np.minimum.outer(area, area) if of == "smaller" else np.add.outer(area, area) - shared
    return np.asarray(shared / np.where(whole > 0, whole, np.inf))


def non_maximum_suppression(
    boxes: Boxes, scores: NDArray[np.floating], threshold: float, of: Literal["union", "smaller"] = "union"
) -> NDArray[np.intp]:
    """Greedy non-maximum suppression: indices of the boxes kept, best first.

    A box goes if it overlaps a kept box of higher score by more than `threshold`. Of equal scores the earlier ranks
    higher.
    """
    order = np.argsort(-scores, kind="stable")
    # better[i, j]: box i ranks above box j and overlaps it too much.
    better = np.triu(overlaps(boxes[order], of) > threshold, k=1)
    kept: NDArray[np.bool_] = np.ones(len(order), dtype=np.bool_)
    # Whether a box stays depends on better ones alone, so each pass settles at least the next rank; few are needed.
    while True:
        revised = ~np.any(better[kept], axis=0)
        if np.array_equal(revised, kept):
            return order[kept]
        kept = revised


def apply_offsets(boxes: Boxes, offsets: NDArray[np.floating]) -> Boxes:
    """`boxes` with each edge moved by its offset, in units of the box's width or height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + offsets * np.tile(size, 2)


def square(boxes: Boxes) -> Boxes:
    """The squares with the same centres whose side is the longer of width and height."""
    centre = (boxes[:, :2] + boxes[:, 2:]) / 2
    half = np.max(boxes[:, 2:] - boxes[:, :2], axis=1, keepdims=True) / 2
    return np.hstack([centre - half, centre + half])


def clip(boxes: Boxes, *, width: float, height: float) -> Boxes:
    """`boxes` cut to a picture of `width` × `height` pixels."""
    return np.clip(boxes, 0.0, [width, height, width, height])


def visible_detections(
    boxes: Boxes, scores: NDArray[np.floating], points: NDArray[np.floating], *, width: int, height: int
) -> tuple[Detection, ...]:
    """Boxes as detections, cut to the picture and sorted by left edge, then by top edge.

    Boxes of which nothing lies in the picture are left out.

    Args:
        boxes: Shape (N, 4), in pixels of the picture.
        scores: Shape (N,), 0 to 1.
        points: The landmarks of each, in the order of `Landmarks`; shape (N, 5, 2).
        width: The picture's width in pixels.
        height: The picture's height in pixels.
    """
    boxes = clip(boxes, width=width, height=height)
    return tuple(
        Detection(Box(*boxes[i].tolist()), float(scores[i]), Landmarks(*((float(x), float(y)) for x, y in points[i])))
        for i in np.lexsort((boxes[:, 1], boxes[:, 0]))
        if (boxes[i, 2:] > boxes[i, :2]).all()
    )
