"""Picture formats: how each is known by its first bytes, opened, and its decoder spared what it cannot take."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Lock
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,  # noqa: F401  each of these registers the decoder of one format with Pillow
    GifImagePlugin,  # noqa: F401
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,  # noqa: F401
    TiffImagePlugin,
    WebPImagePlugin,  # noqa: F401
)

from mien.errors import MissingExtra, PictureError, PictureTooLarge, UnsupportedPicture

FORMATS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
"""The formats that are always read, and written, by Pillow's names, and the file name suffixes of each.

Pillow takes a JPEG with several pictures in it (MPO) for a format of its own; its pictures are JPEG all the same."""

SUFFIXES = tuple(suffix for suffixes in FORMATS.values() for suffix in suffixes)
"""The suffixes of these, in lower case."""

_SOMETIMES_READ = (".avif", ".heic", ".heif", ".hif")  # by Pillow, where it was built so, and by the extra `heic`
_NOT_READ = (
    *(".jp2", ".j2k", ".jpx", ".jxl", ".pbm", ".pgm", ".pnm", ".ppm", ".psd", ".tga"),
    *(".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".rw2"),
)
PICTURE_SUFFIXES = (*SUFFIXES, *_SOMETIMES_READ, *_NOT_READ)
"""Suffixes of pictures, in lower case, also of formats that may not be read: nothing is passed over in silence."""

VIDEO_SUFFIXES = (
    *(".3gp", ".avi", ".flv", ".m2ts", ".m4v", ".mkv", ".mov"),
    *(".mp4", ".mpeg", ".mpg", ".mts", ".ogv", ".webm", ".wmv"),
)
"""Suffixes of videos, in lower case."""

_HEAD_BYTES = 64
"""Bytes at the start of a file that tell its format, and of WebP its size."""

_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIC_BRANDS = frozenset(b"heic heix hevc hevx heim heis hevm hevs mif1 msf1".split())  # of MIAF, if it is no AVIF
_OTHERS = {
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "Photoshop's": (b"8BPS",),
    "PDF": (b"%PDF-",),
    "Matroska or WebM, a video": (b"\x1aE\xdf\xa3",),
}

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_LONGEST_TEXT = 1 << 20
"""Most bytes of text that Pillow takes from compressed chunks of PNG."""

_SHORT_CHUNK = 1000
"""A chunk of PNG with no more bytes cannot hold more text than that, since deflate makes 1,032 bytes of one."""

_TEXT_WITH_ORIENTATION = (b"XML:com.adobe.xmp", b"Raw profile type exif")

_DEFLATE = (8, 32946)
_LARGEST_STRIP = 1 << 26

_END_OF_JPEG = b"\xff\xd9"
_FILLING = b"\xaa" * 64 + b"".join(bytes((0xFF, 0xD0 + i)) + b"\xaa" * 64 for i in range(8))
"""What would make other pixels of a JPEG that is cut off, also of one that has restart markers."""


@dataclass(frozen=True, slots=True)
class FloatTiff:
    """A TIFF with floating-point pixels that Pillow does not read: channels last, in strips, deflated or not.

    Attributes:
        size: Width and height in pixels, as stored.
        orientation: As in EXIF.
        channels: 1, 3 or 4.
        dtype: Of a value, in the file's order of bytes.
        strips: Where each strip starts in the file, and its bytes there.
        rows_per_strip: Of all strips but the last.
        deflated: Whether strips are compressed.
        predicted: Whether rows hold differences of bytes (predictor 3).
        file: To read from.
    """

    size: tuple[int, int]
    orientation: int
    channels: int
    dtype: np.dtype[Any]
    strips: tuple[tuple[int, int], ...]
    rows_per_strip: int
    deflated: bool
    predicted: bool
    file: IO[bytes]

    def rows(self, top: int, bottom: int) -> NDArray[np.floating[Any]]:
        """Some of the rows, of shape (N, width, channels)."""
        row_bytes = self.size[0] * self.channels * self.dtype.itemsize
        found = bytearray()
        while top < bottom:
            strip, inside = divmod(top, self.rows_per_strip)
            number = min(bottom - top, self.rows_per_strip - inside)
            found += self._bytes_of(strip, inside * row_bytes, (inside + number) * row_bytes)
            top += number
        stored = np.frombuffer(found, np.uint8).reshape(-1, row_bytes)
        values = self._put_together(stored) if self.predicted else stored.view(self.dtype)
        return values.reshape(-1, self.size[0], self.channels)

    def _bytes_of(self, strip: int, start: int, end: int) -> bytes:
        offset, size = self.strips[strip]
        if self.deflated:
            self.file.seek(offset)
            return zlib.decompressobj().decompress(self.file.read(size), end)[start:]
        self.file.seek(offset + start)
        return self.file.read(end - start)

    def _put_together(self, stored: NDArray[np.uint8]) -> NDArray[np.floating[Any]]:
        """Undoes predictor 3: sums of bytes, then the first bytes of all values of a row, the second and so on."""
        summed = np.add.accumulate(stored.reshape(len(stored), -1, self.channels), axis=1, dtype=np.uint8)
        by_byte = summed.reshape(len(stored), self.dtype.itemsize, -1)
        return np.ascontiguousarray(by_byte.transpose(0, 2, 1)).view(self.dtype.newbyteorder(">"))[..., 0]


def check_size(width: int, height: int, *, name: str, max_pixels: int) -> None:
    """Raises `PictureError` for a picture without pixels, `PictureTooLarge` for one with more than `max_pixels`."""
    if width == 0 or height == 0:
        raise PictureError(f"{name}: has no pixels ({width} x {height})")
    if width * height > max_pixels:
        raise PictureTooLarge(
            f"{name}: {width} x {height} pixels are more than the limit of {max_pixels}; make it smaller"
        )


def open_image(file: IO[bytes], name: str, max_pixels: int) -> "Image.Image | FloatTiff":
    """The picture in a file, of which only the header is read so far; of WebP, AVIF and HEIC all, not yet decoded.

    Args:
        file: Open for reading, at its start; must be able to seek.
        name: What to call the picture in errors.
        max_pixels: Most pixels it may have. Not all are asked here for their size; see `check_size`.

    Raises:
        PictureError: The file is empty, or a WebP has too many pixels.
        UnsupportedPicture: It is of no format that is read, or has an arrangement of pixels that is not.
        Exception: Whatever a decoder raises for a header that is damaged.
    """
    start = file.read(_HEAD_BYTES)
    file.seek(0)
    if not start:
        raise PictureError(f"{name}: is empty (0 bytes)")
    if brands := _brands(start):
        return _open_by_brand(brands, file, name)
    for format_ in FORMATS:
        decoder, accepts = Image.OPEN[format_]
        if accepts and accepts(start) is True:
            if size := _webp_size(start):  # its decoder takes memory for the pixels as soon as it is made
                check_size(*size, name=name, max_pixels=max_pixels)
            if format_ == "TIFF":
                return _open_tiff(file, name)
            # Not Image.open: it warns of large pictures by a global setting before their size can be asked.
            return decoder(_without_long_text(file) if format_ == "PNG" else file, "")
    known = ", ".join(FORMATS)
    what = next((f", but {format_}" for format_, starts in _OTHERS.items() if start.startswith(starts)), "")
    raise UnsupportedPicture(f"{name}: is not a picture of a known format ({known}){what}; convert it to JPEG or PNG")


@contextmanager
def strict_decoding() -> Iterator[None]:
    """Decoders refuse what is cut off, whatever the program has set `LOAD_TRUNCATED_IMAGES` of Pillow to.

    With that, half a picture would be taken for a whole one. It is one setting for all threads, so that those of the
    program that decode at the same moment are as strict.
    """
    global _strict, _as_set  # noqa: PLW0603  what is kept is of Pillow's own global
    with _strict_lock:
        if _strict == 0:
            _as_set, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        _strict += 1
    try:
        yield
    finally:
        with _strict_lock:
            _strict -= 1
            if _strict == 0:
                ImageFile.LOAD_TRUNCATED_IMAGES = _as_set


_strict, _as_set, _strict_lock = 0, False, Lock()


def decoded(image: Image.Image) -> Image.Image:
    """The picture with its pixels decoded. A JPEG that lacks its end marker alone is whole.

    Raises:
        Exception: Whatever its decoder raises for what is damaged or cut off.
    """
    with strict_decoding():
        try:
            image.load()
        except OSError:
            whole = _without_end(image) if isinstance(image, JpegImagePlugin.JpegImageFile) else None
            if whole is None:
                raise
            return whole
    return image


def _without_end(image: JpegImagePlugin.JpegImageFile) -> Image.Image | None:
    """The picture decoded, if nothing but its end marker is missing.

    All pixels are there if it does not matter what follows: a decoder that still needs some would make something else
    of other bytes.
    """
    if image.fp is None:
        return None
    image.fp.seek(0)
    content = image.fp.read().rstrip(b"\xff")
    checksums, plain = [], None
    for end in (_FILLING, b""):
        plain = JpegImagePlugin.JpegImageFile(BytesIO(content + end + _END_OF_JPEG), "")
        plain.load()
        checksums.append(_checksum(plain))
    return plain if checksums[0] == checksums[1] else None


def _checksum(image: Image.Image) -> int:
    checksum = 0
    for top in range(0, image.height, 64):  # not all at once, which would double the memory
        band = image.crop((0, top, image.width, min(image.height, top + 64)))
        checksum = zlib.crc32(band.tobytes(), checksum)
    return checksum


def _brands(head: bytes) -> frozenset[bytes]:
    """The brands of a file of the ISO family (AVIF, HEIC, MP4), as its first bytes say; none of another."""
    if head[4:8] != b"ftyp":
        return frozenset()
    end = min(len(head), int.from_bytes(head[:4], "big"))
    return frozenset(head[i : i + 4] for i in (8, *range(16, end - 3, 4)))


def _open_by_brand(brands: frozenset[bytes], file: IO[bytes], name: str) -> Image.Image:
    if brands & _AVIF_BRANDS:
        opener = _avif_decoder()
        if opener is None:
            raise UnsupportedPicture(
                f"{name}: is AVIF, which Pillow reads from version 11.3; install that, or convert it"
            )
        return opener(file, "")
    if brands & _HEIC_BRANDS:
        try:
            from pillow_heif import HeifImageFile  # noqa: PLC0415  an extra
        except ImportError as missing:
            raise UnsupportedPicture(
                f"{name}: {MissingExtra.for_feature('reading HEIC', 'heic', missing)}"
            ) from missing
        heic_opener: Callable[[IO[bytes], str], Image.Image] = HeifImageFile
        return heic_opener(file, "")
    raise UnsupportedPicture(f"{name}: is no picture but a video, or of a kind akin to MP4; take pictures from it")


def _avif_decoder() -> Callable[[IO[bytes], str], Image.Image] | None:
    """Pillow's decoder of AVIF; None where its build has none."""
    try:
        from PIL import AvifImagePlugin  # noqa: PLC0415  Pillow 11.0 to 11.2 have none
    except ImportError:
        return None
    return AvifImagePlugin.AvifImageFile if AvifImagePlugin.SUPPORTED else None


