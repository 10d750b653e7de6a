"""From a face in a picture to the model's input: the one copy that training, evaluation and inference share."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import atan2, ceil, cos, degrees, floor, sin
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.results import Box, Detection, Landmarks

FIVE_POINTS = ((0.3419, 0.4616), (0.6565, 0.4598), (0.5002, 0.6405), (0.3710, 0.8247), (0.6315, 0.8232))
"""Where eyes, nose and corners of the mouth of an aligned face lie, as shares of the crop's side.

These are the usual places of face recognition at 112 px. Source: Deng et al., "ArcFace", CVPR 2019.
"""

Crops = NDArray[np.uint8] | Sequence[NDArray[np.uint8]]
"""Face crops of any size, gray (H, W) or RGB (H, W, 3): stacked in one array, or one by one."""

_MODES = {"gray": "L", "rgb": "RGB"}


@dataclass(frozen=True, slots=True)
class Framing:
    """How much of a face a crop shows.

    Attributes:
        kind: `box` places the crop by the detector's box. `five-point` places, turns and scales it so that the five
            landmarks come as close as they can to `FIVE_POINTS`; a face without landmarks is framed by its box.
        scale: Shorter side of the crop divided by the mean of the box's width and height; by five points, how much
            larger the part shown is than that of which `FIVE_POINTS` are shares.
        shift_down: How far the crop's center lies below the box's, or the aligned one's, in units of that side.
        upright: Whether a crop by the box is rotated so that the line through the eyes is level; by five points it is.
    """

    scale: float = 1.0
    shift_down: float = 0.0
    upright: bool = False
    kind: Literal["box", "five-point"] = "box"

    def __post_init__(self) -> None:
        if not self.scale > 0:
            raise ValueError(f"scale must be above 0; got {self.scale}")
        if self.kind not in ("box", "five-point"):
            raise ValueError(f"framing by {self.kind!r} cannot be done; only by box or five-point")


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What a model's input is made of; read from the model file's metadata.

    Attributes:
        height: Of the input, in pixels.
        width: Likewise.
        channels: `gray` (ITU-R 601 luma) or `rgb`.
        mean: For each channel, subtracted from pixel values of 0 to 255.
        std: For each channel, divides what is left.
        framing: Where the crop lies around a detected face.
        resampling: `area`, the only one there is so far.

    Raises:
        ValueError: If a value makes no sense, or is of a kind this version cannot do.
    """

    height: int
    width: int
    channels: Literal["gray", "rgb"]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    framing: Framing = Framing()
    resampling: Literal["area"] = "area"

    def __post_init__(self) -> None:
        if self.channels not in _MODES or self.resampling != "area":
            raise ValueError(f"{self.channels} by {self.resampling} cannot be done; only gray or rgb, by area")
        if not (self.height > 0 and self.width > 0 and all(std > 0 for std in self.std)):
            raise ValueError(f"height, width and standard deviations must be above 0; got {self}")
        if not len(self.mean) == len(self.std) == self.channel_count:
            raise ValueError(f"{self.channels} takes {self.channel_count} means and standard deviations; got {self}")

    @property
    def channel_count(self) -> int:
        """1 or 3."""
        return 1 if self.channels == "gray" else 3

    @property
    def crop_shape(self) -> tuple[int, ...]:
        """The shape of one fitted crop: (height, width) in gray, (height, width, 3) in RGB."""
        return (self.height, self.width) if self.channels == "gray" else (self.height, self.width, 3)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """The shape of one face as the network takes it: (channels, height, width)."""
        return (self.channel_count, self.height, self.width)


