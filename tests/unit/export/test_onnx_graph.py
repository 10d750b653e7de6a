"""Families beside the residual one as ONNX: they answer as their networks, and cost what these cost."""

from math import prod

import numpy as np
import onnx
import pytest
import torch
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from onnx import TensorProto
from torch import nn

from mien.export.onnx_graph import network_logits, to_onnx
from mien.export.quantize import in_int8
from mien.model.session import new_session
from mien.preprocess import Preprocessing
from mien.train.config import TrainingConfig
from mien.train.module import ExpressionTraining

CONVOLUTIONAL = ("residual", "residual-se", "preactivation", "repvgg", "depthwise", "vgg")
SMALL = {"stem_width": 4, "widths": [8, 12], "depths": [1, 2]}
NETWORKS = {
    "mlp": {"dense": [16, 12]},
    "lenet": {"widths": [4, 6], "depths": [1, 1], "dense": [12]},
    "plain-cnn": {"widths": [4, 6], "depths": [2, 1], "dense": [12]},
    **dict.fromkeys(CONVOLUTIONAL, SMALL),
}
FACES = drawn_faces(16, seed=0).gray()


def made(family: str) -> ExpressionTraining:
    """A network whose normalization is that of the faces, so that its answers to them differ."""
    torch.manual_seed(0)
    config = TrainingConfig.model_validate({"network": {"family": family, **NETWORKS[family]}})
    module = ExpressionTraining(config, Preprocessing(48, 48, "gray", (0.0,), (255.0,)))
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = 1.0
    with torch.no_grad():
        module(torch.from_numpy(FACES[:, None]))
    return module.eval()


def answers(content: bytes) -> NDArray[np.float32]:
    (fer7,) = new_session(content, threads=1).run(["fer7_logits"], {"faces": FACES[:, None].astype(np.float32) / 255})
    return np.asarray(fer7)


@pytest.mark.slow
@pytest.mark.parametrize("family", NETWORKS)
def test_a_graph_answers_and_costs_as_its_network(family: str) -> None:
    module = made(family)
    expected = network_logits(module, FACES)["fer7"]
    module.network.merge()  # as the export does
    graph = to_onnx(module)
    content = graph.SerializeToString()
    np.testing.assert_allclose(answers(content), expected, atol=1e-4)
    assert np.ptp(expected, axis=0).max() > 0.005  # faces are told apart
    onnx.checker.check_model(graph)
    weighted = [layer for layer in module.network.layers(48) if layer.multiply_adds]
    assert sum(layer.weights for layer in weighted) == weights_of(graph)


def weights_of(graph: onnx.ModelProto) -> int:
    """How many numbers the convolutions and linear layers of a graph have."""
    sizes = {tensor.name: prod(tensor.dims) for tensor in graph.graph.initializer}
    nodes = [node for node in graph.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")]
    return sum(sizes.get(name, 0) for node in nodes for name in node.input[1:])


@pytest.mark.slow
def test_squeeze_and_excitation_in_int8_answers_nearly_as_its_network() -> None:
    module = made("residual-se")
    graph = to_onnx(module)
    quantized = in_int8(graph, FACES[:, None].astype(np.float32) / 255)
    expected = network_logits(module, FACES)["fer7"]
    gap = np.abs(answers(quantized.SerializeToString()) - expected)
    assert 0 < gap.max() < 0.05 * np.ptp(expected)
    convolutions = [node for node in graph.graph.node if node.op_type == "Conv"]
    narrow = [w for w in quantized.graph.initializer if w.data_type == TensorProto.INT8 and len(w.dims) == 4]
    assert len(narrow) == len(convolutions)  # those of the squeeze, too
