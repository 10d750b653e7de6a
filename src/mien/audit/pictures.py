"""Faces of a class in one picture."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from mien.report.plots import png

SHEET_COLUMNS, SHEET_ROWS = 8, 4
_PAPER = 255
_ENLARGED = 2


def class_picture(groups: Sequence[NDArray[np.uint8]], sample: NDArray[np.uint8]) -> bytes:
    """The mean of each group, enlarged, above a sheet of a sample, as PNG; each uint8 of shape (N, H, W)."""
    means = (Image.fromarray(mean_face(group)) for group in groups)
    width, height = (_ENLARGED * (side + 1) for side in sample.shape[:0:-1])
    sheet = face_sheet(sample)
    picture = Image.new("L", (max(sheet.shape[1], width * len(groups)), height + len(sheet)), _PAPER)
    for number, mean in enumerate(means):
        picture.paste(mean.resize((width - 2, height - 2)), (number * width, 0))
    picture.paste(Image.fromarray(sheet), (0, height))
    return png(np.asarray(picture))


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
