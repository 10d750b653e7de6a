"""From a face in a picture to the model's input: the one copy that training, evaluation and inference share."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, ceil, cos, degrees, floor, sin
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.results import Box, Detection


@dataclass(frozen=True, slots=True)
class Framing:
    """How much of a face a crop shows, relative to a detector's box.

    Attributes:
        scale: Side of the square crop divided by the mean of the box's width and height.
        shift_down: How far the crop's centre lies below the box's centre, in units of the crop's side.
        upright: Whether the crop is rotated so that the line through the eyes is level.
    """

    scale: float = 1.0
    shift_down: float = 0.0
    upright: bool = False


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a model's input is made of; read from the model file's metadata.

    Attributes:
        size_px: Side of the square input.
        mean: Subtracted from pixel values of 0 to 255.
        std: Divides what is left.
        framing: Where the crop lies around a detected face.
        colour: `grayscale` (ITU-R 601 luma) or `rgb`.
        resampling: `area`, the only one there is so far.

    Raises:
        ValueError: If a value makes no sense, or is of a kind this version cannot do.
    """

    size_px: int
    mean: float
    std: float
    framing: Framing = Framing()
    colour: str = "grayscale"
    resampling: str = "area"

    def __post_init__(self) -> None:
        if not (isinstance(self.size_px, int) and self.size_px > 0 and self.std > 0 and self.framing.scale > 0):
            raise ValueError(f"size, standard deviation and scale must be above 0; got {self}")
        if self.colour not in ("grayscale", "rgb") or self.resampling != "area":
            raise ValueError(f"{self.colour} by {self.resampling} cannot be done; only grayscale or rgb by area")


def crop_face(image_rgb: NDArray[np.uint8], detection: Detection, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The grayscale crop of one detected face, resampled by area.

    What lies beyond the picture repeats its border.

    Args:
        image_rgb: uint8 of shape (H, W, 3).
        detection: Where the face is, in pixels of `image_rgb`.
        preprocessing: Size and framing of the crop.

    Returns:
        uint8 of shape (size_px, size_px).
    """
    square = _frame(detection, preprocessing.framing)
    if preprocessing.framing.upright and detection.landmarks:
        tilt_rad = _tilt(detection)
        reach = _grow(square, abs(cos(tilt_rad)) + abs(sin(tilt_rad)))
        patch = _resample(image_rgb, reach, round(preprocessing.size_px * reach.width / square.width * 2))
        turned = patch.rotate(degrees(tilt_rad), Image.Resampling.BICUBIC)
        edge = (patch.width - preprocessing.size_px * 2) / 2
        inner = (edge, edge, patch.width - edge, patch.height - edge)
        sides = (preprocessing.size_px, preprocessing.size_px)
        return np.asarray(turned.resize(sides, Image.Resampling.BOX, inner))
    return np.asarray(_resample(image_rgb, square, preprocessing.size_px))


def fit_crop(image_rgb: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """A picture that is a face crop already, as a grayscale crop of the model's size.

    Args:
        image_rgb: uint8 of shape (H, W, 3).
        preprocessing: Size of the crop; its framing does not apply.

    Returns:
        uint8 of shape (size_px, size_px). A picture that is not square is squeezed, as data sets of crops are.
    """
    grey = Image.fromarray(image_rgb).convert("L")
    sides = (preprocessing.size_px, preprocessing.size_px)
    return np.asarray(grey if grey.size == sides else grey.resize(sides, Image.Resampling.BOX))


def fit_crops(
    crops: NDArray[np.uint8] | Sequence[NDArray[np.uint8]], preprocessing: Preprocessing
) -> NDArray[np.uint8]:
    """Pictures that are face crops already, in the model's size and color.

    Args:
        crops: uint8, each gray (H, W) or RGB (H, W, 3), of any size; an array, or a sequence, which may have all of
            them as one array in its attribute `stacked`.
        preprocessing: Size and color; its framing does not apply.

    Returns:
        uint8 of shape (N, size_px, size_px), in color (N, size_px, size_px, 3): `crops` itself where it fits.
    """
    side, mode = preprocessing.size_px, "RGB" if preprocessing.colour == "rgb" else "L"
    shape = (side, side, 3) if mode == "RGB" else (side, side)
    stacked: NDArray[np.uint8] | None = crops if isinstance(crops, np.ndarray) else getattr(crops, "stacked", None)
    if stacked is not None and stacked.shape[1:] == shape:
        return stacked
    fitted = np.empty((len(crops), *shape), dtype=np.uint8)
    for index, crop in enumerate(crops):
        image = Image.fromarray(crop)
        image = image if image.mode == mode else image.convert(mode)
        fitted[index] = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BOX)
    return fitted


def normalize(pixels: Any, preprocessing: Preprocessing) -> Any:
    """Pixel values of 0 to 255 on the scale that the model was trained on; floats, in an array or a tensor."""
    return (pixels - preprocessing.mean) / preprocessing.std


def model_input(crops: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Crops of shape (N, size_px, size_px), uint8, as a float32 batch of shape (N, 1, size_px, size_px)."""
    faces: NDArray[np.float32] = normalize(crops[:, None].astype(np.float32), preprocessing)
    return faces


def _frame(detection: Detection, framing: Framing) -> Box:
    box = detection.box
    side = framing.scale * (box.width + box.height) / 2
    centre_x = (box.left + box.right) / 2
    centre_y = (box.top + box.bottom) / 2 + framing.shift_down * side
    return Box(centre_x - side / 2, centre_y - side / 2, centre_x + side / 2, centre_y + side / 2)


def _tilt(detection: Detection) -> float:
    """Angle in radians by which the line through the eyes falls to the right."""
    if detection.landmarks is None:
        return 0.0
    (left_x, left_y), (right_x, right_y) = detection.landmarks.left_eye, detection.landmarks.right_eye
    return atan2(right_y - left_y, right_x - left_x)


def _grow(square: Box, factor: float) -> Box:
    more = square.width * (factor - 1) / 2
    return Box(square.left - more, square.top - more, square.right + more, square.bottom + more)


def _resample(image_rgb: NDArray[np.uint8], square: Box, size_px: int) -> Image.Image:
    """The grayscale picture inside `square`, `size_px` wide and high, by area."""
    left, top, right, bottom = floor(square.left), floor(square.top), ceil(square.right), ceil(square.bottom)
    rows = np.clip(np.arange(top, max(bottom, top + 1)), 0, image_rgb.shape[0] - 1)
    columns = np.clip(np.arange(left, max(right, left + 1)), 0, image_rgb.shape[1] - 1)
    grey = Image.fromarray(image_rgb[rows][:, columns]).convert("L")
    region = (square.left - left, square.top - top, square.right - left, square.bottom - top)
    return grey.resize((size_px, size_px), Image.Resampling.BOX, region)
