"""Faces in a report: as PNG, many on one sheet, their mean, and what an answer rests on. Pillow and NumPy alone."""

from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

SHEET_COLUMNS, SHEET_ROWS = 8, 4
"""Faces of a plain sheet, side by side and one below the other."""

_PAPER = 255
_ENLARGED = 2

_SIDE_PX, _CAPTION_PX, _CAPTIONED_COLUMNS = 120, 40, 5

Pixels = NDArray[np.uint8]


def png(pixels: Pixels) -> bytes:
    """A picture as PNG; uint8 of shape (H, W) or (H, W, 3)."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()


def heat_map(values: NDArray[np.float64]) -> bytes:
    """Values of shape (H, W) as PNG, in colors that grow lighter from 0 to the greatest; below 0 counts as 0."""
    from matplotlib import colormaps  # noqa: PLC0415 - an optional dependency

    scaled = np.clip(values, 0, None) / max(float(values.max()), 1e-9)
    colors: Pixels = colormaps["cividis"](scaled, bytes=True)[..., :3]
    return png(colors)


def class_sheet(groups: Sequence[Pixels], sample: Pixels) -> bytes:
    """The mean of each group, enlarged, above a sheet of a sample, as PNG; each uint8 of shape (N, H, W)."""
    means = (Image.fromarray(mean_face(group)) for group in groups)
    width, height = (_ENLARGED * (side + 1) for side in sample.shape[:0:-1])
    sheet = face_sheet(sample)
    picture = Image.new("L", (max(sheet.shape[1], width * len(groups)), height + len(sheet)), _PAPER)
    for number, mean in enumerate(means):
        picture.paste(mean.resize((width - 2, height - 2)), (number * width, 0))
    picture.paste(Image.fromarray(sheet), (0, height))
    return png(np.asarray(picture))


def mean_face(pixels: Pixels) -> Pixels:
    """The mean of one face or more, its darkest pixel black and its brightest white; uint8 of shape (N, H, W)."""
    mean = Image.fromarray(pixels.mean(axis=0).round().astype(np.uint8))
    return np.asarray(ImageOps.autocontrast(mean))


def face_sheet(pixels: Pixels) -> Pixels:
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


def captioned_sheet(faces: Sequence[Pixels], captions: Sequence[str]) -> bytes:
    """Faces enlarged to one size, each above its caption of one or two lines, as PNG.

    Args:
        faces: uint8 arrays of shape (H, W) or (H, W, 3), of any size.
        captions: One for each face.
    """
    rows = max(1, -(-len(faces) // _CAPTIONED_COLUMNS))
    color = any(face.ndim == 3 for face in faces)
    size = (_CAPTIONED_COLUMNS * _SIDE_PX, rows * (_SIDE_PX + _CAPTION_PX))
    sheet = Image.new("RGB" if color else "L", size, "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for position, (face, caption) in enumerate(zip(faces, captions, strict=True)):
        left = position % _CAPTIONED_COLUMNS * _SIDE_PX
        top = position // _CAPTIONED_COLUMNS * (_SIDE_PX + _CAPTION_PX)
        side = _SIDE_PX - 4
        sheet.paste(Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC), (left, top))
        draw.multiline_text((left + 4, top + _SIDE_PX + 4), caption, fill="black", font=font)
    return png(np.asarray(sheet))
