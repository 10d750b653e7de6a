"""Finds out what is to be evaluated, and loads it."""

from pathlib import Path

from mien.evaluate.classifiers import Classifier, MienClassifier
from mien.evaluate.csv_predictions import RecordedPredictions
from mien.model.package import load_model


def load_classifier(source: str | Path, *, name: str | None = None, threads: int | None = None) -> Classifier:
    """What `source` stands for, ready to be evaluated.

    Args:
        source: A shipped model, the path of a model package, of a TOML file that describes another ONNX file (see
            `mien.evaluate.onnx_classifier`), or of a CSV file of predictions (see `mien.evaluate.csv_predictions`).
        name: What reports are to call it; by default the name of the model or file.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.

    Raises:
        ModelError: If there is no such model or file, or it cannot be used.
        DataError: If a CSV file of predictions is not in the form described.
        MissingExtra: If a TOML file is given and pydantic is not installed.
    """
    suffix = Path(source).suffix.lower()
    if suffix == ".toml":
        from mien.evaluate.onnx_classifier import load_onnx_classifier  # noqa: PLC0415 - needs pydantic

        return load_onnx_classifier(Path(source), name=name, threads=threads)
    if suffix == ".csv":
        return RecordedPredictions.read(Path(source), name=name)
    return MienClassifier(load_model(source, threads=threads), name)
