"""Pictures looked at in other ways up, and which of the faces found so are kept."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.detect.boxes import overlaps
from mien.detect.face_check import FACE_EVIDENCE
from mien.errors import ArgumentError
from mien.results import Box, Detection, Landmarks, Point

ROTATIONS = (90, 180, 270)
"""The ways up, in degrees, that may be tried besides the upright one."""

SAME_FACE = 0.5
"""Detections in different ways up are one face if they share more than this part of the smaller box."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A face that a detector found in one way up.

    Attributes:
        detection: Where it is in the picture itself.
        crop: Cut from the turned picture, so that it is upright.
        evidence: For an upright face in the crop; see `FaceCheck.evidence`.
    """

    detection: Detection
    crop: NDArray[np.uint8]
    evidence: float = 0.0


def checked_rotations(rotations: Iterable[int]) -> tuple[int, ...]:
    """The upright way, 0, and the others that were asked for, rising.

    Raises:
        ArgumentError: Something in `rotations` is neither 0 nor one of `ROTATIONS`, or it is no collection.
    """
    known = "rotations must be some of 90, 180 and 270"
    if isinstance(rotations, str) or not isinstance(rotations, Iterable):
        raise ArgumentError(f"{known}; got {rotations!r}")
    asked = tuple(rotations)
    for each in asked:
        if isinstance(each, bool) or each not in (0, *ROTATIONS):
            raise ArgumentError(f"{known}; got {each!r}")
    return tuple(sorted({0, *(int(each) for each in asked)}))


def turned(image_rgb: NDArray[np.uint8], rotation_deg: int) -> NDArray[np.uint8]:
    """The picture in which a face that is turned clockwise by so much is upright."""
    return np.ascontiguousarray(np.rot90(image_rgb, rotation_deg // 90)) if rotation_deg else image_rgb


def turned_back(found: Detection, rotation_deg: int, *, width: int, height: int) -> Detection:
    """A detection in `turned(picture, rotation_deg)`, in pixels of the picture, which is `width` × `height`."""
    if rotation_deg == 0:
        return found

    def back(point: Point) -> Point:
        x, y = point
        return {90: (width - y, x), 180: (width - x, height - y), 270: (y, height - x)}[rotation_deg]

    box, marks = found.box, found.landmarks
    (x0, y0), (x1, y1) = back((box.left, box.top)), back((box.right, box.bottom))
    points = marks and (marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right)
    return replace(
        found,
        box=Box(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1)),
        landmarks=Landmarks(*map(back, points)) if points else None,
        rotation_deg=rotation_deg,
    )


def best_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Of each face the candidate with most evidence, sorted by left edge, then by top edge.

    What was found only in a turned picture needs as much evidence as any crop to pass for a face. Two candidates of the
    same way up are two faces, whatever they share.
    """
    real = [each for each in candidates if each.detection.rotation_deg == 0 or each.evidence >= FACE_EVIDENCE]
    ranked = sorted(real, key=lambda each: (-each.evidence, each.detection.rotation_deg))
    if not ranked:
        return []
    shared = overlaps(np.array([each.detection.box.xyxy for each in ranked]), of="smaller")
    kept: list[int] = []
    for index, each in enumerate(ranked):
        rivals = [rank for rank in kept if ranked[rank].detection.rotation_deg != each.detection.rotation_deg]
        if not (shared[index, rivals] > SAME_FACE).any():
            kept.append(index)
    return sorted((ranked[index] for index in kept), key=lambda each: each.detection.box.xyxy[:2])