def crop_face(image_rgb: NDArray[np.uint8], detection: Detection, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """The crop of one detected face, resampled by area.

    What lies beyond the picture repeats its border.

    Args:
        image_rgb: uint8 of shape (H, W, 3).
        detection: Where the face is, in pixels of `image_rgb`.
        preprocessing: Size, color and framing of the crop.

    Returns:
        uint8 of shape `preprocessing.crop_shape`.
    """
    sides = (preprocessing.width, preprocessing.height)
    mode = _MODES[preprocessing.channels]
    frame, tilt_rad = _frame(detection, preprocessing)
    if tilt_rad is None:
        return np.asarray(_resample(image_rgb, frame, sides, mode))
    # Twice the size, so that turning it blurs little.
    reach = _reach(frame, tilt_rad)
    of_width, of_height = reach.width / frame.width, reach.height / frame.height
    patch = _resample(image_rgb, reach, (round(sides[0] * of_width * 2), round(sides[1] * of_height * 2)), mode)
    turned = patch.rotate(degrees(tilt_rad), Image.Resampling.BICUBIC)
    left, top = (patch.width - sides[0] * 2) / 2, (patch.height - sides[1] * 2) / 2
    inner = (left, top, patch.width - left, patch.height - top)
    return np.asarray(turned.resize(sides, Image.Resampling.BOX, inner))


def fit_crops(crops: Crops, preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """Pictures that are face crops already, in the model's size and color.

    Args:
        crops: uint8, each gray (H, W) or RGB (H, W, 3), of any size; an array, or a sequence, which may have all of
            them as one array in its attribute `stacked`.
        preprocessing: Size and color; its framing does not apply.

    Returns:
        uint8 of shape (N, *crop_shape): `crops` itself where it fits, or the array that it has in `stacked`. A crop of
        other proportions is squeezed, as data sets of crops are.
    """
    stacked: NDArray[np.uint8] | None = crops if isinstance(crops, np.ndarray) else getattr(crops, "stacked", None)
    if stacked is not None and stacked.shape[1:] == preprocessing.crop_shape:
        return stacked
    fitted = np.empty((len(crops), *preprocessing.crop_shape), dtype=np.uint8)
    for index, crop in enumerate(crops):
        fitted[index] = fit_crop(crop, preprocessing)
    return fitted


def fit_crop(crop: NDArray[np.uint8], preprocessing: Preprocessing) -> NDArray[np.uint8]:
    """One crop as `fit_crops` fits it: uint8 of shape `preprocessing.crop_shape`."""
    image = _in_mode(crop, _MODES[preprocessing.channels])
    sides = (preprocessing.width, preprocessing.height)
    return np.asarray(image if image.size == sides else image.resize(sides, Image.Resampling.BOX))


def normalize(pixels: Any, preprocessing: Preprocessing) -> Any:
    """Pixel values of 0 to 255 on the scale that the model was trained on.

    Args:
        pixels: Floats of shape (N, C, H, W), in an array or a tensor; the result is of the same kind.
        preprocessing: Mean and standard deviation of each channel.
    """
    if len(preprocessing.mean) == 1:
        return (pixels - preprocessing.mean[0]) / preprocessing.std[0]
    mean, std = (_by_channel(values, pixels) for values in (preprocessing.mean, preprocessing.std))
    return (pixels - mean) / std


def model_input(crops: Crops, preprocessing: Preprocessing) -> NDArray[np.float32]:
    """Crops as in `fit_crops` as a float32 batch of shape (N, channels, height, width)."""
    fitted = fit_crops(crops, preprocessing)
    planes = fitted[:, None] if preprocessing.channels == "gray" else fitted.transpose(0, 3, 1, 2)
    faces: NDArray[np.float32] = normalize(np.ascontiguousarray(planes, dtype=np.float32), preprocessing)
    return faces


def _by_channel(values: tuple[float, ...], pixels: Any) -> Any:
    """One value for each channel, in the form of `pixels`."""
    if isinstance(pixels, np.ndarray):
        return np.asarray(values, dtype=pixels.dtype).reshape(-1, 1, 1)
    return pixels.new_tensor(values).reshape(-1, 1, 1)  # a tensor, of a library that inference does without


def _frame(detection: Detection, preprocessing: Preprocessing) -> tuple[Box, float | None]:
    """The crop before it is turned, and the angle in radians to turn it by; None leaves it as it is."""
    framing, marks = preprocessing.framing, detection.landmarks
    box = detection.box
    if framing.kind == "five-point" and marks:
        center_x, center_y, side, tilt_rad = _aligned(marks)
        frame = _around(center_x, center_y, side, preprocessing)
        down = framing.shift_down * framing.scale * side
        return _moved(frame, -down * sin(tilt_rad), down * cos(tilt_rad)), tilt_rad
    side = (box.width + box.height) / 2
    center_y = (box.top + box.bottom) / 2 + framing.shift_down * framing.scale * side
    frame = _around((box.left + box.right) / 2, center_y, side, preprocessing)
    return frame, _tilt(marks) if framing.upright and marks else None


def _around(center_x: float, center_y: float, side: float, preprocessing: Preprocessing) -> Box:
    """A rectangle of the input's proportions whose shorter side is `side` times the framing's scale."""
    shorter = min(preprocessing.width, preprocessing.height)
    unit = preprocessing.framing.scale * side
    width, height = unit * (preprocessing.width / shorter), unit * (preprocessing.height / shorter)
    return Box(center_x - width / 2, center_y - height / 2, center_x + width / 2, center_y + height / 2)


def _moved(frame: Box, right: float, down: float) -> Box:
    return Box(frame.left + right, frame.top + down, frame.right + right, frame.bottom + down)


def _aligned(marks: Landmarks) -> tuple[float, float, float, float]:
    """Center, side and tilt of the square that brings a face's landmarks as near to `FIVE_POINTS` as can be.

    The similarity with the least squared distances. Source: Umeyama, "Least-squares estimation of transformation
    parameters between two point patterns", IEEE PAMI 13, 1991; in complex numbers, where it is one division and never
    a reflection.

    Returns:
        x and y of the center and the side in pixels of the picture, and the angle in radians by which the face is
        turned clockwise.
    """
    points = (marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right)
    target = np.array([complex(x, y) for x, y in FIVE_POINTS])
    found = np.array([complex(x, y) for x, y in points])
    from_mean = target - target.mean()
    turn = complex(np.vdot(from_mean, found - found.mean()) / np.vdot(from_mean, from_mean).real)
    center = complex(found.mean()) + turn * complex(0.5 + 0.5j - target.mean())
    return center.real, center.imag, max(abs(turn), 1.0), atan2(turn.imag, turn.real)


def _tilt(marks: Landmarks) -> float:
    """Angle in radians by which the line through the eyes falls to the right."""
    (left_x, left_y), (right_x, right_y) = marks.left_eye, marks.right_eye
    return atan2(right_y - left_y, right_x - left_x)


def _reach(frame: Box, tilt_rad: float) -> Box:
    """What must be there for `frame` to be whole after it was turned about its center."""
    across, along = abs(cos(tilt_rad)), abs(sin(tilt_rad))
    width = max(frame.width, frame.width * across + frame.height * along)
    height = max(frame.height, frame.height * across + frame.width * along)
    more_x, more_y = (width - frame.width) / 2, (height - frame.height) / 2
    return Box(frame.left - more_x, frame.top - more_y, frame.right + more_x, frame.bottom + more_y)


def _resample(image_rgb: NDArray[np.uint8], frame: Box, sides: tuple[int, int], mode: str) -> Image.Image:
    """The picture inside `frame`, `sides` wide and high, by area, in PIL's `mode`."""
    left, top, right, bottom = floor(frame.left), floor(frame.top), ceil(frame.right), ceil(frame.bottom)
    rows = np.clip(np.arange(top, max(bottom, top + 1)), 0, image_rgb.shape[0] - 1)
    columns = np.clip(np.arange(left, max(right, left + 1)), 0, image_rgb.shape[1] - 1)
    image = _in_mode(image_rgb[rows][:, columns], mode)
    region = (frame.left - left, frame.top - top, frame.right - left, frame.bottom - top)
    return image.resize(sides, Image.Resampling.BOX, region)


def _in_mode(pixels: NDArray[np.uint8], mode: str) -> Image.Image:
    """An array of shape (H, W) or (H, W, 3) as a picture in gray or color."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    return image if image.mode == mode else image.convert(mode)
