"""Every way in gives the same pixels: files, bytes, streams, arrays, folders of data sets, Parquet files."""

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.data import Split, open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS
from mien.images import read_picture

PHOTO = Image.fromarray(
    np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
)
KINDS = {
    "gray, 8 bits": ("PNG", PHOTO.convert("L"), {}),
    "gray, 16 bits": ("PNG", Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.uint16) * 257), {}),
    "one bit": ("PNG", PHOTO.convert("1"), {}),
    "palette": ("PNG", PHOTO.convert("P"), {}),
    "palette, a color of it transparent": ("PNG", PHOTO.convert("P"), {"transparency": 3}),
    "gray and alpha": ("PNG", PHOTO.convert("LA"), {}),
    "RGB": ("PNG", PHOTO, {}),
    "RGB, a color of it transparent": ("PNG", PHOTO, {"transparency": PHOTO.getpixel((0, 0))}),
    "RGBA": ("PNG", PHOTO.convert("RGBA"), {}),
    "JPEG": ("JPEG", PHOTO, {}),
    "CMYK": ("JPEG", PHOTO.convert("CMYK"), {}),
    "WebP with alpha": ("WEBP", PHOTO.convert("RGBA"), {"lossless": True}),
    "GIF": ("GIF", PHOTO.convert("P"), {}),
    "BMP": ("BMP", PHOTO, {}),
    "TIFF of floats": ("TIFF", Image.fromarray(np.asarray(PHOTO.convert("L")).astype(np.float32) / 255), {}),
}


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_all_ways_in_give_the_same_pixels(kind: str, orientation: int, tmp_path: Path) -> None:
    format_, image, options = KINDS[kind]
    if image.mode in ("LA", "RGBA"):
        image = image.copy()
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    image.save(file, format_, **options, **({} if format_ in ("GIF", "BMP") else {"exif": exif}))
    content = file.getvalue()
    expected = read_picture(content)
    with Image.open(io.BytesIO(content)) as opened:
        assert np.array_equal(read_picture(opened), expected)
    assert np.array_equal(read_picture(io.BytesIO(content)), expected)
    assert np.array_equal(read_picture(expected), expected)
    path = tmp_path / "folder" / "train" / "happy" / f"a.{format_.lower()}"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    assert np.array_equal(read_picture(path), expected)
    for data in (tmp_path / "folder", parquet(tmp_path / "faces.parquet", content)):
        (crop,) = open_dataset(data).read(Split.TRAIN).crops
        assert np.array_equal(as_rgb(crop), expected)


def parquet(path: Path, content: bytes) -> Path:
    votes = {f"ferplus_{name}": [1] for name in VOTE_COLUMNS}
    table = {"row": [0], "usage": ["train"], "emotion": ["happy"], "image": [content], **votes}
    pq.write_table(pa.table(table), path)
    return path


def as_rgb(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(crop[..., None], 3, axis=2) if crop.ndim == 2 else crop
