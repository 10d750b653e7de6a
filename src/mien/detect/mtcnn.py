"""The three-stage cascade MTCNN, run with onnxruntime."""

from collections.abc import Sequence
from functools import partial
from itertools import product
from math import inf, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.detect.boxes import Boxes, apply_offsets, non_maximum_suppression, square, visible_detections
from mien.detect.pyramid import ImageRgb, level, octaves, shrink
from mien.errors import ArgumentError, DetectorError
from mien.model.session import new_session
from mien.model.shipped import read_shipped
from mien.results import Detection

SMALLEST_FACE_PX = 20.0
FACES_ACROSS = 28
"""By default the smallest face looked for is the square root of the picture's area divided by this."""

WORK_FACE_PX = 40.0
"""Pictures whose smallest face would be larger are scaled down first, until it has this side."""

PYRAMID_FACTOR = 0.709  # halves the area from level to level
WINDOW_PX, STRIDE_PX, MARGIN_PX = 12, 2, 2  # of P-net: what it sees, how it steps, what it adds at each border
REFINE_PX, OUTPUT_PX = 24, 48

LARGE_FACE = 0.2
"""A face is large whose side is over this part of the square root of the picture's area."""

PROPOSAL_SCORE, REFINED_SCORE, FINAL_SCORE = 0.6, 0.7, 0.9
LARGE_PROPOSAL_SCORE, LARGE_REFINED_SCORE, LARGE_FINAL_SCORE = 0.4, 0.7, 0.6
# Large faces have few places to be, so a lower score will do; every false face on faceless pictures was small.

WITHIN_LEVEL, BETWEEN_LEVELS, REFINED_OVERLAP, FINAL_OVERLAP = 0.5, 0.7, 0.7, 0.7
CANDIDATES_PER_LEVEL = 1000
CANDIDATES = 600
CROPS_AT_ONCE = 256

TILE_PX = 512
"""P-net is given longer levels in tiles of this side, which bounds the memory it takes; answers are the same."""

REGION_PX = 1200
"""The other networks are given parts of pictures with a larger area than the square of this, for the same reason."""


