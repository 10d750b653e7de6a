"""Crops the greatest face of each labelled photo, in color, into a data set for `mien train` and `mien study`.

`python tools/crop_photos.py PHOTOS LEGEND OUTPUT`: LEGEND is a CSV file of two columns, `image` and `emotion`.
Faces are found and framed as the shipped model has it. Every fifth photo of a class goes to `validation`, the others
to `train`.
"""

import csv
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image

from mien.detect import load_detector
from mien.images import read_picture
from mien.model.package import load_model
from mien.preprocess import crop_face


def crop_photos(photos: Path, legend: Path, output: Path) -> None:
    """Writes 48 × 48 pixels of each photo in `legend` as PNG; those without a face are told and left out."""
    detect, preprocessing = load_detector("mtcnn"), load_model("base").metadata.input
    seen: Counter[str] = Counter()
    with legend.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        image_rgb = read_picture(photos / row["image"])
        found = detect(image_rgb)
        if not found:
            print(f"no face in {row['image']}; left out")
            continue
        face = max(found, key=lambda each: each.box.width * each.box.height)
        crop = np.stack([crop_face(image_rgb[..., [c] * 3], face, preprocessing) for c in range(3)], axis=-1)
        split = "validation" if seen[row["emotion"]] % 5 == 4 else "train"
        seen[row["emotion"]] += 1
        folder = output / split / row["emotion"]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(folder / f"{Path(row['image']).stem}.png")
    print(f"{output}: {', '.join(f'{label} {count}' for label, count in sorted(seen.items()))}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    crop_photos(*map(Path, sys.argv[1:]))
