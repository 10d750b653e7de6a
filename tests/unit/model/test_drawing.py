import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from mien.model.calibration import whole_head
from mien.model.drawing import architecture_svg, short
from mien.model.layers import Layer
from mien.model.metadata import ModelMetadata
from mien.preprocess import Preprocessing


def layer(text: str, inputs: tuple[int, ...], weights: int = 0, output: str = "") -> Layer:
    operation, _, activation = text.partition(", ")
    shape = (7,) if output else (8, 12, 12)
    return Layer("trunk.0", "", operation, activation, shape, weights, 0, inputs, output)


NETWORK = ModelMetadata(
    name="<x>",
    input=Preprocessing(24, 24, "gray", (127.0,), (64.0,)),
    heads={"fer7": ("angry", "happy"), "other": ("one", "two", "three")},
    answers={"fer7": whole_head("fer7", ("angry", "happy"))},
    layers=(
        layer("conv 3×3 /2, ReLU", (-1,), 80),
        layer("conv 3×3", (0,), 584),
        layer("mean 3×3", (0,)),
        layer("add, ReLU", (1, 2)),
        layer("linear", (3,), 567, "fer7_logits"),
        layer("linear", (3,), 648, "other_logits"),
    ),
)


def texts(drawing: bytes) -> list[str]:
    root = ElementTree.fromstring(drawing)  # noqa: S314 - made here
    return [element.text or "" for element in root.iter("{http://www.w3.org/2000/svg}text")]


def test_every_layer_is_there_with_its_shape_and_weights() -> None:
    shown = texts(architecture_svg(NETWORK))
    assert shown[:2] == ["<x>: 1.88 k weights", "0 multiply-adds for one face"]
    rows = [text for text in shown if text in {each.text for each in NETWORK.layers}]
    assert rows == [each.text for each in NETWORK.layers]
    assert "one gray face" in shown
    assert shown.count("+") == 1
    assert "8 × 12 × 12, 584 weights" in shown
    assert shown.count("angry, happy") == shown.count("one, two, three") == 1
    assert shown.count("trunk.0") == 1


def test_the_drawing_is_the_same_each_time_and_asks_for_nothing_else() -> None:
    drawing = architecture_svg(NETWORK)
    assert drawing == architecture_svg(NETWORK)
    assert not re.search(
        rb"@import|<script|https?://(?!www\.w3\.org|purl\.org|creativecommons\.org|matplotlib)", drawing
    )


def test_a_network_of_one_layer_can_be_drawn() -> None:
    color = Preprocessing(8, 8, "rgb", (0.0,) * 3, (255.0,) * 3)
    one = replace(NETWORK, input=color, layers=(layer("mean over places", (-1,), output="fer7_logits"),))
    assert "one face in color" in texts(architecture_svg(one))


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (41_600, "41.6 k"), (2_764_951, "2.76 M"), (15_347_000_000, "15.3 G")]
)
def test_counts_are_short(number: int, text: str) -> None:
    assert short(number) == text
