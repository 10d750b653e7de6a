"""Measures model files by every protocol, with and without flip averaging; not a speed.

    python benchmarks/protocols.py data/fer2013 base tiny runs/base-fp32.onnx --out FILE.json

`tools/render_figures.py` makes docs/figures.md of the newest result. Needs the extra `evaluate` and FER2013 with FER+
votes.
"""

import argparse
from pathlib import Path
from typing import Any

from _measure import machine, save

from mien.data import Split, open_dataset
from mien.evaluate import EvaluationOptions, evaluate, load_classifier
from mien.model.package import find_model, load_model
from mien.results import to_jsonable

_KEPT = ("accuracy", "balanced_accuracy", "calibration_error", "negative_log_likelihood")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="FER2013 with FER+ votes")
    parser.add_argument("models", nargs="+", help="names of shipped models, or paths of model files")
    parser.add_argument("--out", type=Path, help="JSON file")
    arguments = parser.parse_args()
    faces = open_dataset(arguments.data).read(Split.VALIDATION)
    found = {
        "machine": machine(("mien", "onnxruntime", "numpy")),
        "data": {"name": faces.source, "split": "PublicTest"},
        "models": [measured(model, faces) for model in arguments.models],
    }
    for model in found["models"]:
        for row in model["results"]:
            way = f"{row['protocol']}{', flips' if row['flip_averaged'] else ''}"
            print(f"{model['model']} {model['precision']}, {way}: {100 * row['accuracy']['value']:.1f} %")
    save(found, arguments.out)


def measured(model: str, faces: Any) -> dict[str, Any]:
    """One model file by every protocol."""
    file, export = find_model(model), load_model(model).metadata.export
    evaluation = evaluate(load_classifier(model), faces, EvaluationOptions(analyses=False))
    results = [
        {"protocol": result.protocol.code, "flip_averaged": result.flip_averaged, "n": result.metrics.n}
        | {name: to_jsonable(getattr(result.metrics, name), 7) for name in _KEPT}
        for result in evaluation.results
    ]
    precision = export.precision if export else None
    return {
        "model": Path(model).stem.partition("-")[0],
        "precision": precision,
        "sha256": file.sha256,
        "results": results,
    }


if __name__ == "__main__":
    main()