class Mtcnn:
    """Faces and five landmarks by MTCNN.

    Source: Zhang et al., "Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks", IEEE
    Signal Processing Letters 23 (10), 2016.

    Time and memory are bounded whatever the picture's size, unless `min_face_px` says otherwise: the smallest face
    looked for grows with the picture, and a picture of more than (28 × 40)² = 1.25 million pixels is scaled down to
    that first. An instance may be called from several threads at once, goes into other processes by pickle, and works
    in those that were forked.
    """

    def __init__(self, *, threads: int | None = None, min_face_px: float | None = None) -> None:
        """Load the three networks.

        Args:
            threads: Threads that one call may use; None leaves it to ONNX Runtime.
            min_face_px: Side of the smallest face to look for, at least 20; by default a 28th of the square root of
                the picture's area, or 20 if that is more.

        Raises:
            DetectorError: `min_face_px` is out of range.
            ArgumentError: It, or `threads`, has the wrong type; or `threads` is less than 1.
            ModelError: A network's file is missing or damaged.
        """
        if min_face_px is not None:
            if isinstance(min_face_px, bool) or not isinstance(min_face_px, int | float):
                raise ArgumentError(f"min_face_px must be a number or None; got {min_face_px!r}")
            if not SMALLEST_FACE_PX <= min_face_px < inf:
                raise DetectorError(f"min_face_px must be {SMALLEST_FACE_PX:g} or more; got {min_face_px:g}")
        self._pnet, self._rnet, self._onet = (
            new_session(read_shipped(f"mtcnn-{name}.onnx"), threads=threads) for name in ("pnet", "rnet", "onet")
        )
        self._threads, self._min_face_px = threads, min_face_px

    def __repr__(self) -> str:
        smallest = "" if self._min_face_px is None else f"min_face_px={self._min_face_px:g}"
        return f"Mtcnn({smallest})"

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), threads=self._threads, min_face_px=self._min_face_px), ()

    def __call__(self, image_rgb: ImageRgb) -> tuple[Detection, ...]:
        """The faces in `image_rgb`, uint8 of shape (H, W, 3), upright; sorted by left edge, then by top edge."""
        height, width = image_rgb.shape[:2]
        pictures, levels = self.pyramid(image_rgb)
        boxes = self.refine(pictures, self.propose(levels, pictures[0].shape))
        boxes, scores, points = self.finish(pictures, boxes)
        to_image = np.array([width / pictures[0].shape[1], height / pictures[0].shape[0]])
        return visible_detections(boxes * np.tile(to_image, 2), scores, points * to_image, width=width, height=height)

    def landmarks_of_crops(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Landmarks of faces that are cut out already, by the third stage alone.

        Args:
            crops: Grayscale, uint8, of shape (N, S, S), each with a face that fills it.

        Returns:
            Shape (N, 5, 2), x and y in pixels of the crop, in the order of `Landmarks`; NaN where no face is seen.
        """
        side = crops.shape[1]
        found = [np.zeros((0, 5, 2))]
        for start in range(0, len(crops), CROPS_AT_ONCE):
            part = crops[start : start + CROPS_AT_ONCE]
            column = np.repeat(part.reshape(-1, side, 1), 3, axis=2)  # one below the other, as one picture
            tops = side * np.arange(len(part), dtype=np.float64)
            boxes = np.stack([np.zeros_like(tops), tops, np.full_like(tops, side), tops + side], axis=1)
            _, landmarks, scores = _on_crops(self._onet, [column], boxes, OUTPUT_PX)
            points = side * landmarks.reshape(-1, 2, 5).transpose(0, 2, 1).astype(np.float64)
            points[scores[:, 0] <= LARGE_FINAL_SCORE] = np.nan
            found.append(points)
        return np.concatenate(found)

    def pyramid(self, image_rgb: ImageRgb) -> tuple[list[ImageRgb], list[ImageRgb]]:
        """The picture to work on with its octaves, and the levels for P-net, largest first."""
        smallest_px = max(SMALLEST_FACE_PX, self._min_face_px or _side(image_rgb.shape) / FACES_ACROSS)
        pictures = octaves(shrink(image_rgb, WORK_FACE_PX / smallest_px), REFINE_PX)
        scale = WINDOW_PX / min(smallest_px, WORK_FACE_PX)
        levels = []
        while min(pictures[0].shape[:2]) * scale + 2 * MARGIN_PX >= WINDOW_PX:
            levels.append(level(pictures, scale))
            scale *= PYRAMID_FACTOR
        return pictures, levels

    def propose(self, levels: list[ImageRgb], shape: tuple[int, ...]) -> Boxes:
        """First stage: squares that may hold a face, in pixels of a picture of `shape`, best first."""
        parts = [self._propose_at(scaled, shape) for scaled in levels]
        if not parts:
            return np.zeros((0, 4))
        windows, scores, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
        kept = non_maximum_suppression(windows, scores, BETWEEN_LEVELS)[:CANDIDATES]
        return square(apply_offsets(windows[kept], offsets[kept]))

    def _propose_at(self, scaled: ImageRgb, shape: tuple[int, ...]) -> tuple[Boxes, NDArray[Any], NDArray[Any]]:
        to_picture = np.array([shape[1] / scaled.shape[1], shape[0] / scaled.shape[0]])
        large = _are_large(WINDOW_PX * to_picture[0], shape)
        least = LARGE_PROPOSAL_SCORE if large else PROPOSAL_SCORE
        corners, scores, offsets = self._likely_windows(scaled, least)
        best = np.argsort(-scores, kind="stable")[:CANDIDATES_PER_LEVEL]
        windows = np.hstack([corners[best], corners[best] + WINDOW_PX]) * np.tile(to_picture, 2)
        kept = non_maximum_suppression(windows, scores[best], WITHIN_LEVEL)
        return windows[kept], scores[best][kept], offsets[best][kept]

    def _likely_windows(self, scaled: ImageRgb, least: float) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
        """What P-net scores over `least`, from top to bottom: corners in pixels, scores and offsets."""
        parts = []
        tiles = list(product(_tiles(scaled.shape[0]), _tiles(scaled.shape[1])))
        for number, ((top, rows), (left, columns)) in enumerate(tiles, start=1):
            tile = np.ascontiguousarray(scaled[top : top + TILE_PX, left : left + TILE_PX])
            offsets, scores = self._pnet.run(None, {"image": tile}, gives_back=number == len(tiles) > 1)
            offsets, scores = offsets[0, :, rows, columns], scores[0, 0, rows, columns]
            found = np.nonzero(scores > least)
            first = np.array([left // STRIDE_PX + (columns.start or 0), top // STRIDE_PX + (rows.start or 0)])
            parts.append((np.stack(found[::-1], axis=1) + first, scores[found], offsets[:, *found].T))
        places, scores, offsets = (np.concatenate(part) for part in zip(*parts, strict=True))
        order = np.lexsort(places.T)
        return places[order] * STRIDE_PX - MARGIN_PX, scores[order], offsets[order]

    def refine(self, pictures: list[ImageRgb], boxes: Boxes) -> Boxes:
        """Second stage: those of the squares `boxes` that hold a face, moved closer to it, best first."""
        offsets, scores = _on_crops(self._rnet, pictures, boxes, REFINE_PX)
        large = _are_large(boxes[:, 2] - boxes[:, 0], pictures[0].shape)
        likely = scores[:, 0] > np.where(large, LARGE_REFINED_SCORE, REFINED_SCORE)
        boxes = apply_offsets(boxes[likely], offsets[likely])
        return square(boxes[non_maximum_suppression(boxes, scores[likely, 0], REFINED_OVERLAP)])

    def finish(self, pictures: list[ImageRgb], boxes: Boxes) -> tuple[Boxes, NDArray[Any], NDArray[Any]]:
        """Third stage: boxes, scores of shape (N,) and landmarks of shape (N, 5, 2), best first."""
        offsets, landmarks, scores = _on_crops(self._onet, pictures, boxes, OUTPUT_PX)
        large = _are_large(boxes[:, 2] - boxes[:, 0], pictures[0].shape)
        likely = scores[:, 0] > np.where(large, LARGE_FINAL_SCORE, FINAL_SCORE)
        boxes, scores = boxes[likely], scores[likely, 0]
        size = (boxes[:, 2:] - boxes[:, :2])[:, None]
        points = boxes[:, None, :2] + size * landmarks[likely].reshape(-1, 2, 5).transpose(0, 2, 1)
        boxes = apply_offsets(boxes, offsets[likely])
        kept = non_maximum_suppression(boxes, scores, FINAL_OVERLAP, of="smaller")
        return boxes[kept], scores[kept], points[kept]


def _are_large(sides_px: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which of some sides are those of large faces in a picture of `shape`."""
    return np.asarray(sides_px > LARGE_FACE * _side(shape))


def _side(shape: tuple[int, ...]) -> float:
    """Side of the square with the area of a picture of `shape`."""
    return sqrt(shape[0] * shape[1])


def _tiles(side_px: int) -> list[tuple[int, slice]]:
    """Where tiles of a level start along a side, and which of P-net's windows in each are to be taken.

    Windows that reach over a border within the picture are those of the tile on its other side, which overlaps.
    """
    step = TILE_PX - (WINDOW_PX - MARGIN_PX)
    starts = range(0, max(1, side_px - (WINDOW_PX - MARGIN_PX)), step)
    last = starts[-1]
    inner = (TILE_PX - WINDOW_PX + MARGIN_PX) // STRIDE_PX + 1
    return [(start, slice(1 if start else 0, None if start == last else inner)) for start in starts]


def _on_crops(session: Any, pictures: Sequence[ImageRgb], boxes: Boxes, crop_px: int) -> list[NDArray[np.float32]]:
    """What a network answers for square `boxes`, each cut from the octave where its side is 1 to 2 times `crop_px`."""
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], 1.0)  # a regression may turn a box inside out
    halvings = np.clip(np.floor(np.log2(sides / crop_px)), 0, len(pictures) - 1).astype(int)
    order: list[NDArray[np.intp]] = []
    parts = []
    for n, picture in enumerate(pictures):
        for chosen in _near_another(picture, np.flatnonzero(halvings == n), boxes / 2**n):
            part, inside = _part_around(picture, boxes[chosen] / 2**n)
            parts.append(session.run(None, {"image": part, "boxes": inside.astype(np.float32)}))
            order.append(chosen)
    if not parts:
        parts.append(session.run(None, {"image": pictures[-1], "boxes": np.zeros((0, 4), np.float32)}))
        order.append(np.zeros(0, np.intp))
    back = np.argsort(np.concatenate(order), kind="stable")
    return [np.concatenate(outputs)[back] for outputs in zip(*parts, strict=True)]


