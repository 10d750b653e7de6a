"""Damaged pictures, model files and data sets, by the hundred: each is read or refused with an error of mien's own.

    pytest tests/attack -s                     a short run, as in the suite
    MIEN_ATTACK=20 pytest tests/attack -s      twenty times as many, with their counts

What is tried follows from seeds alone, so that a failure comes again: its message holds the seed.
"""

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, features

from mien.data import open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS
from mien.errors import DataError, MienError, ModelError, PictureError
from mien.images import read_picture
from mien.model import find_model, load_model
from mien.recognizer import Recognizer

TIMES = int(os.environ.get("MIEN_ATTACK", "1"))
PICTURES, MODELS, DATA_SETS = 600 * TIMES, 20 * TIMES, 60 * TIMES

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning")]

Rng = np.random.Generator


def damaged(content: bytes, rng: Rng) -> bytes:
    """The content with one or several kinds of damage."""
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 4))):
        start, end = sorted(rng.integers(0, max(1, len(data)), 2).tolist())
        end = min(end, start + 200)
        match int(rng.integers(8)):
            case 0:
                data = data[: max(1, start)]
            case 1:
                del data[start:end]
            case 2:
                data[start:start] = data[start:end]
            case 3:
                data[start:end] = bytes(end - start)
            case 4:
                data[start:end] = b"\xff" * (end - start)
            case 5:
                data[start:end] = rng.bytes(end - start)
            case 6 if data:  # where headers are
                data[int(rng.integers(min(64, len(data))))] = int(rng.integers(256))
            case _ if data:
                data[start % len(data)] ^= 1 << int(rng.integers(8))
    return bytes(data)


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def sound_pictures(examples: Path) -> list[bytes]:
    """A small photo in every format, mode and arrangement that is read."""
    with Image.open(examples / "astronaut.jpg") as opened:
        photo = opened.convert("RGB").resize((96, 96))
    gray16 = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = [
        encoded(photo, "JPEG", exif=exif),
        encoded(photo, "JPEG", progressive=True, quality=30),
        encoded(photo, "JPEG", restart_marker_rows=1),
        encoded(photo.convert("CMYK"), "JPEG"),
        *(encoded(photo.convert(mode), "PNG") for mode in ("1", "L", "LA", "P", "RGB", "RGBA")),
        encoded(gray16, "PNG"),
        encoded(photo, "PNG", icc_profile=b"profile" * 1000, exif=exif),
        encoded(photo, "WEBP"),
        encoded(photo.convert("RGBA"), "WEBP", lossless=True),
        *(encoded(photo.convert(mode), "BMP") for mode in ("1", "L", "RGB")),
        *(encoded(photo, "TIFF", compression=name) for name in ("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits")),
        encoded(photo.convert("F").point(lambda value: value / 255), "TIFF"),
        encoded(photo.convert("P"), "GIF"),
        encoded(photo, "GIF", save_all=True, append_images=[photo.rotate(90)]),
    ]
    if features.check("avif"):
        pictures.append(encoded(photo, "AVIF", speed=10))
    try:
        import pillow_heif
    except ImportError:
        return pictures
    file = io.BytesIO()
    pillow_heif.from_pillow(photo).save(file)
    return [*pictures, file.getvalue()]


def tried(number: int, attack: Callable[[Rng], None], allowed: type[MienError]) -> Counter[str]:
    """Counts what came of that many attacks; fails at the first that ends in another error than is allowed."""
    counts: Counter[str] = Counter()
    for seed in range(number):
        try:
            attack(np.random.default_rng(seed))
        except allowed as error:
            if "\n" in str(error):
                raise AssertionError(f"seed {seed}: an error of several lines: {error}") from error
            counts[type(error).__name__] += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}: {type(error).__name__}: {error}") from error
        else:
            counts["read"] += 1
    print(f"\n{number:,} tried: {', '.join(f'{count:,} {name}' for name, count in counts.most_common())}")
    assert sum(counts.values()) == number
    return counts


