import io
import os
import struct
import threading
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mien import images
from mien.errors import ArgumentError, PictureError, PictureTooLarge, UnsupportedPicture
from mien.images import FORMATS, MAX_PIXELS, picture_size, read_picture

HEIGHT, WIDTH = 32, 48
GREENISH, REDDISH = (20, 220, 60), (200, 40, 90)


def two_colors() -> NDArray[np.uint8]:
    """Reddish, with a greenish upper left quarter, so that every turn and mirroring looks different."""
    pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:] = REDDISH
    pixels[: HEIGHT // 2, : WIDTH // 2] = GREENISH
    return pixels


PIXELS = two_colors()
RGB = Image.fromarray(PIXELS)
GRAY = np.asarray(RGB.convert("L"))


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def in_mode(mode: str) -> Image.Image:
    match mode:
        case "I;16":
            return Image.fromarray(GRAY.astype(np.uint16) * 257)
        case "F":
            return Image.fromarray(GRAY.astype(np.float32) / 255)
        case "P":
            return RGB.quantize(4)
        case _:
            return RGB.convert(mode)


def png(width: int, height: int) -> bytes:
    """The first chunk of a PNG and the start of the next, which declare a size and hold no pixels."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = b"IDAT"
    return (
        b"\x89PNG\r\n\x1a\n"
        + struct.pack(">I", 13)
        + header
        + struct.pack(">I", zlib.crc32(header))
        + struct.pack(">I", 0)
        + data
        + struct.pack(">I", zlib.crc32(data))
    )


MODES_OF = {
    "JPEG": ("1", "L", "RGB", "CMYK", "YCbCr"),
    "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "WEBP": ("L", "LA", "RGB", "RGBA"),
    "BMP": ("1", "L", "P", "RGB", "RGBA"),
    "TIFF": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "F"),
    "GIF": ("1", "L", "P", "RGB", "RGBA"),
}


@pytest.mark.parametrize(("format_", "mode"), [(f, mode) for f, modes in MODES_OF.items() for mode in modes])
def test_every_format_and_mode_keeps_its_colors(format_: str, mode: str) -> None:
    options = {"compression": "tiff_lzw"} if format_ == "TIFF" else {}  # Pillow 11.0 reads no YCbCr without compression
    pixels = read_picture(encoded(in_mode(mode), format_, **options))
    assert pixels.shape == (HEIGHT, WIDTH, 3)
    assert pixels.dtype == np.uint8
    if mode == "1":
        expected = np.repeat(np.asarray(in_mode("1"), np.uint8)[:, :, None] * 255, 3, axis=2)
    elif mode in ("L", "LA", "I;16", "F"):
        expected = np.repeat(GRAY[:, :, None], 3, axis=2)
    else:
        expected = PIXELS
    tolerance = 12 if format_ in ("JPEG", "WEBP") else 4
    # Away from the edges, where lossy formats blur.
    for rows, columns in ((slice(2, 10), slice(2, 14)), (slice(22, 30), slice(34, 46))):
        # Dots of black and white are nothing that JPEG keeps but on average.
        shift = pixels[rows, columns].mean((0, 1)) - expected[rows, columns].mean((0, 1))
        assert np.abs(shift).max() <= tolerance


def test_every_format_that_is_read_is_tested() -> None:
    assert MODES_OF.keys() == FORMATS.keys()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(format_: str, orientation: int) -> None:
    as_stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
        8: lambda a: np.rot90(a, -1),
    }
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(np.ascontiguousarray(as_stored[orientation](PIXELS)))
    pixels = read_picture(encoded(stored, format_, exif=exif))
    assert pixels.shape == PIXELS.shape
    assert np.abs(pixels.astype(int) - PIXELS).mean() < 12  # upside down or mirrored, it is over 40


def test_exif_orientation_is_applied_to_16_bits_and_to_pil_images() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(GRAY.astype(np.uint16) * 257)))
    with Image.open(io.BytesIO(encoded(stored, "PNG", exif=exif))) as image:
        assert np.array_equal(read_picture(image)[:, :, 0], GRAY)


DAMAGED_EXIF = b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12"


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
def test_damaged_exif_does_not_spoil_the_picture(format_: str) -> None:
    whole = encoded(RGB, format_, exif=DAMAGED_EXIF)
    assert np.array_equal(read_picture(whole), read_picture(encoded(RGB, format_)))


def test_a_warning_that_the_caller_makes_an_error_is_no_fault_of_the_picture() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(UserWarning, match="Corrupt EXIF data"):
            read_picture(encoded(RGB, "JPEG", exif=DAMAGED_EXIF))


def test_all_ways_in_give_the_same(tmp_path: Path) -> None:
    data = encoded(RGB, "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    with path.open("rb") as file, Image.open(path) as image:
        ways = (str(path), path, data, bytearray(data), memoryview(data), io.BytesIO(data), file, image, PIXELS)
        for way in ways:
            assert np.array_equal(read_picture(way), PIXELS)


def test_the_type_is_told_from_the_content_not_the_name(tmp_path: Path) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(encoded(RGB, "PNG"))
    assert np.array_equal(read_picture(path), PIXELS)


def test_the_size_is_told_from_the_header_alone(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    path.write_bytes(encoded(RGB, "PNG")[:60])  # cut off soon after the header
    assert picture_size(path) == (WIDTH, HEIGHT)
    with pytest.raises(PictureError, match="cannot be decoded"):
        read_picture(path)
    for content, says in ((b"", "is empty"), (b"words and more words", "not a picture of a known format")):
        path.write_bytes(content)
        with pytest.raises(PictureError, match=says):
            picture_size(path)
    with pytest.raises(PictureError, match="no such file"):
        picture_size(tmp_path / "none.png")


def test_a_stream_that_cannot_seek_is_read() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as stream:  # noqa: PTH123  a pipe has no path
        with open(writing, "wb") as sink:  # noqa: PTH123
            sink.write(encoded(RGB, "PNG"))
        assert np.array_equal(read_picture(stream), PIXELS)


@pytest.mark.parametrize("format_", ["GIF", "TIFF", "WEBP", "PNG"])
def test_the_first_of_several_pictures_is_taken(format_: str) -> None:
    data = encoded(RGB, format_, save_all=True, append_images=[Image.new("RGB", RGB.size)], lossless=True)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 2  # type: ignore[attr-defined]
    assert np.array_equal(read_picture(data), PIXELS)


def test_alpha_is_laid_on_white() -> None:
    rgba = np.dstack([PIXELS, np.full((HEIGHT, WIDTH), 128, np.uint8)])
    expected = np.rint(PIXELS * (128 / 255) + 255 * (127 / 255)).astype(np.uint8)
    assert np.array_equal(read_picture(rgba), expected)
    assert np.array_equal(read_picture(encoded(Image.fromarray(rgba), "PNG")), expected)


def test_a_transparent_color_of_a_palette_is_laid_on_white() -> None:
    image = RGB.quantize(4)
    data = encoded(image, "PNG", transparency=image.getpixel((0, 0)))
    pixels = read_picture(data)
    assert tuple(pixels[0, 0]) == (255, 255, 255)
    assert tuple(pixels[-1, -1]) == REDDISH


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.array([[0, 257 * 7, 65535]], np.uint16), [0, 7, 255]),
        (np.array([[0, 257 * 7, 65535]], ">u2"), [0, 7, 255]),
        (np.array([[0.0, 0.5, 1.0]], np.float64), [0, 128, 255]),
        (np.array([[0.0, 0.25, 1.0]], np.float16), [0, 64, 255]),
        (np.array([[False, True, True]]), [0, 255, 255]),
        (np.array([[[0], [9], [255]]], np.uint8), [0, 9, 255]),
    ],
)
def test_arrays_of_other_types_are_scaled(values: NDArray[np.generic], expected: list[int]) -> None:
    pixels = read_picture(values)
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == [[[value] * 3 for value in expected]]


def test_the_answer_is_contiguous_and_the_array_given_is_left_alone() -> None:
    given_array = PIXELS.copy()[:, ::-1]
    before = given_array.copy()
    assert read_picture(given_array).flags.c_contiguous
    assert np.array_equal(given_array, before)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (np.zeros((0, 5, 3), np.uint8), "no pixels (5 x 0)"),
        (np.zeros((3, 20, 30), np.uint8), "got (3, 20, 30)"),
        (np.zeros(5, np.uint8), "got (5,)"),
        (np.zeros((4, 5, 2), np.uint8), "got (4, 5, 2)"),
        (np.zeros((1, 4, 5, 3), np.uint8), "got (1, 4, 5, 3)"),
        (np.zeros((4, 5, 3), np.int64), "got int64"),
        (np.zeros((4, 5, 3), complex), "got complex128"),
        (np.full((4, 5, 3), 200.0), "between 0 and 1; got 200 to 200"),
        (np.full((4, 5, 3), np.nan), "got nan to nan"),
        (np.zeros((4, 5), object), "got object"),
    ],
)
def test_arrays_that_are_no_pictures_are_refused(array: NDArray[np.generic], says: str) -> None:
    with pytest.raises(PictureError, match=r"^picture from an array: ") as caught:
        read_picture(array)
    assert says in str(caught.value)


def test_integers_of_32_bits_are_refused() -> None:
    with pytest.raises(UnsupportedPicture, match="32-bit integer pixels"):
        read_picture(encoded(RGB.convert("I"), "TIFF"))


def test_paths_that_cannot_be_read(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jpg"
    empty.touch()
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    pipe = tmp_path / "pipe.jpg"
    os.mkfifo(pipe)
    for path, says in (
        (tmp_path / "missing.jpg", "no such file"),
        (tmp_path, "is a folder"),
        (pipe, "is not a regular file"),
        (empty, "is empty (0 bytes)"),
        (text, "is not a picture of a known format"),
        (tmp_path / ("x" * 300), "File name too long"),
        (text / "under_a_file.jpg", "cannot be opened"),
    ):
        with pytest.raises(PictureError) as caught:
            read_picture(path)
        assert says in str(caught.value)
        assert path.name[:20] in str(caught.value)


def test_messages_stay_on_one_line_whatever_the_name() -> None:
    for path in ("a\nb.jpg", "a\0b.jpg", "a\x1b[31m.jpg", "\udcff.jpg", ""):
        with pytest.raises(PictureError) as caught:
            read_picture(path)
        assert str(caught.value).isprintable()


def test_an_empty_path_is_said_to_be_empty() -> None:
    with pytest.raises(PictureError, match=r"^an empty path names no picture"):
        read_picture("")


def test_a_file_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The superuser may read everything, so taking the permission away would prove nothing there.
    path = tmp_path / "closed.jpg"
    path.write_bytes(encoded(RGB, "JPEG"))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(PictureError, match=r"closed\.jpg: may not be read; check its permissions"):
        read_picture(path)


@pytest.mark.parametrize("address", ["http://x.org/a.jpg", "HTTPS://x.org/a.jpg", Path("https://x.org/a.jpg")])
def test_web_addresses_are_not_fetched(address: str | Path) -> None:
    with pytest.raises(PictureError, match="web addresses are not fetched; download the picture"):
        read_picture(address)


def test_file_objects_that_cannot_be_read() -> None:
    closed = io.BytesIO(b"x")
    closed.close()
    read_to_its_end = io.BytesIO(encoded(RGB, "PNG"))
    read_to_its_end.read()
    for file, says in (
        (closed, "check that it is open"),
        (read_to_its_end, "call seek(0)"),
        (io.StringIO("x"), "open the file in binary mode"),
    ):
        with pytest.raises(PictureError) as caught:
            read_picture(file)  # type: ignore[arg-type]
        assert says in str(caught.value)


class Endless:
    """Gives zeros for ever, as /dev/zero does."""

    given = 0

    def read(self, size: int) -> bytes:
        self.given += size
        return bytes(size)


def test_a_stream_without_an_end_is_given_up_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "MAX_BYTES", 3_000_000)
    endless = Endless()
    with pytest.raises(PictureTooLarge, match="picture from a file object: has more than the limit of 3000000 bytes"):
        read_picture(endless)  # type: ignore[arg-type]
    assert endless.given < 5_000_000


def test_a_file_over_the_limit_of_bytes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = encoded(RGB, "PNG")
    path = tmp_path / "picture.png"
    path.write_bytes(data)
    for limit, over in ((len(data), False), (len(data) - 1, True)):
        monkeypatch.setattr(images, "MAX_BYTES", limit)
        for picture in (path, io.BytesIO(data)):
            if over:
                with pytest.raises(PictureTooLarge, match=f"more than the limit of {limit} bytes"):
                    read_picture(picture)
            else:
                assert np.array_equal(read_picture(picture), PIXELS)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"xmp": b"<x/>"}], ids=["VP8 ", "VP8L", "VP8X"])
def test_a_webp_is_refused_before_its_decoder_is_made(
    options: dict[str, object], monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    data = encoded(Image.new("RGB", (1234, 567)), "WEBP", **options)
    assert data[12:16].decode() == request.node.callspec.id
    monkeypatch.setattr("PIL._webp.WebPAnimDecoder", None)  # which nothing may call
    with pytest.raises(PictureTooLarge, match="1234 x 567 pixels are more than the limit of 1000"):
        read_picture(data, max_pixels=1000)


@pytest.mark.parametrize("thing", [None, 5, [1, 2], {"a": 1}])
def test_things_that_are_no_pictures(thing: object) -> None:
    with pytest.raises(PictureError, match=rf"got {type(thing).__name__}$"):
        read_picture(thing)  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(100_000, 100_000), (9_000, 9_000), (14_000, 14_000), (2**31 - 1, 2**31 - 1)])
def test_a_bomb_is_refused_from_its_header_without_a_warning(size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(
            PictureTooLarge, match=f"{size[0]} x {size[1]} pixels are more than the limit of {MAX_PIXELS}"
        ):
            read_picture(png(*size))


@pytest.mark.parametrize("format_", ["PNG", "GIF", "TIFF", "BMP", "JPEG", "WEBP"])
def test_the_limit_holds_for_every_way_in(format_: str) -> None:
    many = WIDTH * HEIGHT
    for picture in (encoded(RGB, format_), RGB, PIXELS):
        assert read_picture(picture, max_pixels=many).shape == PIXELS.shape
        with pytest.raises(PictureTooLarge, match=f"more than the limit of {many - 1}"):
            read_picture(picture, max_pixels=many - 1)


def test_reading_leaves_pillows_own_limit_alone() -> None:
    before = Image.MAX_IMAGE_PIXELS
    filters = list(warnings.filters)
    threads = [threading.Thread(target=read_picture, args=(encoded(RGB, "JPEG"),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert before == Image.MAX_IMAGE_PIXELS
    assert filters == list(warnings.filters)


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("tenths", range(10))
def test_a_file_cut_off_is_an_error(format_: str, tenths: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    whole = encoded(Image.fromarray(noise), format_)
    with pytest.raises(PictureError, match="cannot be decoded" if tenths else r"empty \(0 bytes\)"):
        read_picture(whole[: len(whole) * tenths // 10])


def test_formats_beside_the_six_are_not_decoded() -> None:
    for format_ in ("EPS", "PPM", "ICO", "TGA", "PCX"):
        with pytest.raises(UnsupportedPicture, match="not a picture of a known format"):
            read_picture(encoded(RGB, format_))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise_anything_else(data: bytes) -> None:
    with pytest.raises(PictureError):
        read_picture(data)


STARTS = (b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"BM", b"II*\0\x08\0\0\0", b"GIF89a")


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.sampled_from(STARTS), st.binary(max_size=300))
def test_bytes_that_start_like_a_picture_never_raise_anything_else(start: bytes, rest: bytes) -> None:
    read_or_refuse(start + rest)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@given(st.sampled_from(sorted(FORMATS)), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=8))
def test_damaged_files_are_read_or_refused(format_: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(encoded(RGB, format_))
    for position, value in changes:
        data[position % len(data)] = value
    read_or_refuse(bytes(data))


def read_or_refuse(data: bytes) -> None:
    with suppress(PictureError):
        pixels = read_picture(data, max_pixels=1_000_000)
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert pixels.dtype == np.uint8


@pytest.mark.parametrize("most", [0, -1, None, "9", 1.5, True])
def test_a_limit_of_pixels_that_is_none_is_refused(most: Any) -> None:
    with pytest.raises(ArgumentError, match="max_pixels must be a whole number, 1 or more; got "):
        read_picture(GRAY, max_pixels=most)


def test_8_bit_values_in_16_bits_are_not_taken_for_black() -> None:
    with pytest.raises(
        PictureError, match=r"uint16 pixels must use their 16 bits; got none over 255.* make them uint8"
    ):
        read_picture(np.array([[0, 128, 255]], np.uint16))
    assert read_picture(np.zeros((2, 2), np.uint16)).max() == 0


def test_floats_may_lie_outside_of_0_to_1_by_what_rounding_leaves() -> None:
    over = np.array([[-1e-9, 0.5, np.nextafter(1, 2), 1.0005]])
    for dtype in (np.float64, np.float32):
        assert read_picture(over.astype(dtype))[0, :, 0].tolist() == [0, 128, 255, 255]
    for wrong in (1.01, -0.01, np.nan):
        with pytest.raises(PictureError, match=r"must lie between 0 and 1; got (0 to 1\.01|-0\.01 to 0|nan to nan)"):
            read_picture(np.array([[0, wrong]]))


BAND = 100


@pytest.mark.parametrize("orientation", [1, 2, 3, 4, 5, 6, 7, 8])
@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_bands_of_rows_change_nothing(mode: str, orientation: int, monkeypatch: pytest.MonkeyPatch) -> None:
    format_ = "TIFF" if mode in ("CMYK", "F") else "PNG"
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(in_mode(mode), format_, exif=exif)
    whole = read_picture(data)
    monkeypatch.setattr(images, "_BAND_PIXELS", BAND)
    assert np.array_equal(read_picture(data), whole)
    assert whole.flags.c_contiguous


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_bands_of_rows_change_nothing_in_arrays(
    dtype: type[np.generic], channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = np.random.default_rng(0).random((HEIGHT, WIDTH, channels))
    array = (array * {np.uint8: 255, np.uint16: 65535}.get(dtype, 1)).astype(dtype)
    whole = read_picture(array)
    monkeypatch.setattr(images, "_BAND_PIXELS", BAND)
    assert np.array_equal(read_picture(array), whole)


def test_a_dark_part_of_a_16_bit_picture_is_no_8_bit_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "_BAND_PIXELS", BAND)
    dark_above = np.vstack([np.full((16, WIDTH), 200, np.uint16), np.full((16, WIDTH), 40000, np.uint16)])
    for picture in (dark_above, encoded_16(dark_above)):
        assert read_picture(picture)[:, 0, 0].tolist() == [0] * 16 + [156] * 16


def encoded_16(pixels: NDArray[np.uint16]) -> bytes:
    return encoded(Image.fromarray(pixels), "PNG")
