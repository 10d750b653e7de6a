"""Families beside the residual one as ONNX: they answer as their networks, and cost what these cost."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

from mien.architecture.reader import read_architecture
from mien.model import ModelFile
from mien.preprocess import Preprocessing
from mien.runtime import new_session
from mien.train.config import TrainingConfig
from mien.train.module import ExpressionTraining
from mien.train.networks.network import multiply_adds
from mien.train.package.graph import network_logits, to_onnx

NETWORKS = {
    "mlp": {"dense": [16, 12]},
    "lenet": {"widths": [4, 6], "depths": [1, 1], "dense": [12]},
    "plain-cnn": {"widths": [4, 6], "depths": [2, 1], "dense": [12]},
    "residual-se": {"stem_width": 4, "widths": [8, 12], "depths": [1, 1]},
}


@pytest.mark.parametrize("family", NETWORKS)
def test_a_graph_answers_and_costs_as_its_network(family: str) -> None:
    torch.manual_seed(0)
    config = TrainingConfig.model_validate({"network": {"family": family, **NETWORKS[family]}})
    module = ExpressionTraining(config, Preprocessing(size_px=48, mean=0.0, std=255.0)).eval()
    graph = to_onnx(module, 48)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 48, 48), dtype=np.uint8)
    content = graph.SerializeToString()
    (fer7,) = new_session(content, threads=1).run(["fer7_logits"], {"faces": pixels[:, None].astype(np.float32) / 255})
    np.testing.assert_allclose(fer7, network_logits(module, pixels)["fer7"], atol=1e-4)
    onnx.checker.check_model(graph)
    architecture = read_architecture(ModelFile("made", Path("made.onnx"), "", content))
    assert architecture.multiply_adds == multiply_adds(module.network, 48)