def test_damaged_pictures(examples: Path) -> None:
    sound = sound_pictures(examples)

    def attack(rng: Rng) -> None:
        pixels = read_picture(damaged(sound[int(rng.integers(len(sound)))], rng), max_pixels=1_000_000)
        assert pixels.dtype == np.uint8
        assert pixels.shape[2] == 3

    counts = tried(PICTURES, attack, PictureError)
    assert 0 < counts["read"] < PICTURES


def test_arrays_of_anything() -> None:
    kinds = ("?", "u1", "u2", "u4", "i1", "i8", "f2", "f4", "f8", "c8", "U3", "S2", "O", "M8[s]")

    def attack(rng: Rng) -> None:
        shape = tuple(rng.choice([0, 1, 2, 3, 4, 17], int(rng.integers(0, 5))).tolist())
        values = rng.choice([0, 0.5, 1, 1.0001, 2, 200, 300, 1e5, -1], shape)
        with np.errstate(over="ignore"):
            array = np.asarray(values).astype("i8").astype(kinds[int(rng.integers(len(kinds)))])
            if array.dtype.kind == "f":
                array = np.asarray(values / rng.choice([1, 255, 1e9])).astype(array.dtype)
        read_picture(array[::-1] if array.ndim and rng.integers(2) else array)

    tried(PICTURES // 2, attack, PictureError)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_damaged_pictures_through_the_whole_recognizer(examples: Path) -> None:
    sound = sound_pictures(examples)
    recognizer = Recognizer("tiny", threads=1)

    def pictures() -> Iterator[bytes]:
        for seed in range(PICTURES // 10):
            rng = np.random.default_rng(seed)
            yield damaged(sound[int(rng.integers(len(sound)))], rng)

    results = list(recognizer.recognize_many(pictures(), on_error="yield"))
    assert len(results) == PICTURES // 10
    errors = sum(result.error is not None for result in results)
    assert 0 < errors < len(results)
    print(f"\n{len(results):,} through the recognizer: {errors:,} errors")


def test_damaged_models(tmp_path: Path) -> None:
    content = find_model("tiny").content
    path = tmp_path / "model.onnx"
    crop = np.zeros((1, 48, 48), np.uint8)

    def attack(rng: Rng) -> None:
        path.write_bytes(damaged(content, rng))
        model = load_model(path, threads=1)
        model.predict(crop, model.metadata.default_answer)

    tried(MODELS, attack, ModelError)


def sound_data(folder: Path) -> list[tuple[str, bytes]]:
    """The three forms of a data set that are one file each, with twelve faces."""
    rng = np.random.default_rng(0)
    faces = rng.integers(0, 256, (12, 48, 48), np.uint8)
    usages = ["Training"] * 8 + ["PublicTest"] * 2 + ["PrivateTest"] * 2
    lines = [f"{n % 7},{' '.join(map(str, face.ravel()))},{usages[n]}" for n, face in enumerate(faces)]
    labels = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
    table = {
        "row": list(range(12)),
        "usage": usages,
        "emotion": [labels[n % 7] for n in range(12)],
        "image": [encoded(Image.fromarray(face), "PNG") for face in faces],
        **{f"ferplus_{name}": [1] * 12 for name in VOTE_COLUMNS},
    }
    path = folder / "sound.parquet"
    pq.write_table(pa.table(table), path)
    return [("fer2013.csv", "\n".join(["emotion,pixels,Usage", *lines]).encode()), ("faces.parquet", path.read_bytes())]


def test_damaged_data_sets(tmp_path: Path) -> None:
    sound = sound_data(tmp_path)

    def attack(rng: Rng) -> None:
        name, content = sound[int(rng.integers(len(sound)))]
        path = tmp_path / name
        path.write_bytes(damaged(content, rng))
        faces = open_dataset(path).read()
        assert len(faces) > 0
        assert len(faces.crops) == len(faces.fer7) == len(faces.votes)

    tried(DATA_SETS, attack, DataError)
