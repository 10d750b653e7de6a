"""Pixel values of every kind become RGB of 8 bits: the rules that files, PIL images and arrays share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import PictureError


def to_rgb8(pixels: NDArray[Any], *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """Grayscale, RGB or RGBA pixels as uint8 RGB of shape (H, W, 3); transparent parts are laid on white.

    Args:
        pixels: Shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); bool, uint8, uint16, or floats from 0 to 1.
        name: What to call the picture in errors.
        max_pixels: Most pixels it may have.

    Raises:
        PictureError: The shape, type, range or number of pixels is not as above.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"{name}: must have the shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), channels last; got {pixels.shape}"
        )
    check_size(pixels.shape[1], pixels.shape[0], name=name, max_pixels=max_pixels)
    pixels8 = _to_uint8(pixels if pixels.ndim == 3 else pixels[:, :, None], name)
    if pixels8.shape[2] == 4:
        return _on_white(pixels8)
    return np.ascontiguousarray(np.broadcast_to(pixels8, (*pixels8.shape[:2], 3)))


def check_size(width: int, height: int, *, name: str, max_pixels: int) -> None:
    """Raises `PictureError` for a picture without pixels or with more than `max_pixels`."""
    if width == 0 or height == 0:
        raise PictureError(f"{name}: has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise PictureError(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels}; make it smaller"
        )


def _to_uint8(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    match pixels.dtype.kind, pixels.dtype.itemsize:
        case "u", 1:
            return pixels
        case "u", 2:
            return (pixels >> 8).astype(np.uint8)
        case "b", _:
            return pixels.astype(np.uint8) * np.uint8(255)
        case "f", _:
            low, high = float(pixels.min()), float(pixels.max())
            if not (low >= 0 and high <= 1):  # so that NaN is refused too
                raise PictureError(f"{name}: float pixels must lie between 0 and 1; got {low:g} to {high:g}")
            rounded: NDArray[np.uint8] = np.rint(pixels * 255).astype(np.uint8)
            return rounded
    raise PictureError(f"{name}: pixels must be bool, uint8, uint16 or float; got {pixels.dtype}")


def _on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    mixed = rgba[:, :, :3] * alpha
    mixed += 255 * (255 - alpha)
    mixed += 127  # so that the division rounds
    mixed //= 255
    return mixed.astype(np.uint8)
