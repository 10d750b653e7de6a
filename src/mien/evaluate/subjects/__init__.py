"""What can be evaluated: mien's models, any ONNX file that a TOML file describes, another tool's answers as CSV."""
