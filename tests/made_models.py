"""Small model files of any labels and any input, made on the spot, with weights that are drawn."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from mien.model.calibration import whole_head
from mien.model.metadata import METADATA_KEY, ModelMetadata
from mien.preprocess import Framing, Preprocessing

OWN_WORDS = ("calm", "amused", "tense")
GRAY = Preprocessing(48, 48, "gray", mean=(128.0,), std=(64.0,), framing=Framing(1.05, 0.0, True))
RGB_64 = Preprocessing(64, 64, "rgb", mean=(120.0, 110.0, 100.0), std=(60.0, 61.0, 62.0), framing=Framing(1.1))
GRAY_112 = Preprocessing(112, 112, "gray", mean=(0.0,), std=(255.0,), framing=Framing(1.0, kind="five-point"))


def own_words(preprocessing: Preprocessing = GRAY) -> ModelMetadata:
    """A model of three words that nobody else has, on one head."""
    answer = whole_head("mood", OWN_WORDS)
    return ModelMetadata("own", preprocessing, {"mood": OWN_WORDS}, {"mood": answer}, license="CC0-1.0")


def write_made(path: Path, metadata: ModelMetadata) -> Path:
    """A network of two layers for each head that `metadata` declares, in a file that says so."""
    rng = np.random.default_rng(0)
    channels, height, width = metadata.input.input_shape
    filters = rng.normal(0, 1, (8, channels, 8, 8)).astype(np.float32)
    weights = [numpy_helper.from_array(filters, "filters")]
    nodes = [
        helper.make_node("Conv", ["faces", "filters"], ["maps"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Relu", ["maps"], ["positive"]),
        helper.make_node("Flatten", ["positive"], ["features"]),
    ]
    outputs = []
    for head, labels in metadata.heads.items():
        linear = rng.normal(0, 0.05, (8 * (height // 8) * (width // 8), len(labels))).astype(np.float32)
        weights.append(numpy_helper.from_array(linear, f"{head}_weight"))
        nodes.append(helper.make_node("MatMul", ["features", f"{head}_weight"], [f"{head}_logits"]))
        outputs.append(helper.make_tensor_value_info(f"{head}_logits", TensorProto.FLOAT, ["batch", len(labels)]))
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["batch", channels, height, width])
    graph = helper.make_graph(nodes, "made", [faces], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, {METADATA_KEY: metadata.to_json()})
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, path)
    return path