def _webp_size(head: bytes) -> tuple[int, int] | None:
    """Width and height from the first bytes of a WebP file (RFC 9649); None where they do not say."""
    if len(head) < 30 or head[:4] != b"RIFF" or head[8:12] != b"WEBP":
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


def _without_long_text(file: IO[bytes]) -> IO[bytes]:
    """A PNG without the text and color profiles that Pillow would refuse it for, and that nobody asks for.

    Image generators and editors write long ones. What may hold the orientation stays if it is not too long.
    """
    left_out = [(start, size) for start, size, kind in _png_chunks(file) if _is_long_text(file, start, size, kind)]
    file.seek(0)
    if not left_out:
        return file
    rest, position = BytesIO(), 0
    for start, size in [*left_out, (None, 0)]:
        rest.write(file.read() if start is None else file.read(start - position))
        if start is not None:
            position = start + size
            file.seek(position)
    rest.seek(0)
    return rest


def _png_chunks(file: IO[bytes]) -> Iterator[tuple[int, int, bytes]]:
    """Start, size and kind of the chunks of a PNG, each with its head and checksum."""
    position = len(_PNG_SIGNATURE)
    while True:
        file.seek(position)
        head = file.read(8)
        if len(head) < 8 or head[4:] == b"IEND":
            return
        size = 12 + int.from_bytes(head[:4], "big")
        yield position, size, head[4:]
        position += size


