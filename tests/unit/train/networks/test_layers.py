import pytest
import torch
from torch import nn

from mien.model.layers import Layer
from mien.train.config import NetworkConfig
from mien.train.networks.expression import ExpressionNetwork


def layers(size_px: int = 48, **config: object) -> tuple[Layer, ...]:
    return ExpressionNetwork(NetworkConfig.model_validate(config)).layers(size_px)


def multiply_adds(table: tuple[Layer, ...]) -> int:
    return sum(layer.multiply_adds for layer in table)


def test_costs_by_hand() -> None:
    table = layers(10, family="vgg", stem_width=4, widths=(8,), depths=(1,), stem_stride=1)
    kernels = 9 * (1 * 4 + 4 * 8 + 8 * 8)
    assert multiply_adds(table) == 10 * 10 * kernels + 8 * (7 + 8)
    assert sum(layer.weights for layer in table) == kernels + (4 + 8 + 8) + 8 * (7 + 8) + (7 + 8)
    assert [layer.text for layer in table] == ["conv 3×3, ReLU"] * 3 + ["mean over places", "linear", "linear"]
    assert [layer.output for layer in table][-2:] == ["fer7_logits", "ferplus8_logits"]


def test_costs_of_lenet_by_hand() -> None:
    table = layers(family="lenet", widths=(6, 16), depths=(1, 1), dense=(120, 84))
    convolutions = 44 * 44 * 25 * 6 + 18 * 18 * 25 * 6 * 16
    assert multiply_adds(table) == convolutions + 9 * 9 * 16 * 120 + 120 * 84 + 84 * (7 + 8)
    assert [layer.text for layer in table][:2] == ["conv 5×5, tanh", "mean 2×2 /2"]


def test_a_residual_block_is_read_by_its_shortcut_and_its_sum() -> None:
    table = layers(16, family="residual-se", stem_width=4, widths=(8, 16), depths=(1, 1), stem_stride=1)
    block = [(layer.part, layer.text, layer.inputs) for layer in table if layer.block == "trunk.3"]
    first = next(at for at, layer in enumerate(table) if layer.block == "trunk.3")
    assert block == [
        ("residual", "conv 3×3 /2, ReLU", (first - 1,)),
        ("residual", "conv 3×3", (first,)),
        ("residual", "mean over places", (first + 1,)),
        ("residual", "conv 1×1, ReLU", (first + 2,)),
        ("residual", "conv 1×1, sigmoid", (first + 3,)),
        ("residual", "multiply", (first + 1, first + 4)),
        ("shortcut", "mean 2×2 /2", (first - 1,)),
        ("shortcut", "conv 1×1", (first + 6,)),
        ("", "add, ReLU", (first + 5, first + 7)),
    ]
    assert [layer.shape for layer in table if layer.block == "trunk.3"][-1] == (16, 8, 8)


def test_a_normalization_without_a_convolution_before_it_is_a_layer() -> None:
    table = layers(16, family="preactivation", stem_width=4, widths=(8,), depths=(1,))
    norms = [layer for layer in table if layer.operation == "norm"]
    assert [(layer.text, layer.weights) for layer in norms] == [("norm, ReLU", 2 * 8)] * 2


def test_depthwise_convolutions_cost_one_filter_for_each_channel() -> None:
    table = layers(16, family="depthwise", stem_width=4, widths=(8,), depths=(1,), stem_stride=1)
    (depthwise,) = (layer for layer in table if layer.operation.startswith("depthwise"))
    assert depthwise.multiply_adds == 16 * 16 * 9 * 32
    assert depthwise.text == "depthwise 3×3, hard-swish"


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training: bool) -> None:
    network = ExpressionNetwork(NetworkConfig(stem_width=4, widths=(8,), depths=(1,))).train(training)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    network.layers(16)
    assert network.training is training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(layer._forward_hooks or layer._forward_pre_hooks for layer in network.modules())
    assert isinstance(network.trunk[0], nn.Sequential)
