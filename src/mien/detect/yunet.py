"""OpenCV's FaceDetectorYN on a YuNet model file the user has; mien ships none."""

import os
from hashlib import sha256
from math import sqrt
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.detect.boxes import visible_detections
from mien.detect.pyramid import shrink
from mien.errors import ArgumentError, DetectorError, MissingExtra, first_line
from mien.results import Detection

SCORE_THRESHOLD = 0.7
OVERLAP_THRESHOLD = 0.3
CANDIDATES = 1000
WORK_PIXELS = 1_250_000
"""Larger pictures are scaled down first; YuNet was trained on faces of 10 to 300 px and misses larger ones."""
WORK_SIDE_PX = 5000
"""So are longer ones, since OpenCV fills up the shorter side, too, to a multiple of 32."""


class YuNet:
    """Faces by YuNet, with OpenCV's own threads.

    Source: Wu et al., "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20 (5), 2023.

    An instance may be called from several threads, which wait for one another, and goes into other processes by pickle.

    Attributes:
        sha256: Checksum of the model file, in hexadecimal.
    """

    def __init__(self, model: str | PathLike[str]) -> None:
        """Load a model file.

        Args:
            model: Path of such as `face_detection_yunet_2023mar.onnx` of OpenCV's model zoo.

        Raises:
            DetectorError: The file is missing, or OpenCV cannot load it.
            ArgumentError: `model` is no path.
            MissingExtra: OpenCV is not installed.
        """
        if not isinstance(model, str | PathLike):
            raise ArgumentError(f"model must be the path of a YuNet ONNX file; got {model!r}")
        try:
            content = Path(model).read_bytes()
        except OSError as error:
            raise DetectorError(f"cannot read the YuNet model {model}: {error.strerror}; check the path") from error
        self.sha256 = sha256(content).hexdigest()
        try:
            import cv2  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra.for_feature("the detector 'yunet'", "yunet", error) from error
        try:
            self._network = cv2.FaceDetectorYN.create(
                str(model), "", (320, 320), SCORE_THRESHOLD, OVERLAP_THRESHOLD, CANDIDATES
            )
            # OpenCV takes any network, and only running it tells whether it is one of these.
            self._network.detect(np.zeros((320, 320, 3), dtype=np.uint8))
        except cv2.error as error:
            message = f"OpenCV cannot load {model} (SHA-256 {self.sha256}) as a YuNet model; it needs the ONNX file"
            raise DetectorError(message) from error
        self._error = cv2.error
        self._model, self._process = Path(model).absolute(), os.getpid()
        # The input size is set before each picture, so two threads must not share the network at once.
        self._one_at_a_time = Lock()

    def __call__(self, image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """The faces in `image_rgb`, uint8 of shape (H, W, 3), upright; sorted by left edge, then by top edge.

        Raises:
            DetectorError: OpenCV fails on this picture, or this process was forked after the detector was made.
        """
        if (
            os.getpid() != self._process
        ):  # OpenCV's threads have stayed behind, and it would wait for them without an end
            raise DetectorError("the detector 'yunet' does not work in a forked process; make it there, or pickle it")
        height, width = image_rgb.shape[:2]
        work = shrink(image_rgb, min(sqrt(WORK_PIXELS / (height * width)), WORK_SIDE_PX / max(height, width)))
        work_height, work_width = work.shape[:2]
        try:
            with self._one_at_a_time:
                self._network.setInputSize((work_width, work_height))
                _, rows = self._network.detect(np.ascontiguousarray(work[:, :, ::-1]))
        except self._error as error:
            message = f"the detector 'yunet' failed on {width} x {height} pixels ({first_line(error)}); try mtcnn"
            raise DetectorError(message) from error
        if rows is None:
            return ()
        return detections(rows, scale=(width / work_width, height / work_height), size=(width, height))

    def __repr__(self) -> str:
        return f"YuNet({self._model.name})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._model,)


def detections(rows: NDArray[Any], *, scale: tuple[float, float], size: tuple[int, int]) -> tuple[Detection, ...]:
    """What FaceDetectorYN answered, as detections in pixels of the original picture.

    Args:
        rows: Shape (N, 15): left, top, width, height, five points (x, y), score. OpenCV's right eye, the person's,
            comes first: the picture's left.
        scale: By what x and y are multiplied.
        size: Width and height of the picture that boxes are clipped to.
    """
    numbers = rows.astype(np.float64)
    places = numbers[:, :14].reshape(-1, 7, 2) * scale
    places[:, 1] += places[:, 0]
    boxes = places[:, :2].reshape(-1, 4)
    return visible_detections(boxes, numbers[:, 14], places[:, 2:], width=size[0], height=size[1])
