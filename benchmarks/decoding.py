"""Pillow against OpenCV for reading pictures: time, installed size, and what each makes of unusual files.

    python benchmarks/decoding.py [--out FILE] [--installed-size]

OpenCV is the package of the extra `yunet`. `--installed-size` makes two virtual environments and needs a package index.
Figures and what follows from them: docs/decisions/0002-pillow.md.
"""

import argparse
import io
import struct
import subprocess
import sys
import tempfile
import venv
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from _measure import fresh_process_ms, machine, median_ms, report
from numpy.typing import NDArray
from PIL import Image

from mien.images import read_picture

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
Decoder = Callable[[bytes], NDArray[Any]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="also write the figures to this file")
    parser.add_argument("--installed-size", action="store_true", help="measure fresh installations as well")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    figures: dict[str, Any] = {
        "machine": machine(["numpy", "pillow", "opencv-python-headless"]),
        "import_ms": {
            "pillow": fresh_process_ms("import mien.images"),
            "opencv": fresh_process_ms("import cv2"),
        },
        "decode_ms": decoding_times(),
        "area_resampling_ms": resampling_times(),
        "unusual_files": unusual_files(),
    }
    if arguments.installed_size:
        figures["installed_mb"] = {p: installed_mb(p) for p in ("pillow", "opencv-python-headless")}
    report(figures, arguments.out)


def with_opencv(data: bytes) -> NDArray[Any]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("not decoded")
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


DECODERS: dict[str, Decoder] = {"pillow": read_picture, "opencv": with_opencv}


def encoded(image: Image.Image, format_: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def decoding_times() -> dict[str, dict[str, float]]:
    with Image.open(EXAMPLES / "group.jpg") as group:
        small, large = group.resize((300, 200)), group.resize((4000, 3000))
    files = {
        "JPEG 300 x 200": encoded(small, "JPEG", quality=90),
        "JPEG 4000 x 3000": encoded(large, "JPEG", quality=90),
    }
    return {
        name: {decoder: median_ms(lambda: decode(data)) for decoder, decode in DECODERS.items()}  # noqa: B023
        for name, data in files.items()
    }


def resampling_times() -> dict[str, dict[str, float]]:
    """By area: Pillow's box filter and OpenCV's INTER_AREA, which give the same to within rounding."""
    with Image.open(EXAMPLES / "group.jpg") as group:
        sources = {
            "gray 160 x 160 to 48 x 48": (group.convert("L").resize((160, 160)), (48, 48)),
            "RGB 4000 x 3000 to 640 x 480": (group.convert("RGB").resize((4000, 3000)), (640, 480)),
        }
    times: dict[str, dict[str, float]] = {}
    for name, (image, size) in sources.items():
        pixels = np.asarray(image)
        times[name] = {
            "pillow": median_ms(
                lambda: np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))  # noqa: B023
            ),
            "opencv": median_ms(lambda: cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)),  # noqa: B023
        }
    return times


def unusual_files() -> dict[str, dict[str, str]]:
    """What each decoder makes of each file: right, wrong (colors or shape off), or the refusal."""
    pixels = np.empty((64, 96, 3), np.uint8)
    pixels[:] = (200, 40, 90)
    pixels[:32, :48] = (20, 220, 60)
    rgb = Image.fromarray(pixels)
    gray = np.repeat(np.asarray(rgb.convert("L"))[:, :, None], 3, axis=2)
    turned = Image.Exif()
    turned[0x0112] = 6
    sideways = rgb.transpose(Image.Transpose.ROTATE_90)
    clear = rgb.convert("RGBA")
    clear.paste((200, 40, 90, 0), (48, 32, 96, 64))
    on_white = np.asarray(Image.alpha_composite(Image.new("RGBA", rgb.size, "white"), clear).convert("RGB"))
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8))
    gray16 = Image.fromarray(gray[:, :, 0].astype(np.uint16) * 257)
    gray_float = Image.fromarray(gray[:, :, 0].astype(np.float32) / 255)
    files: dict[str, tuple[bytes, NDArray[Any] | None]] = {
        "JPEG with EXIF orientation": (encoded(sideways, "JPEG", exif=turned, quality=95), pixels),
        "PNG with EXIF orientation": (encoded(sideways, "PNG", exif=turned), pixels),
        "WebP with EXIF orientation": (encoded(sideways, "WEBP", exif=turned), pixels),
        "TIFF with EXIF orientation": (encoded(sideways, "TIFF", exif=turned), pixels),
        "CMYK JPEG": (encoded(rgb.convert("CMYK"), "JPEG", quality=95), pixels),
        "CMYK TIFF": (encoded(rgb.convert("CMYK"), "TIFF"), pixels),
        "palette PNG": (encoded(rgb.quantize(4), "PNG"), pixels),
        "transparent PNG": (encoded(clear, "PNG"), on_white),
        "16-bit PNG": (encoded(gray16, "PNG"), gray),
        "float TIFF": (encoded(gray_float, "TIFF"), gray),
        "GIF": (encoded(rgb, "GIF"), pixels),
        "BMP": (encoded(rgb, "BMP"), pixels),
        "JPEG cut in half": (half(encoded(noise, "JPEG")), None),
        "PNG cut in half": (half(encoded(noise, "PNG")), None),
        "BMP cut in half": (half(encoded(noise, "BMP")), None),
        "PNG that declares 30000 x 30000": (png_header(30_000, 30_000), None),
        "PNG of 20000 x 20000, 49 kB": (encoded(Image.new("1", (20_000, 20_000)), "PNG"), None),
    }
    return {
        name: {decoder: verdict(decode, data, expected) for decoder, decode in DECODERS.items()}
        for name, (data, expected) in files.items()
    }


def verdict(decode: Decoder, data: bytes, expected: NDArray[Any] | None) -> str:
    """Whether the picture comes out as expected; where None is, a refusal is."""
    try:
        pixels = decode(data)
    except Exception as error:
        return f"refused: {type(error).__name__}"
    if expected is None:
        return "accepted"
    if pixels.shape != expected.shape:
        return f"wrong shape {pixels.shape}"
    off = np.abs(pixels.astype(int) - expected).mean()
    return "right" if off < 8 else f"wrong by {off:.0f} of 255"


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def png_header(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def installed_mb(package: str) -> float:
    """What installing the package adds to a fresh environment that has NumPy, in megabytes of 10^6 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        sizes = []
        for wanted in ("numpy", package):
            python = Path(folder) / ("Scripts" if sys.platform == "win32" else "bin") / "python"
            subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-compile", wanted], check=True)  # noqa: S603
            sizes.append(sum(file.lstat().st_size for file in Path(folder).rglob("*") if file.is_file()))
    return round((sizes[1] - sizes[0]) / 1e6, 1)


if __name__ == "__main__":
    main()
