"""Faces as pictures that stand in the page itself."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

SHEET_COLUMNS, SHEET_ROWS = 8, 4
_PAPER = 255


def picture_uri(pixels: NDArray[np.uint8]) -> str:
    """A PNG as a data URI; pixels uint8 of shape (H, W)."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return "data:image/png;base64," + b64encode(file.getvalue()).decode()


def mean_face(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The mean of one face or more, its darkest pixel black and its brightest white; uint8 of shape (N, H, W)."""
    mean = Image.fromarray(pixels.mean(axis=0).round().astype(np.uint8))
    return np.asarray(ImageOps.autocontrast(mean))


def face_sheet(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The first faces of some side by side, `SHEET_COLUMNS` in a row, at most `SHEET_ROWS` rows.

    Args:
        pixels: uint8 of shape (N, H, W), at least one face.
    """
    shown = pixels[: SHEET_COLUMNS * SHEET_ROWS]
    _, height, width = shown.shape
    rows = -(-len(shown) // SHEET_COLUMNS)
    sheet = np.full((rows * SHEET_COLUMNS, height + 1, width + 1), _PAPER, dtype=np.uint8)
    sheet[: len(shown), :-1, :-1] = shown
    sheet = sheet.reshape(rows, SHEET_COLUMNS, height + 1, width + 1)
    return sheet.transpose(0, 2, 1, 3).reshape(rows * (height + 1), -1)