def _is_long_text(file: IO[bytes], start: int, size: int, kind: bytes) -> bool:
    if kind not in (b"iCCP", b"zTXt", b"iTXt", b"tEXt") or size <= _SHORT_CHUNK:
        return False
    file.seek(start + 8)
    keyword, _, rest = file.read(min(size - 12, _LONGEST_TEXT)).partition(b"\0")
    if kind == b"iCCP" or size > _LONGEST_TEXT or keyword not in _TEXT_WITH_ORIENTATION:
        return True
    if kind == b"tEXt" or (kind == b"iTXt" and rest[:1] == b"\0"):
        return False
    deflated = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1]
    try:
        return len(zlib.decompressobj().decompress(deflated, _LONGEST_TEXT)) == _LONGEST_TEXT
    except zlib.error:
        return True


def _open_tiff(file: IO[bytes], name: str) -> "Image.Image | FloatTiff":
    try:
        image = TiffImagePlugin.TiffImageFile(file, "")
    except SyntaxError as error:
        if "unknown pixel mode" not in str(error):
            raise
    else:
        # Pillow turns the bytes of these around once too often.
        if image.mode != "F" or image.tag_v2.prefix != b"MM" or image.tag_v2.get(TiffImagePlugin.COMPRESSION, 1) == 1:
            return image
    file.seek(0)
    return _float_tiff(file, name)


