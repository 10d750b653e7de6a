"""Milliseconds per photo by stage: read, detect, crop, classify; and of the whole, `Recognizer.recognize`.

    python benchmarks/pipeline.py [--photos DIR] [--threads 1] [--rounds 9] [--model base] [--out FILE.json]

Each round goes through all photos, each first by stages and then as a whole, and gives the mean time per photo; figures
are medians over rounds. The first round does not count: it also brings the files into the system's cache.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from _measure import ROOT, machine, print_table, save, spread, summary

from mien import Recognizer
from mien.find import find_pictures
from mien.images import read_picture
from mien.preprocess import crop_face

STAGES = ("read", "detect", "crop", "classify", "recognize")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, default=ROOT / "examples", help="a folder, searched with all in it")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--model", default="base")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    photos = [found for found in find_pictures([arguments.photos]) if isinstance(found, Path)]
    if not photos:
        parser.error(f"no pictures in {arguments.photos}")
    recognizer = Recognizer(arguments.model, threads=arguments.threads)
    rounds = [mean_times_ms(recognizer, photos) for _ in range(arguments.rounds + 1)][1:]
    stages = {stage: summary(times) for stage, times in zip(STAGES, zip(*rounds, strict=True), strict=True)}
    figures: dict[str, Any] = {
        "machine": machine(["mien", "onnxruntime", "numpy", "pillow"]),
        "model": {"name": recognizer.model.metadata.name, "sha256": recognizer.model.file.sha256},
        "threads": arguments.threads,
        **content(recognizer, photos),
        "ms_per_photo": stages,
    }
    save(figures, arguments.out)
    print_table(
        figures["machine"],
        [("stage", "ms/photo", "quartiles"), *((stage, *spread(times, 2)) for stage, times in stages.items())],
    )
    print("{photos} photos of {mean_megapixels} megapixels, {faces} faces, {threads} threads".format(**figures))


def mean_times_ms(recognizer: Recognizer, photos: Sequence[Path]) -> list[float]:
    """Mean time per photo of each of `STAGES`."""
    times = [[*stage_times_ms(recognizer, photo), whole_time_ms(recognizer, photo)] for photo in photos]
    return np.mean(times, axis=0).tolist()


def stage_times_ms(recognizer: Recognizer, photo: Path) -> list[float]:
    """Times of the four stages of `recognize`, called one by one."""
    marks = [time.perf_counter()]
    image_rgb = read_picture(photo)
    marks.append(time.perf_counter())
    found = recognizer.detector(image_rgb)
    marks.append(time.perf_counter())
    crops = [crop_face(image_rgb, face, recognizer.model.metadata.input) for face in found]
    marks.append(time.perf_counter())
    if crops:
        recognizer.model.predict(np.stack(crops), recognizer.expressions.name)
    marks.append(time.perf_counter())
    return (1000 * np.diff(marks)).tolist()


def whole_time_ms(recognizer: Recognizer, photo: Path) -> float:
    start = time.perf_counter()
    recognizer.recognize(photo)
    return 1000 * (time.perf_counter() - start)


def content(recognizer: Recognizer, photos: Sequence[Path]) -> dict[str, float]:
    """How many photos and faces there are, and how large the photos."""
    images = (read_picture(photo) for photo in photos)
    sizes = [(image.shape[0] * image.shape[1], len(recognizer.detector(image))) for image in images]
    pixels, faces = (sum(column) for column in zip(*sizes, strict=True))
    return {"photos": len(photos), "mean_megapixels": round(pixels / len(photos) / 1e6, 2), "faces": faces}


if __name__ == "__main__":
    main()
