"""Finds out what is to be evaluated, and loads it."""

from pathlib import Path

from mien.errors import ArgumentError
from mien.evaluate.classifiers import Classifier, MienClassifier
from mien.evaluate.csv_predictions import RecordedPredictions
from mien.model.package import load_model
from mien.model.priors import Prior


def load_classifier(
    source: str | Path,
    *,
    name: str | None = None,
    threads: int | None = None,
    prior: Prior | None = None,
    risk: float | None = None,
) -> Classifier:
    """What `source` stands for, ready to be evaluated.

    Args:
        source: A shipped model, the path of a model package, of a TOML file that describes another ONNX file (see
            `mien.evaluate.onnx_classifier`), or of a CSV file of predictions (see `mien.evaluate.csv_predictions`).
        name: What reports are to call it; by default the name of the model or file.
        threads: Threads that one run may use; None leaves it to ONNX Runtime.
        prior: A prior for the default answer of a model package; see `mien.model.priors`.
        risk: The greatest share of wrong answers among the certain ones of a model package; None for its own.

    Raises:
        ModelError: If there is no such model or file, or it cannot be used.
        DataError: If a CSV file of predictions is not in the form described.
        ArgumentError: If the prior or the risk is none, or `source` is no model package and has neither.
        MissingExtra: If a TOML file is given and pydantic is not installed.
    """
    suffix = Path(source).suffix.lower()
    if suffix in (".toml", ".csv") and (prior is not None or risk is not None):
        raise ArgumentError(f"{source} has no prior and no risk to choose; a model of mien's own has")
    if suffix == ".toml":
        from mien.evaluate.onnx_classifier import load_onnx_classifier  # noqa: PLC0415 - needs pydantic

        return load_onnx_classifier(Path(source), name=name, threads=threads)
    if suffix == ".csv":
        return RecordedPredictions.read(Path(source), name=name)
    return MienClassifier(load_model(source, threads=threads), name, prior=prior, risk=risk)
