"""From what a detector's network answered to what a detector answers."""

import numpy as np
from numpy.typing import NDArray

from mien.detect.boxes import Boxes, clip
from mien.results import Box, Detection, Landmarks


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
