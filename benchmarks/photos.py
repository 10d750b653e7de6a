"""How often models are right on real photos, end to end: found, cropped and read as `mien recognize` does it.

    python benchmarks/photos.py --photos DIR --model base [--model OLD.onnx ...] [--out FILE.json]

DIR holds photos with one main face each and `legend.csv` with the columns `image` and `emotion`. The face judged is the
largest one found. Photos whose label is not one of the four core expressions are left out. Each model is measured by
its default answers, with 95 % bootstrap intervals, on the photos in which a face is found.
"""

import argparse
import csv
from pathlib import Path
from typing import Any

import numpy as np
from _measure import machine, report

from mien import Recognizer
from mien.evaluate.metrics import measure
from mien.expressions import CORE4
from mien.results import to_jsonable

LABELS = {"happiness": "happy", "sadness": "sad"} | {label: label for label in CORE4.labels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--model", action="append", required=True)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()

    with (arguments.photos / "legend.csv").open(encoding="utf-8", newline="") as legend:
        rows = [(row["image"], LABELS.get(row["emotion"].lower())) for row in csv.DictReader(legend)]
    photos = [(arguments.photos / image, CORE4.index(label)) for image, label in rows if label]
    figures = {
        "machine": machine(["mien", "onnxruntime", "numpy", "pillow"]),
        "photos": len(photos),
        "models": [measured(model, photos) for model in arguments.model],
    }
    report(figures, arguments.out)


def measured(model: str, photos: list[tuple[Path, int]]) -> dict[str, Any]:
    """A model's figures on the photos in which a face is found."""
    recognizer = Recognizer(model=model)
    targets, given, certain = [], [], []
    for path, target in photos:
        faces = recognizer.recognize(path)
        if faces:
            largest = max(faces, key=lambda face: face.box.width * face.box.height)
            targets.append(target)
            given.append(largest.prediction.probabilities)
            certain.append(not largest.prediction.uncertain)
    target, probabilities, sure = np.array(targets), np.array(given, dtype=np.float64), np.array(certain)
    metrics = measure(CORE4.labels, target, probabilities)
    return {
        "model": model,
        "sha256": recognizer.model.file.sha256,
        "faces_found": len(target),
        "accuracy": to_jsonable(metrics.accuracy, 7),
        "macro_recall": to_jsonable(metrics.balanced_accuracy, 7),
        "calibration_error": to_jsonable(metrics.calibration_error, 7),
        "recall": to_jsonable(metrics.recall, 7),
        "confusion": metrics.confusion.value,
        "certain": int(sure.sum()),
        "accuracy_of_certain": round(float((probabilities.argmax(axis=1) == target)[sure].mean()), 4),
    }


if __name__ == "__main__":
    main()
