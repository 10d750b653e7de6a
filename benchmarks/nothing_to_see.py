"""How often answers are certain where there is no face, or one that is not upright, and what that costs real faces.

    python benchmarks/nothing_to_see.py --fer2013 FILE --photos DIR [--faceless DIR] [--model base] [--out FILE.json]

No speed but that of the check. Each kind of crop is given to the model alone and through `FaceCheck`, as a
`Recognizer` does it:

- faces: images of FILE, FER2013 with FER+ votes, that nobody called no face and at most two called unknown, and the
  faces that are found in DIR's photos; both also turned by 90, 180 and 270°. Images that half of the voters could not
  call a face are a kind of their own.
- patches: squares of 20 pixels up to the whole side, of pictures that hold no face (`--faceless`).
- drawn: noise, gradients, stripes, checkerboards, text, shapes, blurs; and flat pictures.

The photos are then turned by several angles, and it is counted in how many a face is found and how many of these
answers are certain, without and with `rotations`. A face counts that covers the photo's middle.

Figures and what follows from them: docs/decisions/0014-nothing-to-see.md.
"""

import argparse
import io
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
from _measure import machine, report
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien import Recognizer
from mien.data import open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS
from mien.detect import FaceCheck
from mien.detect.rotations import ROTATIONS
from mien.images import read_picture
from mien.preprocess import crop_face
from mien.results import Doubt, Face
from mien.stats import score_interval

Pixels = NDArray[np.uint8]

