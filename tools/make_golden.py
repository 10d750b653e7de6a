"""Writes the golden files of the shipped models: run it when a model or the detector changes, and look at the change.

    python tools/make_golden.py

For each model, `tests/golden/NAME.png` holds face crops of the example pictures, one below the other, without loss, and
`NAME.json` what it answers for them, and for the example pictures as a whole.
"""

import json
from pathlib import Path

import numpy as np
from PIL import Image

from mien import Recognizer
from mien.expressions import EXPRESSION_SETS
from mien.images import read_picture
from mien.model.package import shipped_models
from mien.preprocess import crop_face
from mien.results import Detection

ROOT = Path(__file__).resolve().parent.parent
GOLDEN = ROOT / "tests" / "golden"


def main() -> None:
    """Writes the files of every shipped model."""
    GOLDEN.mkdir(exist_ok=True)
    for name in shipped_models():
        write_golden(Recognizer(name))


def write_golden(recognizer: Recognizer) -> None:
    """Writes both files of one model."""
    model = recognizer.model
    crops, pictures = [], {}
    for path in sorted((ROOT / "examples").glob("*.jpg")):
        faces = recognizer.recognize(path)
        pictures[path.name] = [face.to_dict() for face in faces]
        image_rgb = read_picture(path)
        crops += [
            crop_face(image_rgb, Detection(face.box, face.detection_score, face.landmarks), model.metadata.input)
            for face in faces
        ]
    stacked = np.stack(crops)
    expected = {
        "sha256": model.file.sha256,
        "crops": {s.name: model.probabilities(stacked, s.name).round(8).tolist() for s in EXPRESSION_SETS},
        "pictures": pictures,
    }
    Image.fromarray(stacked.reshape(-1, stacked.shape[-1])).save(GOLDEN / f"{model.file.name}.png")
    (GOLDEN / f"{model.file.name}.json").write_text(json.dumps(expected, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
