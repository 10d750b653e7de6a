"""Face detectors behind one small protocol: a picture in, the faces seen in it out."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mien.errors import DetectorError, choose_from
from mien.results import Detection

DETECTORS = ("mtcnn", "yunet", "none")
"""Names that `load_detector` knows; the first is the default."""


class Detector(Protocol):
    """Finds faces in a picture."""

    def __call__(self, image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """The faces in `image_rgb`, uint8 of shape (H, W, 3), upright; sorted by left edge, then by top edge."""


def load_detector(
    name: str, *, threads: int | None = None, yunet_model: Path | None = None, min_face_px: float | None = None
) -> Detector:
    """The detector called `name`, ready to be called.

    Args:
        name: `mtcnn` (the shipped networks), `yunet` (OpenCV's FaceDetectorYN on a model file of yours) or `none`
            (the picture is already a face crop).
        threads: Threads a detector may use; by default it decides itself. YuNet uses OpenCV's own.
        yunet_model: The ONNX model file for `yunet`.
        min_face_px: Side of the smallest face that `mtcnn` looks for; see there.

    Raises:
        DetectorError: The name is unknown, the model file for `yunet` is not given, missing or unreadable, or the
            detector cannot look for faces of `min_face_px`.
        MissingExtra: `yunet` without OpenCV.
        ModelError: A shipped network is missing or damaged.
    """
    # Imported here so that naming a detector loads neither onnxruntime nor OpenCV.
    if name == "mtcnn":
        from mien.detect.mtcnn import Mtcnn  # noqa: PLC0415

        return Mtcnn(threads=threads, min_face_px=min_face_px)
    if min_face_px is not None and name in DETECTORS:
        raise DetectorError(f"the detector {name!r} has no smallest face to set (--min-face); 'mtcnn' alone has")
    if name == "yunet":
        from mien.detect.yunet import YuNet  # noqa: PLC0415

        return YuNet(yunet_model)
    if name == "none":
        from mien.detect.whole import whole_picture  # noqa: PLC0415

        return whole_picture
    raise DetectorError(choose_from("face detector", name, DETECTORS))