SIDE_PX = 48
SMALLEST_PATCH_PX = 20
PATCHES_A_PICTURE = 40
DRAWN_OF_A_KIND = 100
ANGLES_DEG = (0, 30, 45, 60, 90, 180)
"""Counterclockwise, as Pillow turns."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fer2013", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--faceless", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--faces", type=int, default=600, help="at most so many images of FER2013")
    parser.add_argument("--turned", type=int, default=100, help="at most so many photos are turned")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    recognizer = Recognizer(arguments.model, threads=1)
    photos = pictures_in(arguments.photos)
    kinds: dict[str, Sequence[Pixels]] = dict(fer2013_kinds(arguments.fer2013, arguments.faces))
    kinds |= with_turns("faces found in photos", found_faces(recognizer, photos))
    if arguments.faceless:
        rng = np.random.default_rng(0)
        kinds["patches"] = [patch for picture in pictures_in(arguments.faceless) for patch in patches(picture, rng)]
    kinds |= drawn()
    figures = {
        "machine": machine(["mien", "numpy", "onnxruntime", "pillow"]),
        "model": {"name": arguments.model, "sha256": recognizer.model.file.sha256},
        "crops": {kind: certain(recognizer, crops) for kind, crops in kinds.items() if crops},
        "photos_turned": photos_turned(arguments.model, photos[:: -(-len(photos) // arguments.turned)]),
    }
    report(figures, arguments.out)


def certain(recognizer: Recognizer, crops: Sequence[Pixels]) -> dict[str, Any]:
    """Share of certain answers by the model alone and with the check, and processor time of both, in ms a crop."""
    check = FaceCheck(threads=1)
    check.doubts(crops[:1])
    started = process_time()
    alone = [not each.uncertain for each in recognizer.model.predict(crops, recognizer.expressions.name)]
    between = process_time()
    doubts = check.doubts(crops)
    ended = process_time()
    checked = [sure and doubt is None for sure, doubt in zip(alone, doubts, strict=True)]
    return {
        "n": len(crops),
        "certain_alone": share(alone),
        "certain_checked": share(checked),
        "no_face": doubts.count(Doubt.NO_FACE),
        "not_upright": doubts.count(Doubt.NOT_UPRIGHT),
        "ms_model": round(1000 * (between - started) / len(crops), 3),
        "ms_check": round(1000 * (ended - between) / len(crops), 3),
    }


def share(flags: Sequence[bool]) -> dict[str, float]:
    low, high = score_interval(sum(flags), len(flags))
    return {"share": round(sum(flags) / len(flags), 4), "low": round(low, 4), "high": round(high, 4)}


def fer2013_kinds(path: Path, most: int) -> dict[str, list[Pixels]]:
    """Images that voters called faces, upright and turned, and those that half of them could not call a face."""
    faces = open_dataset(path).read(None)
    unknown, no_face = (faces.votes[:, VOTE_COLUMNS.index(name)] for name in ("unknown", "nf"))
    sure = np.flatnonzero((no_face == 0) & (unknown <= 2) & (faces.votes.sum(axis=1) > 0))
    chosen = np.random.default_rng(0).permutation(sure)[:most]
    odd = np.flatnonzero(unknown + no_face >= 5)
    upright = [faces.crops[int(index)] for index in chosen]
    return with_turns("fer2013 faces", upright) | {"fer2013 no face": [faces.crops[int(index)] for index in odd]}


def found_faces(recognizer: Recognizer, photos: Sequence[Pixels]) -> list[Pixels]:
    """The crops of the faces that are found in photos, as the model frames them."""
    preprocessing = recognizer.model.metadata.input
    return [crop_face(photo, found, preprocessing) for photo in photos for found in recognizer.detector(photo)]


def with_turns(name: str, crops: list[Pixels]) -> dict[str, list[Pixels]]:
    turned = {f"{name}, turned by {90 * n}°": [np.rot90(crop, n).copy() for crop in crops] for n in (1, 2, 3)}
    return {name: crops} | turned


def patches(picture: Pixels, rng: np.random.Generator) -> list[Pixels]:
    """Squares anywhere in a picture, their sides spread evenly on a logarithmic scale."""
    height, width = picture.shape[:2]
    limits = np.log([SMALLEST_PATCH_PX, min(height, width)])
    found = []
    for side in np.exp(rng.uniform(*limits, PATCHES_A_PICTURE)).astype(int):
        left, top = rng.integers(0, width - side + 1), rng.integers(0, height - side + 1)
        found.append(picture[top : top + side, left : left + side])
    return found


def drawn() -> dict[str, list[Pixels]]:
    """Drawn pictures by kind."""
    rng = np.random.default_rng(0)
    return {f"drawn, {name}": [draw(rng) for _ in range(DRAWN_OF_A_KIND)] for name, draw in DRAWN.items()}


def stretched(values: NDArray[np.float64], rng: np.random.Generator) -> Pixels:
    """Numbers as grays, from a dark one to a light one."""
    dark, light = rng.uniform(0, 100), rng.uniform(120, 255)
    return np.asarray(dark + (light - dark) * (values - values.min()) / np.ptp(values), dtype=np.uint8)


def flat(rng: np.random.Generator) -> Pixels:
    return np.full((SIDE_PX, SIDE_PX), rng.integers(0, 256), dtype=np.uint8)


def nearly_flat(rng: np.random.Generator) -> Pixels:
    noise = rng.normal(rng.uniform(5, 250), rng.uniform(0.3, 4), (SIDE_PX, SIDE_PX))
    return np.clip(noise, 0, 255).astype(np.uint8)


def white_noise(rng: np.random.Generator) -> Pixels:
    return rng.integers(0, 256, (SIDE_PX, SIDE_PX), dtype=np.uint8)


def pink_noise(rng: np.random.Generator) -> Pixels:
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(SIDE_PX), np.fft.fftfreq(SIDE_PX)))
    frequencies[0, 0] = 1
    spectrum = np.fft.fft2(rng.normal(size=(SIDE_PX, SIDE_PX))) / frequencies ** rng.uniform(0.5, 2)
    return stretched(np.fft.ifft2(spectrum).real, rng)


def jpeg_noise(rng: np.random.Generator) -> Pixels:
    stream = io.BytesIO()
    Image.fromarray(pink_noise(rng)).save(stream, "JPEG", quality=int(rng.integers(3, 30)))
    return np.asarray(Image.open(stream))


def cells(rng: np.random.Generator, resampling: Image.Resampling) -> Pixels:
    few = rng.integers(0, 256, (rng.integers(2, 12),) * 2, dtype=np.uint8)
    return np.asarray(Image.fromarray(few).resize((SIDE_PX, SIDE_PX), resampling))


def gradient(rng: np.random.Generator) -> Pixels:
    across, down = rng.normal(size=2)
    return stretched(np.add.outer(down * np.arange(SIDE_PX), across * np.arange(SIDE_PX)), rng)


def stripes(rng: np.random.Generator) -> Pixels:
    across, down = rng.uniform(-1.5, 1.5, 2)
    return stretched(np.sin(np.add.outer(down * np.arange(SIDE_PX), across * np.arange(SIDE_PX))), rng)


def checkerboard(rng: np.random.Generator) -> Pixels:
    square = rng.integers(1, 16)
    return stretched(np.add.outer(np.arange(SIDE_PX) // square, np.arange(SIDE_PX) // square) % 2.0, rng)


def text(rng: np.random.Generator) -> Pixels:
    page = Image.new("L", (SIDE_PX, SIDE_PX), int(rng.integers(180, 256)))
    draw = ImageDraw.Draw(page)
    for top in range(int(rng.integers(-5, 5)), SIDE_PX, int(rng.integers(9, 16))):
        draw.text((-2, top), "".join(map(chr, rng.integers(33, 122, 12))), fill=int(rng.integers(0, 90)))
    return np.asarray(page)


def shapes(rng: np.random.Generator) -> Pixels:
    page = Image.new("L", (2 * SIDE_PX, 2 * SIDE_PX), int(rng.integers(0, 256)))
    draw = ImageDraw.Draw(page)
    for _ in range(rng.integers(1, 9)):
        left, top = rng.integers(-20, 90, 2).tolist()
        wide, high = rng.integers(5, 80, 2).tolist()
        box = (left, top, left + wide, top + high)
        (draw.ellipse, draw.rectangle)[rng.integers(2)](box, fill=int(rng.integers(0, 256)))
    return np.asarray(page.resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX))


DRAWN: dict[str, Callable[[np.random.Generator], Pixels]] = {
    "flat": flat,
    "nearly flat": nearly_flat,
    "white noise": white_noise,
    "pink noise": pink_noise,
    "JPEG noise": jpeg_noise,
    "blurred cells": partial(cells, resampling=Image.Resampling.BICUBIC),
    "sharp cells": partial(cells, resampling=Image.Resampling.NEAREST),
    "gradient": gradient,
    "stripes": stripes,
    "checkerboard": checkerboard,
    "text": text,
    "shapes": shapes,
}


def photos_turned(model: str, photos: Sequence[Pixels]) -> list[dict[str, Any]]:
    """By angle, in how many photos the face is found and how many of these answers are certain."""
    ways = {"as_found": Recognizer(model, threads=1), "rotations": Recognizer(model, threads=1, rotations=ROTATIONS)}
    rows = []
    for angle_deg in ANGLES_DEG:
        turned = [np.asarray(rotated(photo, angle_deg)) for photo in photos]
        row: dict[str, Any] = {"angle_deg": angle_deg, "photos": len(turned)}
        for name, recognizer in ways.items():
            found = [face for photo in turned if (face := in_the_middle(recognizer.recognize(photo), photo))]
            row[name] = {
                "found": share([True] * len(found) + [False] * (len(turned) - len(found))),
                "certain": sum(not face.uncertain for face in found),
                "not_upright": sum(face.prediction.doubt is Doubt.NOT_UPRIGHT for face in found),
            }
        rows.append(row)
    return rows


def rotated(photo: Pixels, angle_deg: int) -> Image.Image:
    """The whole photo, turned; what is new at the corners is mid-gray."""
    return Image.fromarray(photo).rotate(angle_deg, Image.Resampling.BICUBIC, expand=True, fillcolor=(128, 128, 128))


def in_the_middle(faces: Iterable[Face], photo: Pixels) -> Face | None:
    """The largest face that covers the middle of a photo."""
    y, x = photo.shape[0] / 2, photo.shape[1] / 2
    covering = [face for face in faces if face.box.left < x < face.box.right and face.box.top < y < face.box.bottom]
    return max(covering, key=lambda face: face.box.width * face.box.height, default=None)


def pictures_in(folder: Path) -> list[Pixels]:
    return [read_picture(path) for path in sorted(folder.iterdir()) if path.suffix.lower() in {".jpg", ".jpeg", ".png"}]


if __name__ == "__main__":
    main()