def _float_tiff(file: IO[bytes], name: str) -> FloatTiff:
    """A TIFF whose arrangement of pixels Pillow does not know, if it is one that can be read all the same."""
    tags = TiffImagePlugin
    head = file.read(8)
    directory = tags.ImageFileDirectory_v2(head + (file.read(8) if head[2:3] == b"\x2b" else b""))
    file.seek(directory.next)
    directory.load(file)
    width, height = int(directory[tags.IMAGEWIDTH]), int(directory[tags.IMAGELENGTH])
    bits, kinds = (set(directory.get(tag, (1,))) for tag in (tags.BITSPERSAMPLE, tags.SAMPLEFORMAT))
    channels = int(directory.get(tags.SAMPLESPERPIXEL, 1))
    compression, predictor = directory.get(tags.COMPRESSION, 1), directory.get(tags.PREDICTOR, 1)
    strips = tuple(zip(directory.get(tags.STRIPOFFSETS, ()), directory.get(tags.STRIPBYTECOUNTS, ()), strict=False))
    rows_per_strip = min(int(directory.get(tags.ROWSPERSTRIP, height)), height)
    in_strips = directory.get(tags.PLANAR_CONFIGURATION, 1) == 1 and len(strips) == -(-height // max(1, rows_per_strip))
    floats = kinds == {3} and bits in ({16}, {32}, {64}) and channels in (1, 3, 4)
    deflated = compression in _DEFLATE and rows_per_strip * width * channels * max(bits) // 8 <= _LARGEST_STRIP
    known = directory.get(tags.PHOTOMETRIC_INTERPRETATION) in (1, 2) and (compression == 1 or deflated)
    if not (in_strips and floats and known and predictor in (1, 3)):
        kind = {1: "whole numbers", 2: "numbers with a sign", 3: "floats"}.get(min(kinds), "values of another kind")
        raise UnsupportedPicture(
            f"{name}: is a TIFF of {channels} x {'/'.join(map(str, sorted(bits)))} bits ({kind}), arranged or "
            "compressed in a way that is not read; save it with 8 or 16 bits, or as PNG"
        )
    return FloatTiff(
        size=(width, height),
        orientation=int(directory.get(0x0112, 1)),
        channels=channels,
        dtype=np.dtype(f"{'<' if head[:2] == b'II' else '>'}f{bits.pop() // 8}"),
        strips=strips,
        rows_per_strip=rows_per_strip,
        deflated=deflated,
        predicted=predictor == 3,
        file=file,
    )
