"""Face detectors behind one small protocol: a picture in, the faces seen in it out."""

from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from mien._lazy import lazy_names
from mien.errors import DetectorError, choose_from
from mien.results import Box, Detection

if TYPE_CHECKING:
    from mien.detect.face_check import FaceCheck
    from mien.detect.mtcnn import Mtcnn
    from mien.detect.yunet import YuNet

__all__ = ["DETECTORS", "Detector", "FaceCheck", "Mtcnn", "YuNet", "load_detector", "whole_picture"]

DETECTORS = ("mtcnn", "yunet", "none")
"""Names of detectors; the first is the default."""

# On first use, so that naming a detector loads neither onnxruntime nor OpenCV.
__getattr__, __dir__ = lazy_names(__name__, {"FaceCheck": "face_check", "Mtcnn": "mtcnn", "YuNet": "yunet"})


class Detector(Protocol):
    """Finds faces in a picture."""

    def __call__(self, image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """The faces in `image_rgb`, uint8 of shape (H, W, 3), upright; sorted by left edge, then by top edge."""


def whole_picture(image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
    """No detection: the picture is the crop of one face already, as in the 48 × 48 data sets.

    Args:
        image_rgb: uint8 of shape (H, W, 3).

    Returns:
        One face that covers it, with score 1 and without landmarks.
    """
    height, width = image_rgb.shape[:2]
    return (Detection(Box(0.0, 0.0, float(width), float(height)), score=1.0, is_crop=True),)


def load_detector(name: str, *, threads: int | None = None) -> Detector:
    """The detector called `name`, as it is without options; one with options is made by its class.

    Args:
        name: `mtcnn` (the shipped networks) or `none` (the picture is already a face crop).
        threads: Threads that one call of the detector may use; None leaves it to ONNX Runtime.

    Raises:
        DetectorError: The name is unknown, or `yunet`, which needs a model file.
        ModelError: A shipped network is missing or damaged.
    """
    if name == "mtcnn":
        from mien.detect.mtcnn import Mtcnn  # noqa: PLC0415  naming a detector loads no onnxruntime

        return Mtcnn(threads=threads)
    if name == "none":
        return whole_picture
    if name == "yunet":
        raise DetectorError("the detector 'yunet' needs a model file; give YuNet(model=...) instead of its name")
    raise DetectorError(choose_from("face detector", name, DETECTORS))
