from pathlib import Path

import numpy as np
import pytest

from mien.errors import ModelError, UnknownExpressionSet, UnknownModel
from mien.expressions import CORE4
from mien.model import shipped
from mien.model.package import find_model, load_model, shipped_models
from mien.model.shipped import shipped_checksums, shipped_path


def test_base_is_shipped_under_its_checksum() -> None:
    assert "base" in shipped_models()
    assert find_model("base").sha256 == shipped_checksums()["base.onnx"]


def test_shipped_model_is_small_enough() -> None:
    assert find_model("base").path.stat().st_size < 12e6


def test_unknown_name_tells_the_known_ones() -> None:
    with pytest.raises(UnknownModel, match=r"no model 'bas' \(did you mean 'base'\?\); choose from base"):
        load_model("bas")


def test_missing_file_is_told_apart_from_an_unknown_name(tmp_path: Path) -> None:
    with pytest.raises(UnknownModel, match="no model file"):
        load_model(tmp_path / "none.onnx")


def test_altered_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(shipped_path("base.onnx").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "base.onnx").write_bytes(content)
    (tmp_path / "SHA256SUMS").write_bytes(shipped_path("SHA256SUMS").read_bytes())
    monkeypatch.setattr(shipped, "MODELS_FOLDER", tmp_path)
    with pytest.raises(ModelError, match="is damaged: SHA-256"):
        load_model("base")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08"])
def test_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "some.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"some\.onnx is not an ONNX model that can be loaded, .* again$"):
        load_model(path)


@pytest.mark.parametrize("change", ["input", "output", "batch", "size", "operator"])
def test_model_of_another_form_is_one_line(tmp_path: Path, change: str) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra train is not installed")
    graph = onnx.load_from_string(find_model("tiny").content)
    head, shape = graph.graph.output[0], graph.graph.input[0].type.tensor_type.shape
    if change == "input":
        graph.graph.input[0].name = "pictures"
        graph.graph.node.insert(0, onnx.helper.make_node("Identity", ["pictures"], ["faces"]))
    elif change == "output":
        graph.graph.node.append(onnx.helper.make_node("Identity", [head.name], ["scores"]))
        head.name = "scores"
    elif change == "batch":
        shape.dim[0].dim_value = 1
    elif change == "size":
        shape.dim[2].dim_value = shape.dim[3].dim_value = 64
    else:
        graph.graph.node[0].op_type = "Unheard"
    (tmp_path / "some.onnx").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match=r"some\.onnx (has other inputs|is not an ONNX model)") as refused:
        load_model(tmp_path / "some.onnx")
    assert "\n" not in str(refused.value)
    assert "ONNXRuntimeError" not in str(refused.value)


def test_onnx_file_of_another_kind_is_told_to_be_none_of_ours() -> None:
    with pytest.raises(ModelError, match="not one of mien's"):
        load_model(shipped_path("mtcnn-pnet.onnx"))


def test_no_crops_give_no_answers() -> None:
    model = load_model("base")
    nothing = np.empty((0, 48, 48), dtype=np.uint8)
    assert model.predict(nothing, "core4") == ()
    assert model.probabilities(nothing, "core4").shape == (0, 4)


def test_prediction_is_the_calibrated_probabilities() -> None:
    model = load_model("base")
    crops = np.random.default_rng(0).integers(0, 255, (3, 48, 48), dtype=np.uint8)
    for prediction, row in zip(model.predict(crops, "core4"), model.probabilities(crops, "core4"), strict=True):
        assert prediction.probabilities == tuple(row)
        assert prediction.expression == CORE4.labels[row.argmax()]


def test_an_answer_that_the_model_has_not_is_told() -> None:
    crops = np.zeros((1, 48, 48), dtype=np.uint8)
    with pytest.raises(UnknownExpressionSet, match=r"'core5' \(did you mean 'core4'\?\); choose from core4, "):
        load_model("tiny").predict(crops, "core5")
