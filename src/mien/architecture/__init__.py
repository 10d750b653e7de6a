"""What a model is built of: its layers read from the ONNX file, and a drawing of them."""
