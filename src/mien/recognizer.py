"""From a picture to its faces and their apparent expressions."""

from collections.abc import Iterable
from os import PathLike
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, load_detector
from mien.detect.whole import whole_picture
from mien.errors import DetectorError, PictureError
from mien.expressions import ExpressionSet
from mien.images import MAX_PIXELS, Picture, read_picture
from mien.model.package import load_model
from mien.preprocess import crop_face, fit_crop
from mien.results import Detection, Face, Prediction


class Recognizer:
    """Finds the faces of a picture and reads the apparent expression of each.

    Loading takes a moment; make one and keep it. One recognizer may serve several threads.

    Args:
        model: A shipped model's name, or the path of a model package.
        expressions: The name of one of the model's answers, of which `model.metadata.answers` has all; None for its
            first. The shipped models have `core4` (happy, sad, surprise, neutral), which is the first, `core4-fer2013`
            (the same, as FER2013 labels them), `fer7` and `ferplus8`.
        detector: `mtcnn`, `yunet`, `none` (each picture is one face crop already), or any detector of your own.
        threads: Threads that one call may use, at most as many as there are processors; None leaves it to ONNX Runtime.
        yunet_model: Path of the model file that the `yunet` detector needs.
        min_face_px: Side in pixels of the smallest face that `mtcnn` looks for, at least 20; None for a 28th of the
            square root of the picture's area, but at least 20. Small ones in large pictures take time and memory.
        max_pixels: Width times height above which a picture is refused; 64 million unless said otherwise.

    Raises:
        MienError: If the model, the set of expressions or the detector is unknown or cannot be loaded, or the detector
            cannot look for faces of `min_face_px`.

    Attributes:
        model: The loaded expression model; its `file` and `metadata` tell where it comes from.
        expressions: The set of expressions that predictions are about.
        detector: What finds the faces.
    """

    def __init__(
        self,
        model: str | Path = "base",
        *,
        expressions: str | None = None,
        detector: str | Detector = "mtcnn",
        threads: int | None = None,
        yunet_model: str | Path | None = None,
        min_face_px: float | None = None,
        max_pixels: int = MAX_PIXELS,
    ) -> None:
        self.model = load_model(model, threads=threads)
        name = self.model.metadata.default_answer if expressions is None else expressions
        self.expressions = ExpressionSet(name, self.model.metadata.answer(name).labels)
        if isinstance(detector, str):
            self.detector = load_detector(
                detector,
                threads=threads,
                yunet_model=Path(yunet_model) if yunet_model else None,
                min_face_px=min_face_px,
            )
        elif min_face_px is None:
            self.detector = detector
        else:
            raise DetectorError("min_face_px is for detector='mtcnn'; a detector of your own has settings of its own")
        self._max_pixels = max_pixels

    def recognize(self, picture: Picture) -> tuple[Face, ...]:
        """All faces of a picture, from left to right.

        Args:
            picture: A path, the bytes of a file, a binary file object, a PIL image, or a numpy array (uint8, RGB).

        Returns:
            One `Face` for each face found; none for a picture without a face.

        Raises:
            PictureError: If the picture cannot be read.
            DetectorError: If the detector fails on this picture, as `yunet` may.
        """
        image_rgb = read_picture(picture, max_pixels=self._max_pixels)
        detections = self.detector(image_rgb)
        predictions = self._predict([self._crop(image_rgb, found) for found in detections])
        return tuple(
            Face(found.box, found.landmarks, found.score, prediction)
            for found, prediction in zip(detections, predictions, strict=True)
        )

    def classify(self, crops: Iterable[Picture]) -> tuple[Prediction, ...]:
        """The apparent expression of pictures that are face crops already, framed as in FER2013.

        Args:
            crops: Pictures as in `recognize`, each of them one face, or an array (N, H, W) of
                grayscale crops. Answers do not depend on what else is asked for.

        Raises:
            PictureError: If one of the pictures cannot be read, or a single picture is given.
        """
        if _is_one_picture(crops):
            raise PictureError("classify takes several face crops and got one picture; put it into a list: [picture]")
        preprocessing = self.model.metadata.input
        return self._predict(
            [fit_crop(read_picture(crop, max_pixels=self._max_pixels), preprocessing) for crop in crops]
        )

    def _crop(self, image_rgb: NDArray[np.uint8], found: Detection) -> NDArray[np.uint8]:
        preprocessing = self.model.metadata.input
        if self.detector is whole_picture:
            return fit_crop(image_rgb, preprocessing)
        return crop_face(image_rgb, found, preprocessing)

    def _predict(self, crops: list[NDArray[np.uint8]]) -> tuple[Prediction, ...]:
        return self.model.predict(np.stack(crops), self.expressions.name) if crops else ()


def _is_one_picture(crops: object) -> bool:
    if isinstance(crops, np.ndarray):
        return crops.ndim < 3 or (crops.ndim == 3 and crops.shape[2] in (1, 3, 4))
    return isinstance(crops, str | PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(crops, "read")
