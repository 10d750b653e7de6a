"""Model packages: find one, verify it, load it and run it.

A model is one ONNX file that describes itself: labels, input and calibration are read from its metadata.
"""

from mien.model.package import ExpressionModel, ModelFile, find_model, load_model, shipped_models

__all__ = ["ExpressionModel", "ModelFile", "find_model", "load_model", "shipped_models"]
