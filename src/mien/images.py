"""Pictures in: whatever holds a picture becomes upright RGB, and every limit on bad input lives here."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO, TextIOBase
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,  # noqa: F401  each of these registers the decoder of one format with Pillow
    GifImagePlugin,  # noqa: F401
    Image,
    JpegImagePlugin,  # noqa: F401
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,  # noqa: F401
    WebPImagePlugin,  # noqa: F401
)

from mien.errors import ArgumentError, PictureError, PictureTooLarge, UnsupportedPicture

Picture = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes] | Image.Image | NDArray[Any]
"""A path, the bytes of a picture file, a binary file object, a PIL image, or an array in RGB order."""

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
"""The formats that are read, by Pillow's names, and the file name suffixes of each.

Pillow takes a JPEG with several pictures in it (MPO) for a format of its own; its pictures are JPEG all the same."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""All suffixes of pictures, in lower case."""

MAX_PIXELS = 64_000_000
"""Most pixels a picture may have unless the caller says otherwise: cameras of full frame have up to 61 million.

Decoding that many takes at its peak 0.6 GB for a JPEG, 0.9 GB for one to be turned, 1.3 GB with transparency."""

MAX_BYTES = 8 * MAX_PIXELS
"""Most bytes a file or stream may have: what `MAX_PIXELS` take with 16 bits and transparency and no compression."""

_BYTES_AT_ONCE = 1 << 20

_WEBP_HEAD = 30
"""Bytes at the start of a WebP file, up to the end of its size."""

_EXIF_ORIENTATION = 0x0112
_UPRIGHT_BY = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """The picture, upright, as RGB.

    A file's type is told from its first bytes, not from its name; of an animation or a document the first picture is
    taken. EXIF orientation is applied, transparent parts are laid on white, 16-bit values are scaled to 8 bits, and
    embedded colour profiles are ignored. Arrays may be grayscale, RGB or RGBA, of shape (H, W), (H, W, 1), (H, W, 3)
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
    with open_file(path) as file, _explained(name), _opened(file, name, MAX_PIXELS) as image:
        return image.size


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
    with _explained(name), _opened(file, name, max_pixels) as image:
        return _from_pil(image, name, max_pixels)


def _opened(file: IO[bytes], name: str, max_pixels: int) -> Image.Image:
    """The picture in a file, of which only the header is read so far; of WebP, all that is not yet decoded."""
    start = file.read(_WEBP_HEAD)  # other decoders ask for less to know their own
    if not start:
        raise PictureError(f"{name}: is empty (0 bytes)")
    for decoder, accepts in (Image.OPEN[format_] for format_ in FORMATS):
        if accepts and accepts(start) is True:
            if size := _webp_size(start):  # its decoder takes memory for the pixels as soon as it is made
                check_size(*size, name=name, max_pixels=max_pixels)
            file.seek(0)
            # Not Image.open: it warns of large pictures by a global setting before their size can be asked.
            return decoder(file, "")
    known = ", ".join(FORMATS)
    raise UnsupportedPicture(f"{name}: is not a picture of a known format ({known}); convert it to JPEG or PNG")


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes of a WebP file (RFC 9649); None where they do not say."""
    if len(head) < _WEBP_HEAD or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
        return None
    match head[12:16]:
        case b"VP8X":
            return 1 + int.from_bytes(head[24:27], "little"), 1 + int.from_bytes(head[27:30], "little")
        case b"VP8L":
            bits = int.from_bytes(head[21:25], "little")
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 ":
            width, height = (int.from_bytes(head[i : i + 2], "little") & 0x3FFF for i in (26, 28))
            return width, height
    return None


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
        image.load()
        turn = _UPRIGHT_BY.get(_orientation(image))
        upright = image if turn is None else image.transpose(turn)
        return to_rgb8(_pixels(upright, name), name=name, max_pixels=max_pixels)


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
    pixels8 = _to_uint8(pixels if pixels.ndim == 3 else pixels[:, :, None], name)
    if pixels8.shape[2] == 4:
        return _on_white(pixels8)
    return np.ascontiguousarray(np.broadcast_to(pixels8, (*pixels8.shape[:2], 3)))


def check_max_pixels(max_pixels: object) -> None:
    """Raises `ArgumentError` unless `max_pixels` is a whole number above 0."""
    if isinstance(max_pixels, bool) or not isinstance(max_pixels, int | np.integer) or max_pixels < 1:
        raise ArgumentError(f"max_pixels must be a whole number, 1 or more; got {max_pixels!r}")


def check_size(width: int, height: int, *, name: str, max_pixels: int) -> None:
    """Raises `PictureError` for a picture without pixels, `PictureTooLarge` for one with more than `max_pixels`."""
    if width == 0 or height == 0:
        raise PictureError(f"{name}: has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise PictureTooLarge(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels}; make it smaller"
        )


def _to_uint8(pixels: NDArray[Any], name: str) -> NDArray[np.uint8]:
    match pixels.dtype.kind, pixels.dtype.itemsize:
        case "u", 1:
            return pixels
        case "u", 2:
            if 0 < int(pixels.max()) < 256:  # scaled from 16 bits to 8, all of it would be black
                raise PictureError(
                    f"{name}: uint16 pixels must use their 16 bits; got none over {int(pixels.max())}: "
                    "if these are 8-bit values, make them uint8"
                )
            return (pixels >> 8).astype(np.uint8)
        case "b", _:
            return pixels.astype(np.uint8) * np.uint8(255)
        case "f", _:
            low, high = float(pixels.min()), float(pixels.max())
            if not (low >= 0 and high <= 1):  # so that NaN is refused too
                raise PictureError(f"{name}: float pixels must lie between 0 and 1; got {low:g} to {high:g}")
            rounded: NDArray[np.uint8] = np.rint(pixels * 255).astype(np.uint8)
            return rounded
    raise UnsupportedPicture(f"{name}: pixels must be bool, uint8, uint16 or float; got {pixels.dtype}")


def _on_white(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    alpha = rgba[:, :, 3:].astype(np.uint16)
    mixed = rgba[:, :, :3] * alpha
    mixed += 255 * (255 - alpha)
    mixed += 127  # so that the division rounds
    mixed //= 255
    return mixed.astype(np.uint8)
