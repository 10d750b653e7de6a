"""Pictures in: whatever holds a picture becomes upright RGB, and every limit on bad input lives here."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import ArgumentError, PictureError, PictureTooLarge, UnsupportedPicture
from mien.formats import FORMATS, SUFFIXES, FloatTiff, check_size, decoded, open_image

__all__ = [
    "FORMATS",
    "MAX_BYTES",
    "MAX_PIXELS",
    "SUFFIXES",
    "Picture",
    "check_max_pixels",
    "open_file",
    "picture_size",
    "read_picture",
    "read_stream",
    "refuse_url",
    "shown",
    "to_rgb8",
]

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]
"""A path, the bytes of a picture file, a binary file object, a PIL image, or an array in RGB order."""

MAX_PIXELS = 64_000_000
"""Most pixels a picture may have unless the caller says otherwise: cameras of full frame have up to 61 million.

What memory that takes at its peak is in docs/reliability.md."""

MAX_BYTES = 8 * MAX_PIXELS
"""Most bytes a file or stream may have: what `MAX_PIXELS` take with 16 bits and transparency and no compression."""

_BYTES_AT_ONCE = 1 << 20

_BAND_PIXELS = 1 << 20
"""So many pixels are converted at once, so that a large picture takes little more memory than its pixels."""

_OVERSHOOT = 1e-3
"""How far floats may lie outside of 0 to 1, as rounding leaves them; they are clipped."""

_EXIF_ORIENTATION = 0x0112
_AS_STORED: dict[int, Callable[[NDArray[Any]], NDArray[Any]]] = {
    2: np.fliplr,
    3: lambda pixels: np.rot90(pixels, 2),
    4: np.flipud,
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: np.rot90,
    7: lambda pixels: np.rot90(pixels, 2).swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels, -1),
}
"""By EXIF orientation, a view of upright pixels as they lie in the file."""


def read_picture(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The picture, upright, as RGB.

    A file's type is told from its first bytes, not from its name; of an animation or a document the first picture is
    taken. EXIF orientation is applied, transparent parts are laid on white, 16-bit values are scaled to 8 bits, and
    embedded color profiles are ignored. Arrays may be grayscale, RGB or RGBA, of shape (H, W), (H, W, 1), (H, W, 3)
    or (H, W, 4), and hold bool, uint8, uint16, or floats from 0 to 1. A file object is read from where it stands.

    Args:
        picture: Path, bytes, binary file object, PIL image or array. Web addresses are not fetched.
        max_pixels: Width times height above which a picture is refused before it is decoded.

    Returns:
        uint8 of shape (H, W, 3). It may share memory with `picture` and may be read-only.

    Raises:
        PictureTooLarge: It has more than `max_pixels`; a file or file object also where it has more than `MAX_BYTES`.
        UnsupportedPicture: It is of no known format, or has pixels of a kind whose black and white are not known.
        PictureError: It is missing, unreadable, empty or damaged.
        ArgumentError: `max_pixels` is not a whole number above 0.
    """
    check_max_pixels(max_pixels)
    match picture:
        case np.ndarray():
            return to_rgb8(picture, name="picture from an array", max_pixels=max_pixels)
        case Image.Image():
            return _from_pil(picture, "picture from a PIL image", max_pixels)
        case bytes() | bytearray() | memoryview():
            return _decode(BytesIO(bytes(picture)), "picture from bytes", max_pixels)
        case str() | os.PathLike():
            with open_file(picture) as file:
                return _decode(file, shown(picture), max_pixels)
        case _ if hasattr(picture, "read"):
            return _decode(BytesIO(_rest_of(picture)), "picture from a file object", max_pixels)
    raise PictureError(
        "a picture must be a path, bytes, a binary file object, a PIL image or a NumPy array; "
        f"got {type(picture).__name__}"
    )


