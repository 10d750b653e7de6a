"""From a training run to model packages: ONNX files that describe themselves."""
