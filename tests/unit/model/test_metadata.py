import json
from pathlib import Path

import pytest

from mien.errors import ModelError
from mien.model.calibration import Calibration
from mien.model.metadata import FORMAT_VERSION, ModelMetadata, parse_metadata
from mien.preprocess import Framing, Preprocessing

METADATA = ModelMetadata(
    name="some",
    preprocessing=Preprocessing(48, 129.5, 65.1, Framing(1.2, 0.05, True)),
    calibration=Calibration(
        {"core4": 0.8, "core4-fer2013": 0.9, "fer7": 1.1, "ferplus8": 1.2},
        {"core4": 0.4, "core4-fer2013": 0.3, "fer7": 0, "ferplus8": 0},
    ),
    licence="Apache-2.0",
    selected_on="PublicTest",
    training={"epochs": 3},
    metrics={"results": []},
    export={"precision": "int8", "opset": 18},
)
FILE = Path("some.onnx")


def test_what_is_written_is_read() -> None:
    assert parse_metadata(METADATA.to_json(), FILE) == METADATA


def test_files_of_the_first_version_say_nothing_of_their_export() -> None:
    table = json.loads(METADATA.to_json())
    del table["export"]
    assert parse_metadata(json.dumps(table), FILE).export == {}


def test_other_format_version_says_which_is_read() -> None:
    table = json.loads(METADATA.to_json()) | {"format_version": 99}
    with pytest.raises(ModelError, match=f"format version 99; this mien reads {FORMAT_VERSION}"):
        parse_metadata(json.dumps(table), FILE)


def test_classes_in_another_order_are_refused() -> None:
    table = json.loads(METADATA.to_json())
    table["labels"]["core4"] = ["sad", "happy", "surprise", "neutral"]
    with pytest.raises(ModelError, match="other core4 classes"):
        parse_metadata(json.dumps(table), FILE)


@pytest.mark.parametrize("key", ["name", "preprocessing", "calibration", "licence", "training", "metrics", "labels"])
def test_missing_part_is_named(key: str) -> None:
    table = json.loads(METADATA.to_json())
    del table[key]
    with pytest.raises(ModelError, match=f"damaged metadata .*{key}"):
        parse_metadata(json.dumps(table), FILE)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format_version": 1, "labels": 3}'])
def test_text_that_is_no_metadata(text: str) -> None:
    with pytest.raises(ModelError, match="damaged metadata"):
        parse_metadata(text, FILE)


def test_temperature_of_nothing_is_refused() -> None:
    table = json.loads(METADATA.to_json())
    table["calibration"]["temperature"]["fer7"] = 0
    with pytest.raises(ModelError, match="temperature of fer7"):
        parse_metadata(json.dumps(table), FILE)


@pytest.mark.parametrize(
    ("key", "value"), [("std", 0), ("size_px", "a"), ("color", "rgb"), ("resampling", "cubic"), ("size_px", 0)]
)
def test_preprocessing_that_cannot_be_done_is_refused(key: str, value: object) -> None:
    table = json.loads(METADATA.to_json())
    table["preprocessing"][key] = value
    with pytest.raises(ModelError, match="damaged metadata"):
        parse_metadata(json.dumps(table), FILE)


def test_other_heads_are_refused() -> None:
    table = json.loads(METADATA.to_json()) | {"heads": ["x"]}
    with pytest.raises(ModelError, match="heads for"):
        parse_metadata(json.dumps(table), FILE)
