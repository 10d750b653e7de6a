"""The layers of a model file and their drawing."""

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import onnx
import pytest
from onnx import TensorProto, helper

from mien.errors import ModelError
from mien.model.drawing import svg
from mien.model.layers import Architecture
from mien.model.onnx_layers import read_architecture
from mien.model.package import find_model


@pytest.fixture(scope="module")
def base() -> Architecture:
    return read_architecture(find_model("base"))


@pytest.fixture(scope="module")
def tiny() -> Architecture:
    return read_architecture(find_model("tiny"))


def test_layers_of_base(base: Architecture) -> None:
    assert (base.name, base.precision, base.input_shape) == ("base", "fp32", (1, 48, 48))
    first, second = base.layers[:2]
    assert (first.text, first.shape, first.inputs) == ("conv 3×3, ReLU", (32, 48, 48), (-1,))
    assert (first.weights, first.multiply_adds) == (32 * 9 + 32, 32 * 48 * 48 * 9)
    assert (second.text, second.shape) == ("conv 3×3 /2, ReLU", (64, 24, 24))
    assert [layer.output for layer in base.layers if layer.output] == ["fer7_logits", "ferplus8_logits"]
    # As configs/base.toml has it: the stem, then blocks of 64, 128, 256 channels, 1, 2 and 2 of them.
    joins = [layer for layer in base.layers if layer.operation == "add"]
    assert [layer.shape[0] for layer in joins] == [64, 128, 128, 256, 256]
    parts = [layer.part for layer in base.layers if layer.block == "trunk.3"]
    assert parts == ["residual"] * 5 + [""] + ["shortcut"] * 2 + [""]


def test_a_quantised_file_has_the_layers_of_its_network(base: Architecture, tiny: Architecture) -> None:
    assert tiny.precision == "int8"
    # The same design in other widths, without squeeze-and-excitation; the quantiser has put independent layers in
    # another order.
    squeeze = ("mean over places", "conv 1×1, ReLU", "conv 1×1, sigmoid", "multiply")
    assert sorted((layer.block, layer.text) for layer in tiny.layers) == sorted(
        (layer.block, layer.text) for layer in base.layers if layer.text not in squeeze or not layer.block
    )
    assert tiny.to_dict()["weights"] == sum(layer.weights for layer in tiny.layers) < base.weights


@pytest.mark.parametrize(("name", "joins", "pools"), [("base", 5 + 5, 3 + 5), ("tiny", 5, 3)])
def test_the_drawing_is_whole_and_has_every_layer(
    name: str, joins: int, pools: int, request: pytest.FixtureRequest
) -> None:
    architecture: Architecture = request.getfixturevalue(name)
    drawing = svg(replace(architecture, name="<x>"))
    root = ElementTree.fromstring(drawing)  # noqa: S314 - made here
    kinds = [element.get("class") for element in root.iter()]
    assert kinds.count("join") == joins
    assert kinds.count("head") == 2
    assert kinds.count("map") == sum(bool(layer.weights) and not layer.output for layer in architecture.layers)
    assert kinds.count("pool") == pools
    assert not re.search(r"href|url\(|@import|<script", drawing)
    height = float(root.get("height") or 0)
    for element in root.iter("{http://www.w3.org/2000/svg}text"):
        assert 0 < float(element.get("y") or -1) < height


def graph(path: Path, side: int | str) -> Path:
    faces = helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["batch", 1, side, side])
    pooled = helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", 1, 1, 1])
    made = helper.make_graph([helper.make_node("GlobalAveragePool", ["faces"], ["pooled"])], "g", [faces], [pooled])
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def test_a_network_of_heads_alone_can_be_drawn(tmp_path: Path) -> None:
    architecture = read_architecture(find_model(graph(tmp_path / "pool.onnx", 8)))
    assert [layer.text for layer in architecture.layers] == ["mean over places"]
    ElementTree.fromstring(svg(architecture))  # noqa: S314 - made here


@pytest.mark.parametrize("content", [b"no model", b"", b"x\n"])  # protobuf finds no fault in the last two
def test_what_is_no_model_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "no.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"no\.onnx is not an ONNX model that can be read"):
        read_architecture(find_model(tmp_path / "no.onnx"))


def test_shapes_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"faces of any size"):
        read_architecture(find_model(graph(tmp_path / "free.onnx", "side")))
