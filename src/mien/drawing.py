"""Draws on a picture where its faces are and what their expressions appear to be."""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import lru_cache
from math import ceil, floor, sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.errors import MienError, OutputError, PictureTooLarge
from mien.files import whole_file
from mien.images import FORMATS, MAX_PIXELS, SUFFIXES, Picture, read_picture, shown
from mien.results import Box, Face, percent

Color = tuple[int, int, int]

_BLACK: Color = (0, 0, 0)
_WHITE: Color = (255, 255, 255)
_ORANGE: Color = (230, 159, 0)
_BLUE: Color = (0, 114, 178)
_PURPLE: Color = (204, 121, 167)
_VERMILION: Color = (213, 94, 0)
_GREEN: Color = (0, 158, 115)
_SKY_BLUE: Color = (86, 180, 233)
_YELLOW: Color = (240, 228, 66)

COLORS: dict[str, Color] = {
    "happy": _ORANGE,
    "happiness": _ORANGE,
    "sad": _BLUE,
    "sadness": _BLUE,
    "surprise": _PURPLE,
    "neutral": _WHITE,
    "angry": _VERMILION,
    "anger": _VERMILION,
    "disgust": _GREEN,
    "fear": _SKY_BLUE,
    "contempt": _YELLOW,
}
"""Color of each expression, told apart with any color vision: Okabe and Ito, "Color Universal Design", 2008."""

_SMALLEST_FONT_PX = 10
_SHRINKING = (1.0, 0.8, 0.65, 0.5)
"""Font sizes, relative to the wished for, that are tried until a label finds a free place."""


