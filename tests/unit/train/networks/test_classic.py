import pytest
import torch
from torch import nn

from mien.train.config import NetworkConfig
from mien.train.networks.classic import classic_stages

MLP = NetworkConfig(family="mlp", dense=(20, 10))
LENET = NetworkConfig(family="lenet", widths=(6, 16), depths=(1, 1), dense=(12, 8))
PLAIN = NetworkConfig(family="plain-cnn", widths=(4, 8), depths=(2, 1), dense=(9,))


def layers_of(config: NetworkConfig, kind: type[nn.Module]) -> list[nn.Module]:
    return [layer for layer in nn.Sequential(*classic_stages(config)).modules() if isinstance(layer, kind)]


@pytest.mark.parametrize("config", [MLP, LENET, PLAIN], ids=lambda config: config.family)
@pytest.mark.parametrize("channels", [1, 3])
def test_last_stage_gives_maps_of_one_pixel(config: NetworkConfig, channels: int) -> None:
    stages = classic_stages(config.model_copy(update={"channels": channels}))
    found = nn.Sequential(*stages)(torch.zeros(2, channels, 48, 48))
    assert found.shape == (2, config.dense[-1], 1, 1)


def test_layers_are_those_of_the_family() -> None:
    assert not layers_of(MLP, nn.Conv2d)
    assert [layer.kernel_size for layer in layers_of(LENET, nn.Conv2d)] == [(5, 5), (5, 5)]
    assert layers_of(LENET, nn.Tanh)
    assert [(c.in_channels, c.out_channels) for c in layers_of(PLAIN, nn.Conv2d)] == [(1, 4), (4, 4), (4, 8)]
    assert not layers_of(PLAIN, nn.BatchNorm2d)


def test_dense_layers_cover_the_whole_picture() -> None:
    assert [layer.in_features for layer in layers_of(MLP, nn.Linear)] == [48 * 48, 20]
    assert layers_of(LENET, nn.Linear)[0].in_features == 16 * 9 * 9
    assert layers_of(PLAIN, nn.Linear)[0].in_features == 8 * 12 * 12
