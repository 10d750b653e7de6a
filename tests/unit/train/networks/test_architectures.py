from typing import get_args

import pytest
import torch

from mien.train.config import PublishedFamily
from mien.train.networks.pretrained import architecture

# Of the papers and of timm's tables: weights of the whole network, and of its classifier of 1,000 classes.
WEIGHTS = {
    "vgg16": (138_357_544, 123_642_856),
    "resnet18": (11_689_512, 513_000),
    "efficientnet-b0": (5_288_548, 1_281_000),
    "efficientnet-lite0": (4_652_008, 1_281_000),
}
# As timm's files have them.
NAMES = {
    "vgg16": {"features.0.weight": (64, 3, 3, 3), "features.28.bias": (512,)},
    "resnet18": {"conv1.weight": (64, 3, 7, 7), "layer2.0.downsample.1.running_var": (128,)},
    "efficientnet-b0": {
        "blocks.0.0.conv_pw.weight": (16, 32, 1, 1),
        "blocks.1.0.se.conv_reduce.weight": (4, 96, 1, 1),
        "blocks.6.0.conv_pwl.weight": (320, 1152, 1, 1),
        "bn2.weight": (1280,),
    },
    "efficientnet-lite0": {"blocks.0.0.bn2.bias": (16,), "blocks.6.0.bn3.bias": (320,)},
}


@pytest.mark.parametrize("family", get_args(PublishedFamily))
def test_has_the_published_weights(family: PublishedFamily) -> None:
    network = architecture(family)
    whole, classifier = WEIGHTS[family]
    assert sum(weight.numel() for weight in network.parameters()) == whole - classifier
    state = network.state_dict()
    assert {name: tuple(state[name].shape) for name in NAMES[family]} == NAMES[family]


@pytest.mark.parametrize("family", get_args(PublishedFamily))
def test_random_weights_can_be_trained_from(family: PublishedFamily) -> None:
    torch.manual_seed(0)
    network = architecture(family)
    with torch.inference_mode():
        features = network(torch.randn(2, 3, 48, 48))
    assert features.shape[:2] == (2, network.width)
    assert 0.01 < features.std() < 100
