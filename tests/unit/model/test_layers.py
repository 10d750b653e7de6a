import pytest

from mien.model.layers import Layer, sides, total_multiply_adds, total_weights
from mien.model.package import load_model


@pytest.fixture(scope="module")
def base() -> tuple[Layer, ...]:
    return load_model("base").metadata.layers


@pytest.fixture(scope="module")
def tiny() -> tuple[Layer, ...]:
    return load_model("tiny").metadata.layers


def test_layers_of_base(base: tuple[Layer, ...]) -> None:
    first, second = base[:2]
    assert (first.text, first.shape, first.inputs) == ("conv 3×3, ReLU", (32, 48, 48), (-1,))
    assert (first.weights, first.multiply_adds) == (32 * 9 + 32, 32 * 48 * 48 * 9)
    assert (second.text, sides(second.shape)) == ("conv 3×3 /2, ReLU", "64 × 24 × 24")
    assert [layer.output for layer in base if layer.output] == ["fer7_logits", "ferplus8_logits"]
    # As configs/base.toml has it: the stem, then blocks of 64, 128, 256 channels, 1, 2 and 2 of them.
    assert [layer.shape[0] for layer in base if layer.operation == "add"] == [64, 128, 128, 256, 256]
    assert [layer.part for layer in base if layer.block == "trunk.3"].count("shortcut") == 2


def test_a_quantized_file_has_the_layers_of_its_network(base: tuple[Layer, ...], tiny: tuple[Layer, ...]) -> None:
    # The same design in other widths, without squeeze-and-excitation.
    squeeze = ("mean over places", "conv 1×1, ReLU", "conv 1×1, sigmoid", "multiply")
    assert sorted(layer.text for layer in tiny if layer.text not in squeeze) == sorted(
        layer.text for layer in base if layer.text not in squeeze
    )
    assert total_weights(tiny) == 380_303 < total_weights(base) == 2_762_807
    assert total_multiply_adds(tiny) == 40_542_384


@pytest.mark.parametrize("model", ["base", "tiny"])
def test_layers_follow_those_that_they_read(model: str, request: pytest.FixtureRequest) -> None:
    for at, layer in enumerate(request.getfixturevalue(model)):
        assert layer.inputs
        assert all(-1 <= source < at for source in layer.inputs)
