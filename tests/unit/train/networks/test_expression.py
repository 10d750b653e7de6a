from pathlib import Path
from typing import get_args

import pytest
import torch

from mien.train.config import DENSE_FAMILIES, NetworkConfig, load_config
from mien.train.dataloaders import ShuffledBatches
from mien.train.networks.expression import ExpressionNetwork, RepVGGBlock, ResidualBlock

CONFIGS = Path(__file__).resolve().parents[4] / "configs"
FAMILIES = get_args(NetworkConfig.model_fields["family"].annotation)


@pytest.mark.parametrize("family", FAMILIES)
def test_gives_logits_of_both_heads(family: str) -> None:
    dense = (12, 10) if family in DENSE_FAMILIES else ()
    network = ExpressionNetwork(NetworkConfig(family=family, stem_width=4, widths=(8, 16), depths=(1, 2), dense=dense))
    fer7, ferplus8 = network(torch.zeros(3, 1, 48, 48))
    assert fer7.shape == (3, 7)
    assert ferplus8.shape == (3, 8)


def size(name: str) -> tuple[int, int]:
    """Weights and multiply-adds of the network of a shipped configuration."""
    layers = ExpressionNetwork(load_config(CONFIGS / f"{name}.toml").network).layers(48)
    return sum(layer.weights for layer in layers), sum(layer.multiply_adds for layer in layers)


def test_shipped_networks_are_no_larger_than_they_may_be() -> None:
    base, tiny = size("base"), size("tiny")
    assert base == (2_762_807, 204_788_480)
    assert tiny == (380_303, 40_542_384)
    assert base[0] <= 5_000_000
    assert tiny[0] <= 500_000  # one byte each in int8
    assert tiny[1] * 4 <= base[1]


@pytest.mark.parametrize("family", ["residual", "residual-se", "preactivation", "repvgg", "depthwise", "vgg"])
@pytest.mark.parametrize("size_px", [18, 36, 47])
def test_every_stage_takes_odd_sizes(family: str, size_px: int) -> None:
    config = NetworkConfig.model_validate(
        {"family": family, "stem_width": 4, "widths": (4, 6, 8, 8, 8), "depths": (1,) * 5}
    )
    fer7, _ = ExpressionNetwork(config).eval()(torch.zeros(2, 1, size_px, size_px))
    assert fer7.shape == (2, 7)


@pytest.mark.parametrize("size_px", [2, 3, 9, 12])
def test_a_shortcut_has_the_shape_of_its_residual(size_px: int) -> None:
    block = ResidualBlock(4, 6, 2)
    features = torch.zeros(2, 4, size_px, size_px)
    assert block.shortcut(features).shape == block.residual(features).shape  # else one might be broadcast to the other


def test_merged_network_answers_the_same_with_one_convolution_for_each_block() -> None:
    torch.manual_seed(0)
    network = ExpressionNetwork(NetworkConfig(family="repvgg", stem_width=4, widths=(8, 16), depths=(2, 2)))
    faces = torch.randn(16, 1, 48, 48)
    for _ in range(3):  # statistics that are not those of the start
        network(faces)
    network.eval()
    with torch.inference_mode():
        before = network(faces)
    network.merge()
    assert not any(isinstance(layer, RepVGGBlock) for layer in network.modules())
    with torch.inference_mode():
        torch.testing.assert_close(network(faces), before, atol=1e-4, rtol=1e-4)


def test_shuffled_batches_cover_all_but_a_last_part_and_differ_by_epoch() -> None:
    batches = ShuffledBatches(length=103, batch_size=10, seed=1)
    first = [position for batch in batches for position in batch]
    assert len(first) == len(set(first)) == 100
    assert [position for batch in batches for position in batch] == first
    batches.set_epoch(1)
    assert [position for batch in batches for position in batch] != first


def test_a_batch_larger_than_the_data_is_cut() -> None:
    assert [len(batch) for batch in ShuffledBatches(length=5, batch_size=10, seed=1)] == [5]


@pytest.mark.parametrize("family", ["residual", *DENSE_FAMILIES])
def test_three_channels_take_a_grayscale_face_three_times(family: str) -> None:
    dense = (12,) if family in DENSE_FAMILIES else ()
    network = ExpressionNetwork(NetworkConfig(family=family, channels=3, widths=(8,), depths=(1,), dense=dense)).eval()
    gray = torch.randn(2, 1, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(network(gray), network(gray.repeat(1, 3, 1, 1)))
