"""Files that are sound though a decoder alone would refuse them, and what is said of those that are not read."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile, PngImagePlugin, TiffImagePlugin

from mien import formats
from mien.errors import PictureError, PictureTooLarge, UnsupportedPicture
from mien.formats import FORMATS, PICTURE_SUFFIXES, VIDEO_SUFFIXES
from mien.images import picture_size, read_picture

NOISE = np.random.default_rng(0).integers(0, 256, (48, 56, 3), np.uint8)
PHOTO = np.asarray(Image.fromarray(NOISE).resize((168, 144), Image.Resampling.BICUBIC))


def encoded(pixels: NDArray[np.uint8], format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format_, **options)
    return file.getvalue()


JPEGS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "4:4:4": {"subsampling": 0},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_blocks": 3},
    "rows of restarts": {"restart_marker_rows": 1},
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("missing", [1, 2])
def test_a_jpeg_that_lacks_its_end_marker_alone_is_whole(kind: str, missing: int) -> None:
    whole = encoded(PHOTO, "JPEG", **JPEGS[kind])
    assert whole.endswith(b"\xff\xd9")
    assert np.array_equal(read_picture(whole[:-missing]), read_picture(whole))
    with Image.open(io.BytesIO(whole[:-missing])) as opened:
        assert np.array_equal(read_picture(opened), read_picture(whole))


@pytest.mark.parametrize("ending", [b"\0" * 100, b"\xff", b"words"])
def test_other_bytes_in_place_of_the_end_marker_do_no_harm(ending: bytes) -> None:
    whole = encoded(PHOTO, "JPEG")
    assert np.array_equal(read_picture(whole[:-2] + ending), read_picture(whole))


@pytest.mark.parametrize("kind", JPEGS)
def test_a_jpeg_that_lacks_pixels_is_not_whole(kind: str) -> None:
    whole = encoded(PHOTO, "JPEG", **JPEGS[kind])
    data = whole.rindex(b"\xff\xda") + 12  # of the last scan
    for cut in np.linspace(data, len(whole) - 6, 40, dtype=int):
        with pytest.raises(PictureError, match="cannot be decoded"):
            read_picture(whole[:cut])


@pytest.mark.parametrize(("format_", "lost"), [("PNG", 12), ("GIF", 1)])
def test_other_formats_without_their_end_are_whole(format_: str, lost: int) -> None:
    whole = encoded(PHOTO, format_)
    assert np.array_equal(read_picture(whole[:-lost]), read_picture(whole))


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_half_a_picture_is_refused_whatever_the_program_has_set(format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    whole = encoded(PHOTO, format_)
    with pytest.raises(PictureError, match="cannot be decoded"):
        read_picture(whole[: len(whole) // 2])
    assert ImageFile.LOAD_TRUNCATED_IMAGES
    assert np.array_equal(read_picture(whole), read_picture(whole))


def with_text(kind: str, size: int, **options: Any) -> bytes:
    text = "a picture of " * (size // 13)
    info = PngImagePlugin.PngInfo()
    if kind == "iCCP":
        return encoded(PHOTO, "PNG", icc_profile=text.encode(), **options)
    if kind == "iTXt":
        info.add_itxt("parameters", text, zip=True)
    else:
        info.add_text("parameters", text, zip=kind == "zTXt")
    return encoded(PHOTO, "PNG", pnginfo=info, **options)


@pytest.mark.parametrize("kind", ["tEXt", "zTXt", "iTXt", "iCCP"])
@pytest.mark.parametrize("size", [100, 3_000, 3_000_000])
def test_text_and_profiles_of_any_length_do_no_harm(kind: str, size: int) -> None:
    assert np.array_equal(read_picture(with_text(kind, size)), PHOTO)


def test_more_text_than_pillow_takes_does_no_harm() -> None:
    assert np.array_equal(read_picture(with_text("tEXt", 80_000_000)), PHOTO)


def test_text_after_the_pixels_does_no_harm() -> None:
    whole = encoded(PHOTO, "PNG")
    deflated = b"Comment\0\0" + zlib.compress(b"z" * 3_000_000)
    chunk = struct.pack(">I", len(deflated)) + b"zTXt" + deflated + struct.pack(">I", zlib.crc32(b"zTXt" + deflated))
    assert np.array_equal(read_picture(whole[:-12] + chunk + whole[-12:]), PHOTO)


@pytest.mark.parametrize("zipped", [False, True])
@pytest.mark.parametrize("beside", [0, 3_000_000])
def test_orientation_in_text_is_kept(zipped: bool, beside: int) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", f'<x tiff:Orientation="3"/>{" " * 2000}', zip=zipped)
    info.add_text("parameters", "long " * beside, zip=True)
    assert np.array_equal(read_picture(encoded(PHOTO, "PNG", pnginfo=info)), PHOTO[::-1, ::-1])


FLOATS = np.random.default_rng(1).random((50, 40, 3))


def tiff(pixels: NDArray[Any], *, deflated: bool, predicted: bool, order: str = "<", **tags: int) -> bytes:
    """A TIFF of floats in strips of 16 rows, as tifffile or GDAL write them."""
    values = pixels.astype(pixels.dtype.newbyteorder(order))
    height, width, channels = values.shape
    strips = []
    for top in range(0, height, 16):
        rows = values[top : top + 16]
        data = rows.tobytes()
        if predicted:
            planes = rows.astype(rows.dtype.newbyteorder(">")).reshape(len(rows), -1, 1).view(np.uint8)
            by_byte = planes.transpose(0, 2, 1).reshape(len(rows), -1, channels)
            data = np.diff(by_byte, axis=1, prepend=np.uint8(0)).astype(np.uint8).tobytes()
        strips.append(zlib.compress(data) if deflated else data)
    entries = {256: width, 257: height, 259: 8 if deflated else 1, 262: 1 if channels == 1 else 2, 277: channels}
    entries |= {258: (values.itemsize * 8,) * channels, 278: 16, 317: 3 if predicted else 1, 339: (3,) * channels}
    entries |= {279: tuple(map(len, strips))} | {getattr(TiffImagePlugin, name): value for name, value in tags.items()}
    directory = TiffImagePlugin.ImageFileDirectory_v2(b"II*\0\0\0\0\0" if order == "<" else b"MM\0*\0\0\0\0")
    for tag, value in entries.items():
        directory[tag] = value
        directory.tagtype[tag] = 4
    starts = np.cumsum([0, *map(len, strips)])  # Pillow adds to these where the directory ends
    directory[273] = tuple(int(start) for start in starts[:-1])
    directory.tagtype[273] = 4
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    return head + directory.tobytes(8) + b"".join(strips)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [2, 4, 8])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("deflated", "predicted"), [(False, False), (True, False), (True, True)])
def test_tiffs_of_floats_are_read(channels: int, size: int, order: str, deflated: bool, predicted: bool) -> None:
    pixels = FLOATS[:, :, :channels].astype(f"f{size}")
    data = tiff(pixels, deflated=deflated, predicted=predicted, order=order)
    assert np.array_equal(read_picture(data), read_picture(pixels))
    assert picture_size_of(data) == (40, 50)


def test_the_orientation_and_the_size_of_a_tiff_of_floats_are_minded() -> None:
    data = tiff(FLOATS, deflated=True, predicted=False)
    with pytest.raises(PictureTooLarge, match="40 x 50 pixels are more than the limit of 1999"):
        read_picture(data, max_pixels=1999)
    with pytest.raises(PictureError, match="cannot be decoded"):
        read_picture(tiff(FLOATS, deflated=False, predicted=False)[:3000])


def picture_size_of(data: bytes) -> tuple[int, int]:
    return formats.open_image(io.BytesIO(data), "picture", 10**6).size


def test_floats_over_1_in_a_tiff_are_refused_for_that() -> None:
    with pytest.raises(PictureError, match=r"float pixels must lie between 0 and 1; got 0\.\d+ to 254\.\d+"):
        read_picture(tiff(FLOATS * 255, deflated=False, predicted=False))


@pytest.mark.parametrize("tags", [{"COMPRESSION": 5}, {"PLANAR_CONFIGURATION": 2}, {"SAMPLEFORMAT": 2}])
def test_a_tiff_that_is_not_read_is_not_called_damaged(tags: dict[str, int]) -> None:
    with pytest.raises(UnsupportedPicture, match=r"is a TIFF of 3 x 64 bits .* not read; save it") as raised:
        read_picture(tiff(FLOATS, deflated=False, predicted=False, **tags))
    assert "damaged" not in str(raised.value)


def test_avif_is_read_where_pillow_can(monkeypatch: pytest.MonkeyPatch) -> None:
    if formats._avif_decoder():
        with_exif = Image.Exif()
        with_exif[0x0112] = 3
        data = encoded(PHOTO, "AVIF", quality=100, subsampling="4:4:4", exif=with_exif)
        assert np.abs(read_picture(data).astype(int) - PHOTO[::-1, ::-1]).max() < 12
        with pytest.raises(PictureTooLarge, match="168 x 144 pixels are more"):
            read_picture(data, max_pixels=100)
    else:
        data = b"\0\0\0\x18ftypavif" + bytes(40)
    monkeypatch.setattr(formats, "_avif_decoder", lambda: None)
    with pytest.raises(UnsupportedPicture, match=r"is AVIF, which Pillow reads from version 11\.3; install that"):
        read_picture(data)


def test_heic_needs_an_extra_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pillow_heif", None)
    for brands in (b"heic\0\0\0\0mif1heic", b"mif1\0\0\0\0mif1heic", b"heix\0\0\0\0mif1heix"):
        with pytest.raises(UnsupportedPicture, match=r"reading HEIC needs .* pip install 'mien\[heic\]'"):
            read_picture(b"\0\0\0\x18ftyp" + brands + bytes(100))


def test_heic_is_read_with_its_extra() -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(PHOTO)).save(file, quality=-1, chroma=444)
    assert np.abs(read_picture(file.getvalue()).astype(int) - PHOTO).mean() < 4
    with pytest.raises(PictureTooLarge, match="168 x 144 pixels are more"):
        read_picture(file.getvalue(), max_pixels=100)
    with pytest.raises(PictureError, match="cannot be decoded"):
        read_picture(file.getvalue()[:-2000])


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"\xff\x0a", "but JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "but JPEG 2000"),
        (b"8BPS\0\1", "but Photoshop's"),
        (b"%PDF-1.7", "but PDF"),
        (b"\x1aE\xdf\xa3", "but Matroska"),
        (b"\0\0\0\x18ftypisom\0\0\2\0isomiso2", "is no picture but a video"),
        (b"\0\0\0\x14ftypqt  \0\0\2\0qt  ", "is no picture but a video"),
        (b"words and words", "is not a picture of a known format"),
    ],
)
def test_what_is_not_read_is_called_what_it_is(start: bytes, what: str) -> None:
    with pytest.raises(UnsupportedPicture, match=what):
        read_picture(start + bytes(100))


def test_suffixes_are_lower_case_and_stand_for_one_thing() -> None:
    assert len({*PICTURE_SUFFIXES, *VIDEO_SUFFIXES}) == len(PICTURE_SUFFIXES) + len(VIDEO_SUFFIXES)
    assert all(suffix == suffix.lower() for suffix in (*PICTURE_SUFFIXES, *VIDEO_SUFFIXES))


@pytest.mark.parametrize("format_", FORMATS)
def test_the_size_needs_no_pixels(format_: str, tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(encoded(PHOTO, format_))
    assert picture_size(path) == (168, 144)