def annotate(picture: Picture, faces: Iterable[Face], *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """A copy of the picture with a box, landmarks and a label for each face.

    The label gives the apparent expression and its probability; where the answer is uncertain it has a question mark
    and the box is dashed, and where the face probably shows another expression than those asked for, it names that.
    Sizes follow from the picture and the face, and labels keep off each other and off other faces while there is room.

    Args:
        picture: The picture that was recognized, in any form that `Recognizer.recognize` takes.
        faces: Its faces, such as a `PictureResult`; boxes in pixels of the upright picture.
        max_pixels: As the `Recognizer` was given.

    Returns:
        A new picture, upright, of mode RGB.

    Raises:
        PictureError: The picture cannot be read.
    """
    try:
        return _drawn(read_picture(picture, max_pixels=max_pixels), tuple(faces))
    except MemoryError as error:
        raise PictureTooLarge("memory ran out while a picture was drawn on; make it smaller") from error


def _drawn(image_rgb: NDArray[np.uint8], faces: tuple[Face, ...]) -> Image.Image:
    drawn = Image.fromarray(image_rgb)
    draw = ImageDraw.Draw(drawn)
    for face in faces:
        _draw_face(draw, face, _font_px(face, drawn.size))
    taken: list[Box] = []
    for face in faces:
        others = [other.box for other in faces if other is not face]
        label = _place(face, drawn.size, taken, others)
        _draw_label(draw, label, _color(face))
        taken.append(label.box)
    return drawn


def save_picture(picture: Image.Image | NDArray[np.uint8], path: str | os.PathLike[str]) -> None:
    """Writes the picture to `path`, in the format of its suffix.

    It is complete or not there at all: an existing file is replaced only by a whole one, and a link by the picture,
    which leaves alone what the link leads to.

    Args:
        picture: PIL image, or uint8 of shape (H, W, 3) in RGB order.
        path: Where to; its folder must exist.

    Raises:
        OutputError: The suffix is of no known format, or the file cannot be written.
    """
    image = Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture
    suffix = Path(path).suffix.lower()
    written_as = next((name for name, suffixes in FORMATS.items() if suffix in suffixes), None)
    if written_as is None:
        raise OutputError(
            f"{shown(path)}: no picture format has the suffix {suffix!r}; choose from {', '.join(SUFFIXES)}"
        )
    try:
        with whole_file(Path(path)) as file:
            (image if image.mode == "RGB" else image.convert("RGB")).save(file, format=written_as, quality=92)
    except (OSError, ValueError, MemoryError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or "memory ran out"
        raise OutputError(f"{shown(path)}: cannot be written ({reason}); check the folder and its space") from error


def _color(face: Face) -> Color:
    return COLORS.get(face.expression, _WHITE)


def _text(face: Face) -> str:
    doubt = "?" if face.uncertain else ""
    other = f" {face.prediction.other.expression}?" if face.prediction.other else ""
    return f"{face.expression}{doubt} {percent(face.confidence)}{other}"


def _font_px(face: Face, picture_size: tuple[int, int]) -> float:
    """Wished height of a face's label: a part of the face, but neither lost in the picture nor filling it."""
    side = sqrt(picture_size[0] * picture_size[1])
    smallest = max(_SMALLEST_FONT_PX, min(0.02 * side, 0.5 * _short_side(face)))
    return min(max(0.16 * _short_side(face), smallest), max(0.045 * side, smallest))


def _short_side(face: Face) -> float:
    return min(face.box.width, face.box.height)


def _draw_face(draw: ImageDraw.ImageDraw, face: Face, font_px: float) -> None:
    """The box and the landmarks, in the expression's color with a black edge that shows on any background."""
    color = _color(face)
    line = max(1, round(min(font_px / 8, _short_side(face) / 12)))
    left, top = floor(face.box.left), floor(face.box.top)
    right, bottom = max(left, ceil(face.box.right) - 1), max(top, ceil(face.box.bottom) - 1)
    edge = min(max(1, line // 3), (right - left) // 2, (bottom - top) // 2)
    draw.rectangle((left, top, right, bottom), outline=_BLACK, width=line + 2 * edge)
    dash = 5 * line if face.uncertain else max(right - left, bottom - top) + 1
    for stretch in _dashes((left + edge, top + edge, right - edge, bottom - edge), line, dash):
        draw.rectangle(stretch, fill=color)
    radius = max(1.0, _short_side(face) / 60)
    for x, y in astuple(face.landmarks) if face.landmarks else ():
        draw.circle((x, y), radius + edge, fill=_BLACK)
        draw.circle((x, y), radius, fill=color)


def _dashes(outline: tuple[int, int, int, int], line: int, dash: int) -> Iterator[tuple[int, int, int, int]]:
    """The stretches of a dashed rectangle, corners inclusive; dashes and the gaps between them are equally long."""
    left, top, right, bottom = outline
    for x in range(left, right + 1, 2 * dash):
        end = min(x + dash - 1, right)
        yield x, top, end, min(top + line - 1, bottom)
        yield x, max(bottom - line + 1, top), end, bottom
    for y in range(top, bottom + 1, 2 * dash):
        end = min(y + dash - 1, bottom)
        yield left, y, min(left + line - 1, right), end
        yield max(right - line + 1, left), y, right, end


@dataclass(frozen=True, slots=True)
class _Label:
    text: str
    font: ImageFont.FreeTypeFont
    box: Box


def _place(face: Face, picture_size: tuple[int, int], taken: Sequence[Box], others: Sequence[Box]) -> _Label:
    """The label where it covers least of labels already `taken` and of `others`, smaller only if that helps."""

    def covers(label: _Label) -> tuple[float, bool]:
        return sum(_overlap(label.box, box) for box in (*taken, *others)), _overlap(label.box, face.box) > 0

    wished_px = _font_px(face, picture_size)
    sizes_px = [round(max(_SMALLEST_FONT_PX, wished_px * shrinking)) for shrinking in _SHRINKING]
    return min((label for size_px in sizes_px for label in _candidates(face, size_px, picture_size)), key=covers)


def _candidates(face: Face, font_px: int, picture_size: tuple[int, int]) -> Iterator[_Label]:
    """The label above and below the box, flush with its left or right side, moved into the picture where it is not."""
    text = _text(face)
    too_wide = _label_width(text, font_px) / picture_size[0]
    if too_wide > 1:  # in a picture as small as a face crop: better tiny than cut off
        font_px = max(6, floor(font_px / too_wide))
    width, height = _label_width(text, font_px), ceil(1.3 * font_px)
    for y in (floor(face.box.top) - height, ceil(face.box.bottom)):
        for x in (floor(face.box.left), ceil(face.box.right) - width):
            left = max(0, min(x, picture_size[0] - width))
            top = max(0, min(y, picture_size[1] - height))
            yield _Label(text, _font(font_px), Box(left, top, left + width, top + height))


def _label_width(text: str, font_px: int) -> int:
    return ceil(_font(font_px).getlength(text) + 0.6 * font_px)


def _draw_label(draw: ImageDraw.ImageDraw, label: _Label, color: Color) -> None:
    box = label.box
    draw.rectangle((box.left, box.top, box.right - 1, box.bottom - 1), fill=color, outline=_BLACK)
    middle = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    draw.text(middle, label.text, fill=_readable_on(color), font=label.font, anchor="mm")


def _readable_on(color: Color) -> Color:
    """Black or white, whichever stands out more; weights of red, green and blue as in ITU-R BT.601."""
    brightness = np.dot(color, (0.299, 0.587, 0.114))
    return _BLACK if brightness > 128 else _WHITE


@lru_cache(maxsize=32)
def _font(size_px: int) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(size_px)
    if not isinstance(font, ImageFont.FreeTypeFont):
        raise MienError("drawing labels needs Pillow with FreeType; install Pillow from PyPI: pip install pillow")
    return font


def _overlap(one: Box, other: Box) -> float:
    """Area in square pixels that two boxes share."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return max(0.0, width) * max(0.0, height)
