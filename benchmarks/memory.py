"""Memory that recognition takes: at its peak, and what is left afterwards.

    python benchmarks/memory.py [--megapixels 1 12 64] [--threads 1 4 16] [--forms jpeg] [--min-face 20]
        [--out FILE.json]

Each figure is of a process of its own, in which as many threads as named share one recognizer, each with one picture of
that size at once; ONNX Runtime computes with one thread for each call. The pictures are the group photo of examples/
made larger, in one of the forms: jpeg, progressive, turned (a JPEG with EXIF orientation 6), rgba and gray16 (PNG),
webp, avif, array. Memory is what the system holds for the process (resident set), in MB of a million bytes, from
/proc: Linux only. `loaded` is after one small picture, `peak` the highest while the large ones were read, `after` when
they are done, `later` after ten small ones more.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from _measure import ROOT, machine, report
from PIL import Image

from mien import Mtcnn, Recognizer

PHOTO = ROOT / "examples" / "group.jpg"
FORMS = ("jpeg", "progressive", "turned", "rgba", "gray16", "webp", "avif", "array")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, nargs="+", default=[1, 12, 64])
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--forms", choices=FORMS, nargs="+", default=["jpeg"])
    parser.add_argument("--min-face", type=float, help="smallest face looked for, in pixels; by default mien's")
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)  # measures this picture, in the process it runs in
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measured(arguments.one, arguments.threads[0], arguments.min_face)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for form, megapixels in product(arguments.forms, arguments.megapixels):
            picture = write_picture(Path(folder), form, megapixels)
            for threads in arguments.threads:
                row = {"form": form, "megapixels": megapixels, "threads": threads, "min_face_px": arguments.min_face}
                rows.append(row | in_own_process(picture, threads, arguments.min_face))
                print(rows[-1], file=sys.stderr)
    report({"machine": machine(["mien", "onnxruntime", "numpy", "pillow"]), "memory_mb": rows}, arguments.out)


def write_picture(folder: Path, form: str, megapixels: float) -> Path:
    """The photo with that many pixels, in a file."""
    with Image.open(PHOTO) as photo:
        scale = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
        picture = photo.resize((int(photo.width * scale), int(photo.height * scale)))
    path = folder / f"{form}-{megapixels:g}"
    match form:
        case "array":
            np.save(path.with_suffix(".npy"), np.asarray(picture))
            return path.with_suffix(".npy")
        case "rgba":
            picture.putalpha(200)
            picture.save(path, "PNG", compress_level=1)
        case "gray16":
            Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(
                path, "PNG", compress_level=1
            )
        case "webp" | "avif":
            picture.save(path, form.upper(), **({"method": 0} if form == "webp" else {"speed": 10}))
        case _:
            exif = Image.Exif()
            exif[0x0112] = 6 if form == "turned" else 1
            picture.save(path, "JPEG", progressive=form == "progressive", exif=exif)
    return path


def in_own_process(picture: Path, threads: int, min_face: float | None) -> dict[str, Any]:
    """`measured` in a process in which nothing has been before."""
    command = [sys.executable, __file__, "--one", str(picture), "--threads", str(threads)]
    command += ["--min-face", str(min_face)] if min_face else []
    answer = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603  nothing from outside
    figures: dict[str, Any] = json.loads(answer.stdout)
    return figures


def measured(picture: Path, threads: int, min_face: float | None) -> dict[str, int]:
    """Memory in MB while several threads read the picture at once."""
    recognizer = Recognizer(detector=Mtcnn(threads=1, min_face_px=min_face), threads=1)
    recognizer.recognize(PHOTO)
    figures = {"loaded": status_mb("VmRSS")}
    source = np.load(picture) if picture.suffix == ".npy" else picture
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak so far is forgotten
    with ThreadPoolExecutor(threads) as pool:
        faces = [len(result) for result in pool.map(recognizer.recognize, [source] * threads)]
    figures["peak"] = status_mb("VmHWM")
    del source
    gc.collect()
    figures["after"] = status_mb("VmRSS")
    for _ in range(10):
        recognizer.recognize(PHOTO)
    gc.collect()
    return figures | {"later": status_mb("VmRSS"), "faces": faces[0]}


def status_mb(key: str) -> int:
    """A figure of /proc/self/status."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        if line.startswith(key + ":"):
            return round(int(line.split()[1]) * 1024 / 1e6)
    raise KeyError(key)


if __name__ == "__main__":
    main()
