"""How often a classifier is right on labelled faces, and what lies behind it."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.evaluate.classifiers import Classifier, CropClassifier, MienClassifier, Predictions
    from mien.evaluate.csv_predictions import RecordedPredictions
    from mien.evaluate.evaluation import Evaluation, EvaluationOptions, evaluate
    from mien.evaluate.load import load_classifier
    from mien.evaluate.onnx_classifier import OnnxClassifier
    from mien.evaluate.protocols import PROTOCOLS, Protocol, protocols_named
    from mien.evaluate.report import html_page, markdown

__all__ = [
    "PROTOCOLS",
    "Classifier",
    "CropClassifier",
    "Evaluation",
    "EvaluationOptions",
    "MienClassifier",
    "OnnxClassifier",
    "Predictions",
    "Protocol",
    "RecordedPredictions",
    "evaluate",
    "html_page",
    "load_classifier",
    "markdown",
    "protocols_named",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "PROTOCOLS": "protocols",
        "Classifier": "classifiers",
        "CropClassifier": "classifiers",
        "Evaluation": "evaluation",
        "EvaluationOptions": "evaluation",
        "MienClassifier": "classifiers",
        "OnnxClassifier": "onnx_classifier",
        "Predictions": "classifiers",
        "Protocol": "protocols",
        "RecordedPredictions": "csv_predictions",
        "evaluate": "evaluation",
        "html_page": "report",
        "load_classifier": "load",
        "markdown": "report",
        "protocols_named": "protocols",
    },
)
