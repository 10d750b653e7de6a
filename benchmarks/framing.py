"""Which crop around a detected face suits the model: macro-recall on labelled photos by scale, shift and rotation.

    python benchmarks/framing.py --photos DIR [--tilt 20] [--model base] [--out FILE.json]

DIR holds photos with one main face each and `legend.csv` with the columns `image` and `emotion`. The face judged is the
largest one found. Photos whose label is not one of the four core expressions are left out. With `--tilt`, every photo
is turned by that angle both ways first, which says whether turning crops by the eyes pays.
"""

import argparse
import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from _measure import machine, report
from numpy.typing import NDArray
from PIL import Image

from mien.detect import load_detector
from mien.expressions import CORE4
from mien.images import read_picture
from mien.model.package import ExpressionModel, load_model
from mien.preprocess import Framing, crop_face
from mien.results import Detection

LABELS = {"happiness": "happy", "sadness": "sad"} | {label: label for label in CORE4.labels}
SCALES = (0.9, 1.0, 1.1, 1.2, 1.3, 1.4, 1.5)
SHIFTS = (-0.05, 0.0, 0.05, 0.1)

LabelledFace = tuple[NDArray[np.uint8], Detection, int]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--tilt", type=float, default=0.0, metavar="DEGREES")
    parser.add_argument("--model", default="base")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    model = load_model(arguments.model)
    tilts = (-arguments.tilt, arguments.tilt) if arguments.tilt else (0.0,)
    faces = [face for tilt in tilts for face in labelled_faces(arguments.photos, tilt)]
    own = model.metadata.input.framing
    framings = [Framing(*choice) for choice in product(SCALES, SHIFTS, (False, True))]
    measured = {framing: confusion(model, faces, framing) for framing in [own, *framings]}
    ranked = sorted(framings, key=lambda framing: macro_recall(measured[framing]), reverse=True)
    figures = {
        "machine": machine(["mien", "onnxruntime", "numpy", "pillow"]),
        "model": {"name": model.metadata.name, "sha256": model.file.sha256},
        "tilts_degrees": tilts,
        "faces": len(faces),
        "classes": CORE4.labels,
        "own": figure(own, measured[own]) | {"confusion": measured[own].tolist()},
        "mean_macro_recall": {
            "upright": round(float(np.mean([macro_recall(measured[f]) for f in framings if f.upright])), 4),
            "as_found": round(float(np.mean([macro_recall(measured[f]) for f in framings if not f.upright])), 4),
        },
        "framings": [figure(framing, measured[framing]) for framing in ranked],
    }
    report(figures, arguments.out)


def labelled_faces(folder: Path, tilt: float) -> Iterator[LabelledFace]:
    """Picture turned by `tilt` degrees, largest face and class position of each photo in which a face is found."""
    detect = load_detector("mtcnn")
    with (folder / "legend.csv").open(encoding="utf-8", newline="") as legend:
        rows = [row for row in csv.DictReader(legend) if row["emotion"].lower() in LABELS]
    for row in rows:
        upright = Image.fromarray(read_picture(folder / row["image"]))
        image_rgb = np.asarray(upright.rotate(tilt, Image.Resampling.BICUBIC, expand=True))
        found = detect(image_rgb)
        if found:
            largest = max(found, key=lambda face: face.box.width * face.box.height)
            yield image_rgb, largest, CORE4.index(LABELS[row["emotion"].lower()])


def confusion(model: ExpressionModel, faces: list[LabelledFace], framing: Framing) -> NDArray[np.int64]:
    """Photos by label (row) and answer (column)."""
    preprocessing = replace(model.metadata.input, framing=framing)
    crops = np.stack([crop_face(image_rgb, face, preprocessing) for image_rgb, face, _ in faces])
    predictions = model.probabilities(crops, CORE4.name).argmax(axis=1)
    counts = np.zeros((len(CORE4), len(CORE4)), dtype=np.int64)
    np.add.at(counts, ([target for *_, target in faces], predictions), 1)
    return counts


def macro_recall(counts: NDArray[np.int64]) -> float:
    """Mean recall of the classes that occur."""
    occur = counts.sum(axis=1) > 0
    return float((counts.diagonal()[occur] / counts.sum(axis=1)[occur]).mean())


def figure(framing: Framing, counts: NDArray[np.int64]) -> dict[str, float | bool]:
    return {
        "scale": framing.scale,
        "shift_down": framing.shift_down,
        "upright": framing.upright,
        "macro_recall": round(macro_recall(counts), 4),
        "accuracy": round(float(counts.trace() / counts.sum()), 4),
    }


if __name__ == "__main__":
    main()
