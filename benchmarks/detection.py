"""Recall, false positives and time of the `mtcnn` detector.

    python benchmarks/detection.py --photos DIR [--faceless DIR] [--threads 1] [--out FILE.json]

`--photos` holds photos cropped around one face each, `--faceless` pictures without any. Nobody marked the faces:
in such a photo the face is expected in the centred box of 80 % of its width and 90 % of its height, and counts as found
if a detection's box overlaps that one by 40 % of their union. The place does not come from the detector measured.

- upright: the photos as they are; rotated: turned by 20° either way about their centre, corners black.
- scene: a photo shrunk to a face of 40 to 60 px, somewhere on a picture of 640 × 480.
- group: six photos with faces of 60 to 130 px on a picture of 640 × 480.
- faceless: drawn textures, and the pictures of `--faceless`. False positives are detections that no expected face
  explains; on scenes, groups and backgrounds likewise.

Figures and what follows from them: docs/decisions/0003-detector.md.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _measure import machine, median_ms, report
from numpy.typing import NDArray
from PIL import Image

from mien.detect.mtcnn import Mtcnn
from mien.results import Box

FACE_PART = (0.8, 0.9)
ENOUGH_OVERLAP = 0.4
SCENE_SIZE = (640, 480)
FACES_IN_GROUP = 6
DRAWN_FACELESS = 80
TURNS_DEG = (-20, 20)

Sample = tuple[Image.Image, list[Box]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos with one face each")
    parser.add_argument("--faceless", type=Path, help="folder of pictures without a face")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="also write the figures to this file")
    arguments = parser.parse_args()
    photos, faceless = pictures_in(arguments.photos), pictures_in(arguments.faceless) if arguments.faceless else []
    rng = np.random.default_rng(0)
    detector = Mtcnn(threads=arguments.threads)
    found = {
        "upright": recall(detector, ((photo, [central_box(photo)]) for photo in photos)),
        "rotated": recall(detector, rotated(photos)),
        "scene": recall(detector, (scene([photo], (40, 60), rng) for photo in photos)),
        "group": recall(detector, groups(photos, rng)),
        "faceless_drawn": recall(detector, ((background(rng), []) for _ in range(DRAWN_FACELESS))),
        "faceless_pictures": recall(detector, ((picture, []) for picture in faceless)),
    }
    timed = {
        "photo": photos[0],
        "scene": scene(photos[:1], (40, 60), rng)[0],
        "group": next(groups(photos, rng))[0],
        "12_megapixels": photos[0].resize((4000, 3000)),
    }
    times = {name: stage_times(detector, np.asarray(picture)) for name, picture in timed.items()}
    setting = machine(["mien", "numpy", "onnxruntime", "pillow"]) | {"threads": arguments.threads}
    report({"recall": found, "milliseconds": times, "machine": setting}, arguments.out)


def recall(detector: Mtcnn, samples: Iterator[Sample]) -> dict[str, Any]:
    """How many expected faces were found, and how many detections no expected face explains."""
    pictures = expected = found = false_positives = 0
    for picture, faces in samples:
        boxes = [detection.box for detection in detector(np.asarray(picture))]
        pictures += 1
        expected += len(faces)
        found += sum(any(overlap(box, face) >= ENOUGH_OVERLAP for box in boxes) for face in faces)
        false_positives += sum(all(overlap(box, face) < ENOUGH_OVERLAP for face in faces) for box in boxes)
    return {
        "pictures": pictures,
        "faces": expected,
        "found": found,
        "recall": round(found / expected, 4) if expected else None,
        "false_positives": false_positives,
    }


def stage_times(detector: Mtcnn, image_rgb: NDArray[np.uint8]) -> dict[str, Any]:
    """Median milliseconds of the whole and of each stage, and how many boxes leave each stage."""
    pictures, levels = detector.pyramid(image_rgb)
    proposed = detector.propose(levels, pictures[0].shape)
    refined = detector.refine(pictures, proposed)
    return {
        "size": [image_rgb.shape[1], image_rgb.shape[0]],
        "whole": median_ms(lambda: detector(image_rgb)),
        "pyramid": median_ms(lambda: detector.pyramid(image_rgb)),
        "propose": median_ms(lambda: detector.propose(levels, pictures[0].shape)),
        "refine": median_ms(lambda: detector.refine(pictures, proposed)),
        "finish": median_ms(lambda: detector.finish(pictures, refined)),
        "boxes": [len(proposed), len(refined), len(detector(image_rgb))],
    }


def pictures_in(folder: Path) -> list[Image.Image]:
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in {".jpg", ".jpeg", ".png"})
    return [Image.open(path).convert("RGB") for path in paths]


def central_box(photo: Image.Image, left: int = 0, top: int = 0) -> Box:
    """Where the face of a photo is expected, the photo's corner being at `left`, `top`."""
    wide, high = (round(side * part) for side, part in zip(photo.size, FACE_PART, strict=True))
    left, top = left + (photo.width - wide) // 2, top + (photo.height - high) // 2
    return Box(left, top, left + wide, top + high)