def picture_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height in pixels of the picture in a file, as stored: EXIF may turn it. Only its header is read.

    Raises:
        PictureError: The file is missing, unreadable, empty, of no known format, or its header is damaged; or a WebP
            has more than `MAX_PIXELS`.
    """
    name = shown(path)
    with open_file(path) as file, _explained(name):
        return open_image(file, name, MAX_PIXELS).size


def shown(path: str | os.PathLike[str]) -> str:
    """The path as messages show it: on one line, without control characters, and not endless."""
    text = os.fsdecode(path)
    if len(text) > 300:
        text = f"{text[:150]}…{text[-100:]}"
    return text if text.isprintable() and text else repr(text)


def open_file(path: str | os.PathLike[str]) -> IO[bytes]:
    """The file at `path`, open for reading bytes; raises `PictureError` where that cannot be."""
    name = shown(path)
    refuse_url(path)
    if not os.fsdecode(path):  # which Path takes for the current folder
        raise PictureError("an empty path names no picture; give the path of one")
    try:
        file = Path(os.fsdecode(path))
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise PictureError(f"{name}: is {what}; give the path of a picture")
        _check_bytes(status.st_size, name)
        return file.open("rb")
    except FileNotFoundError as error:
        raise PictureError(f"{name}: no such file; check the path") from error
    except PermissionError as error:
        raise PictureError(f"{name}: may not be read; check its permissions") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PictureError(f"{name}: cannot be opened ({reason}); check the path") from error


def refuse_url(path: str | os.PathLike[str]) -> None:
    """Raises `PictureError` for a web address."""
    if os.fsdecode(path).lower().startswith(("http:/", "https:/")):
        raise PictureError(f"{shown(path)}: web addresses are not fetched; download the picture and give its path")


def read_stream(file: Any, name: str) -> bytes:
    """What is left in a file object, which need not be able to seek as decoders do.

    Raises:
        PictureError: It cannot be read, gives something else than bytes, or more than `MAX_BYTES`.
    """
    if isinstance(file, TextIOBase):
        raise PictureError(f"{name}: gives text; open the file in binary mode, 'rb'")
    content = BytesIO()
    try:
        while part := file.read(_BYTES_AT_ONCE):  # not all at once, since it may never end
            if not isinstance(part, bytes):
                raise PictureError(f"{name}: must give bytes; got {type(part).__name__}")
            _check_bytes(content.tell() + len(part), name)
            content.write(part)
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: cannot be read ({error}); check that it is open") from error
    return content.getvalue()


def _rest_of(file: Any) -> bytes:
    name = "picture from a file object"
    content = read_stream(file, name)
    if not content:
        raise PictureError(f"{name}: nothing left to read; if it was read or written before, call seek(0)")
    return content


def _check_bytes(size: int, name: str) -> None:
    if size > MAX_BYTES:
        raise PictureTooLarge(f"{name}: has more than the limit of {MAX_BYTES} bytes; save it with compression")


def _decode(file: IO[bytes], name: str, max_pixels: int) -> NDArray[np.uint8]:
    with _explained(name):
        opened = open_image(file, name, max_pixels)
        if isinstance(opened, FloatTiff):
            check_size(*opened.size, name=name, max_pixels=max_pixels)
            return _upright(opened.rows, opened.size, opened.orientation, name)
        with opened as image:
            return _from_pil(image, name, max_pixels)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turns whatever a decoder raises into a `PictureError` that names the picture."""
    try:
        yield
    except (PictureError, Warning):  # a warning is raised only where the caller has made errors of warnings
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise PictureTooLarge(f"{name}: is too large to decode; make it smaller") from error
    except Exception as error:  # on damaged input Pillow's decoders raise nearly every exception there is
        reason = " ".join(str(error).split()) or type(error).__name__
        raise PictureError(
            f"{name}: cannot be decoded ({reason}); it may be damaged or cut off: fetch it again or save it anew"
        ) from error


def _from_pil(image: Image.Image, name: str, max_pixels: int) -> NDArray[np.uint8]:
    check_size(image.width, image.height, name=name, max_pixels=max_pixels)
    with _explained(name):
        image = decoded(image)
        check_size(image.width, image.height, name=name, max_pixels=max_pixels)  # of HEIC known only now
        if image.mode.startswith("I;16"):
            _check_16_bits(int(np.max(image.getextrema())), name)

        def rows(top: int, bottom: int) -> NDArray[Any]:
            whole = bottom - top == image.height
            return _pixels(image if whole else image.crop((0, top, image.width, bottom)), name)

        return _upright(rows, image.size, _orientation(image), name)


def _as_it_is(pixels: NDArray[Any]) -> NDArray[Any]:
    return pixels


