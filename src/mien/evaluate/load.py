"""Finds out what is to be evaluated, and loads it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.evaluate.analysis.invariance import BatchClassifier
from mien.evaluate.classifiers import Answers, classifier_of
from mien.evaluate.csv_predictions import read_predictions
from mien.evaluate.onnx_classifier import load_foreign
from mien.evaluate.subject import Subject
from mien.model import package as models
from mien.model.calibration import probabilities
from mien.recognizer import Recognizer
from mien.results import to_jsonable


def load_subject(name: str) -> Subject:
    """What is called `name`, ready to be evaluated.

    Args:
        name: A shipped model, the path of a model package, of a TOML file that describes another ONNX file (see
            `mien.evaluate.onnx_classifier`), or of a CSV file of answers (see `mien.evaluate.csv_predictions`).

    Raises:
        ModelError: If there is no such model or file, or it cannot be used.
        DataError: If a CSV file of answers is not in the form described.
    """
    suffix = Path(name).suffix.lower()
    if suffix == ".toml":
        return load_foreign(Path(name))
    if suffix == ".csv":
        return read_predictions(Path(name))
    return _mien_model(name)


def _mien_model(name: str) -> Subject:
    loaded = models.load_model(name)
    path, answers = loaded.file.path, loaded.metadata.answers

    def opened(threads: int | None) -> BatchClassifier:
        model = models.load_model(path, threads=threads)

        def classify(pixels: NDArray[np.uint8], batch: int) -> Answers:
            logits = model.logits(pixels, batch=batch)
            return {name: probabilities(logits, answer) for name, answer in answers.items()}

        return classify

    def from_files(paths: Sequence[Path]) -> Answers:
        name = loaded.metadata.default_answer
        recognizer = Recognizer(path, expressions=name, detector="none")
        faces = [face for each in paths for face in recognizer.recognize(each)]
        return {name: np.array([face.prediction.probabilities for face in faces])}

    return Subject(
        name=loaded.file.name,
        sets=tuple(answers),
        classifier=classifier_of(loaded),
        opened=opened,
        from_files=from_files,
        selected_on=loaded.metadata.selected_on,
        training=to_jsonable(loaded.metadata.training) or {},
    )