def rotated(photos: list[Image.Image]) -> Iterator[Sample]:
    for photo in photos:
        for turn_deg in TURNS_DEG:
            yield photo.rotate(turn_deg, Image.Resampling.BICUBIC), [central_box(photo)]


def groups(photos: list[Image.Image], rng: np.random.Generator) -> Iterator[Sample]:
    for start in range(0, len(photos) - FACES_IN_GROUP + 1, FACES_IN_GROUP):
        yield scene(photos[start : start + FACES_IN_GROUP], (60, 130), rng)


def scene(photos: list[Image.Image], face_px: tuple[int, int], rng: np.random.Generator) -> Sample:
    """Photos shrunk to faces of a height between two, each somewhere in its own cell of a background."""
    canvas, faces = background(rng), []
    columns, rows = (3, 2) if len(photos) > 1 else (1, 1)
    cell_width, cell_height = canvas.width // columns, canvas.height // rows
    for i, photo in enumerate(photos):
        scale = rng.uniform(*face_px) / (FACE_PART[1] * photo.height)
        scale = min(scale, cell_width / photo.width, cell_height / photo.height)
        small = photo.resize((max(1, int(photo.width * scale)), max(1, int(photo.height * scale))))
        left = i % columns * cell_width + int(rng.integers(0, cell_width - small.width + 1))
        top = i // columns * cell_height + int(rng.integers(0, cell_height - small.height + 1))
        canvas.paste(small, (left, top))
        faces.append(central_box(small, left, top))
    return canvas, faces


def background(rng: np.random.Generator) -> Image.Image:
    """A picture without a face: plain, a gradient, blurred noise of some grain or crossed waves."""
    width, height = SCENE_SIZE
    kind = rng.integers(4)
    if kind == 0:
        return Image.new("RGB", SCENE_SIZE, tuple(rng.integers(0, 256, 3).tolist()))
    if kind == 1:
        corners = Image.fromarray(rng.integers(0, 256, (2, 2, 3), dtype=np.uint8))
        return corners.resize(SCENE_SIZE, Image.Resampling.BILINEAR)
    if kind == 2:
        grain = int(rng.integers(1, 17))
        noise = Image.fromarray(rng.integers(0, 256, (height // grain, width // grain, 3), dtype=np.uint8))
        return noise.resize(SCENE_SIZE, Image.Resampling.BICUBIC)
    y, x = np.mgrid[:height, :width]
    across, down = rng.uniform(0.02, 0.5, 2)
    waves = 127 + 120 * np.sin(across * x) * np.cos(down * y)
    return Image.fromarray(waves.astype(np.uint8)).convert("RGB")


def overlap(one: Box, other: Box) -> float:
    """Shared area of two boxes relative to their union."""
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (one.width * one.height + other.width * other.height - shared)


if __name__ == "__main__":
    main()