def _upright(
    rows: Callable[[int, int], NDArray[Any]], size: tuple[int, int], orientation: int, name: str
) -> NDArray[np.uint8]:
    """A picture as RGB, turned as its orientation asks, converted some rows at a time.

    Args:
        rows: Gives rows from one up to another, as stored, as an array that `_rgb8` takes.
        size: Width and height as stored.
        orientation: As in EXIF; what is none of its numbers is as 1.
        name: What to call the picture in errors.
    """
    width, height = size
    as_stored = _AS_STORED.get(orientation, _as_it_is)
    upright = np.empty((width, height, 3) if orientation in (5, 6, 7, 8) else (height, width, 3), np.uint8)
    stored = as_stored(upright)
    at_once = max(1, _BAND_PIXELS // width)
    for top in range(0, height, at_once):
        bottom = min(height, top + at_once)
        stored[top:bottom] = _rgb8(rows(top, bottom), name)
    return upright


def _orientation(image: Image.Image) -> Any:
    """EXIF orientation, 1 to 8; EXIF that cannot be parsed is no reason to refuse a picture."""
    try:
        return image.getexif().get(_EXIF_ORIENTATION, 1)
    except Warning:
        raise
    except Exception:  # EXIF holds anything at all, and so may the error
        return 1


def _pixels(image: Image.Image, name: str) -> NDArray[Any]:
    """Pixel values as an array that `to_rgb8` takes; Pillow's own conversion would clip 16-bit values and floats."""
    if image.mode == "I":
        raise UnsupportedPicture(
            f"{name}: has 32-bit integer pixels, whose range is not known; save it with 8 or 16 bits"
        )
    if image.mode == "F" or image.mode.startswith("I;16"):
        return np.asarray(image)
    if image.mode == "La":
        image = image.convert("LA")
    wanted = "RGBA" if image.has_transparency_data else "RGB"
    # convert copies even where there is nothing to convert, which a large picture has no memory to spare for.
    return np.asarray(image if image.mode == wanted else image.convert(wanted))


def to_rgb8(pixels: NDArray[Any], *, name: str, max_pixels: int) -> NDArray[np.uint8]:
    """Grayscale, RGB or RGBA pixels as uint8 RGB of shape (H, W, 3); transparent parts are laid on white.

    Args:
        pixels: Shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4); bool, uint8, uint16, or floats from 0 to 1.
        name: What to call the picture in errors.
        max_pixels: Most pixels it may have.

    Raises:
        PictureError: The shape, type, range or number of pixels is not as above; `PictureTooLarge` and
            `UnsupportedPicture` where the number or the type is not.
    """
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)):
        raise PictureError(
            f"{name}: must have the shape (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), channels last; got {pixels.shape}"
        )
    check_size(pixels.shape[1], pixels.shape[0], name=name, max_pixels=max_pixels)
    if pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3:
        return np.ascontiguousarray(pixels)
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        _check_16_bits(int(pixels.max()), name)
    return _upright(lambda top, bottom: pixels[top:bottom], (pixels.shape[1], pixels.shape[0]), 1, name)


def check_max_pixels(max_pixels: object) -> None:
    """Raises `ArgumentError` unless `max_pixels` is a whole number above 0."""
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int | np.integer) or max_pixels < 1:
        raise ArgumentError(f"max_pixels must be a whole number, 1 or more; got {max_pixels!r}")


def _check_16_bits(most: int, name: str) -> None:
    if 0 < most < 256:  # scaled from 16 bits to 8, all of it would be black
        raise PictureError(
            f"{name}: uint16 pixels must use their 16 bits; got none over {most}: "
            "if these are 8-bit values, make them uint8"
        )


def _rgb8(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    """Rows of a picture as uint8 with three channels, or one that stands for all; shapes are those of `to_rgb8`."""
    pixels8 = _to_uint8(pixels if pixels.ndim == 3 else pixels[:, :, None], name)
    return _on_white(pixels8) if pixels8.shape[2] == 4 else pixels8


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
            if not (low >= -_OVERSHOOT and high <= 1 + _OVERSHOOT):  # so that NaN is refused too
                raise PictureError(f"{name}: float pixels must lie between 0 and 1; got {low:.6g} to {high:.6g}")
            rounded: NDArray[np.uint8] = np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)
            return rounded
    raise UnsupportedPicture(f"{name}: pixels must be bool, uint8, uint16 or float; got {pixels.dtype}")


def _on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    mixed = rgba[:, :, :3] * alpha
    mixed += 255 * (255 - alpha)
    mixed += 127  # so that the division rounds
    mixed //= 255
    return mixed.astype(np.uint8)
