import json
import re
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from mien.cli import main
from mien.errors import ModelError
from mien.model.package import ModelFile, find_model, load_model


@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"]], ids=["text", "json"])
def test_a_damaged_model_is_said_and_the_rest_shown(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(name: str) -> None:
        raise ModelError(f"{name} is damaged")

    monkeypatch.setattr("mien.model.package.shipped_models", lambda: ("base",))
    monkeypatch.setattr("mien.model.package.load_model", damaged)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert "base is damaged" in out
    assert "CPUExecutionProvider" in out
    if "--json" in arguments:
        assert json.loads(out)["models"] == [{"name": "base", "error": "base is damaged"}]


METRICS = {
    "split": "PublicTest",
    "results": [
        {
            "flip_averaged": False,
            "without_duplicates": False,
            "protocol": "P1",
            "name": "seven",
            "n": 3589,
            "accuracy": {"value": 0.7, "low": 0.6, "high": 0.8},
        }
    ],
}


@pytest.mark.parametrize(
    ("metrics", "says"),
    [(METRICS, "70.0 % (60.0-80.0) of 3,589 images of PublicTest"), ({"results": 3}, "see --json")],
    ids=["ours", "others"],
)
def test_any_model_file_is_shown_beside_those_shipped(
    metrics: dict[str, Any], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(name: str) -> Mock:
        facts = {"labels": ["core4"], "licence": "a\x1blicence", "selected_on": None, "metrics": metrics}
        facts["preprocessing"] = {"size_px": 64}
        file = ModelFile(Path(name).stem, Path(name), "0" * 64, b"content")
        return Mock(file=file, metadata=Mock(to_json=lambda: json.dumps(facts)))

    monkeypatch.setattr("mien.model.package.shipped_models", lambda: ("base",))
    monkeypatch.setattr("mien.model.package.load_model", load)
    with pytest.raises(SystemExit) as ended:
        main(["info", "--model", "some/mine.onnx"])
    lines = capsys.readouterr().out.splitlines()
    assert ended.value.code == 0
    assert [line.split()[1] for line in lines if line.startswith("model")] == ["base", "mine"]
    assert f"  file                  {Path('some/mine.onnx')}" in lines
    assert says in lines[-1]
    assert r"a\x1blicence" in "".join(lines)


EXPORT = {"precision": "int8", "opset": 18, "inputs": {"faces": ["batch", 1, 48, 48]}}


@pytest.mark.parametrize(
    ("export", "says"),
    [
        (EXPORT, "int8, ONNX opset 18, any number of faces at once"),
        (EXPORT | {"inputs": {"faces": [8, 1, 48, 48]}}, "int8, ONNX opset 18, 8 faces at once"),
        ({}, None),
        ({"opset": 18}, "not in a form that can be shown here; see --json"),
        (["int8"], "not in a form that can be shown here; see --json"),
    ],
    ids=["any", "fixed", "old", "bare", "others"],
)
def test_form_of_a_model_file_is_shown_where_it_is_stated(
    export: Any, says: str | None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    facts = json.loads(load_model("base").metadata.to_json()) | {"export": export}
    stated = Mock(file=find_model("base"), metadata=Mock(to_json=lambda: json.dumps(facts)))
    monkeypatch.setattr("mien.model.package.shipped_models", lambda: ("base",))
    monkeypatch.setattr("mien.model.package.load_model", lambda _: stated)
    with pytest.raises(SystemExit):
        main(["info"])
    lines = [line.split(None, 1) for line in capsys.readouterr().out.splitlines() if line.startswith("  graph")]
    assert lines == ([["graph", says]] if says else [])


def test_a_model_file_that_is_not_there_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["info", "--model", "gone.onnx"])
    assert ended.value.code == 1
    assert "no model file gone.onnx" in capsys.readouterr().out


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("mien.model.package.load_model", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(SystemExit) as ended:
        main(["info"])
    assert (ended.value.code, capsys.readouterr().err) == (130, "mien: interrupted\n")


def test_file_that_is_no_yunet_is_told_with_its_checksum_and_the_rest_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("cv2", reason="the extra yunet is not installed")
    file = find_model("base")
    with pytest.raises(SystemExit) as ended:
        main(["info", "--yunet-model", str(file.path)])
    assert ended.value.code == 1
    out = capsys.readouterr().out
    assert f"(SHA-256 {file.sha256}) as a YuNet model" in out
    assert re.search("^detector mtcnn +ready$", out, re.MULTILINE)
    assert re.search("^model +base$", out, re.MULTILINE)


def test_opencv_is_shown_by_the_package_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = import_module("mien.cli.info")  # which the command of the same name hides
    monkeypatch.setattr(module, "packages_distributions", lambda: {"cv2": ["opencv-python"]})
    monkeypatch.setattr(module, "version", lambda package: f"version of {package}")
    with pytest.raises(SystemExit):
        main(["info"])
    out = capsys.readouterr().out
    assert "version of opencv-python\n" in out
    assert "headless" not in out


def test_yunet_file_that_works_is_shown_with_its_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cv2 = pytest.importorskip("cv2", reason="the extra yunet is not installed")
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: Mock())
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"some network")
    with pytest.raises(SystemExit):
        main(["info", "--yunet-model", str(path)])
    assert sha256(b"some network").hexdigest() in capsys.readouterr().out