def _near_another(picture: ImageRgb, chosen: NDArray[np.intp], boxes: Boxes) -> list[NDArray[np.intp]]:
    """The boxes chosen in groups that a network is given at once: in a large picture, those of one region."""
    if _side(picture.shape) <= REGION_PX:
        groups = [chosen] if len(chosen) else []
    else:
        places = (boxes[chosen, :2] // REGION_PX).astype(int)
        _, which = np.unique(places, axis=0, return_inverse=True)
        groups = [chosen[which.ravel() == n] for n in range(which.max(initial=-1) + 1)]
    return [group[start : start + CROPS_AT_ONCE] for group in groups for start in range(0, len(group), CROPS_AT_ONCE)]


def _part_around(picture: ImageRgb, boxes: Boxes) -> tuple[ImageRgb, Boxes]:
    """The part of a large picture that holds `boxes`, and the boxes in its pixels; of another, the whole."""
    if _side(picture.shape) <= REGION_PX:
        return picture, boxes
    height, width = picture.shape[:2]
    margin = 2  # more than is looked at between pixels
    left, top = (max(0, int(low) - margin) for low in np.floor(boxes[:, :2].min(axis=0)))
    right, bottom = (int(high) + margin for high in np.ceil(boxes[:, 2:].max(axis=0)))
    left, top = min(left, width - 1), min(top, height - 1)
    part = picture[top : max(bottom, top + 1), left : max(right, left + 1)]
    return np.ascontiguousarray(part), boxes - np.array([left, top, left, top])
