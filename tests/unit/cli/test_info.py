import json
import re
from dataclasses import replace
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from unittest.mock import Mock

import pytest

from mien.cli import main
from mien.errors import ModelError
from mien.model.calibration import whole_head
from mien.model.metadata import ModelMetadata
from mien.model.package import ModelFile, find_model, load_model
from mien.preprocess import Preprocessing
from mien.results import to_jsonable

pytestmark = pytest.mark.slow


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


def shown(metadata: ModelMetadata, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What is printed of a model that says `metadata` of itself."""
    stated = Mock(file=ModelFile("mine", Path("some/mine.onnx"), "0" * 64, b"content"), metadata=metadata)
    monkeypatch.setattr("mien.model.package.shipped_models", lambda: ())
    monkeypatch.setattr("mien.model.package.load_model", lambda _: stated)
    with pytest.raises(SystemExit) as ended:
        main(["info", "--model", "some/mine.onnx"])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


def test_a_model_file_is_shown_with_all_that_it_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    base = load_model("tiny").metadata
    lines = shown(replace(base, license="a\x1blicense"), monkeypatch, capsys)
    assert f"  file                  {Path('some/mine.onnx')}" in lines
    assert "  input                 48 px, grayscale" in lines
    assert "  graph                 int8, ONNX opset 18, any number of faces at once" in lines
    assert "  set core4             happy, sad, surprise, neutral" in lines
    assert r"  license               a\x1blicense" in lines
    (figure,) = [line for line in lines if line.startswith("  P3 ")]
    assert re.search(r"\d\d\.\d % \(.*\) of 3,589 images of PublicTest, selected on PublicTest$", figure)


def test_a_model_that_says_little_is_shown(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    asked = Preprocessing(112, 96, "rgb", (0.0,) * 3, (255.0,) * 3)
    words = ("calm", "tense")
    lines = shown(
        ModelMetadata("mine", asked, {"mood": words}, {"mood": whole_head("mood", words)}), monkeypatch, capsys
    )
    assert lines[-4:] == [
        "  input                 96 × 112 px, RGB",
        "  set mood              calm, tense",
        "    by default          prior training",
        "  license               not stated",
    ]


def test_json_has_all_of_the_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["info", "--json"])
    (tiny,) = [model for model in json.loads(capsys.readouterr().out)["models"] if model["name"] == "tiny"]
    assert tiny["metadata"]["answers"]["core4"]["labels"] == ["happy", "sad", "surprise", "neutral"]
    assert tiny["metadata"] == to_jsonable(load_model("tiny").metadata)


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
