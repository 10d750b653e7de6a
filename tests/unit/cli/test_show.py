"""`mien model show` as a command."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mien.cli import main
from mien.model.package import load_model


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["model", "show", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_shows_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("matplotlib", reason="the extra evaluate is not installed")
    drawing, layers = tmp_path / "tiny.svg", tmp_path / "tiny.json"
    code, out, _ = run(capsys, "tiny", "--svg", str(drawing), "--json", str(layers))
    assert code == 0
    assert "conv 3×3 /2, ReLU" in out
    assert "380,303" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "conv 3×3 /2, ReLU" in drawing.read_text("utf-8")
    assert json.loads(layers.read_text("utf-8"))["multiply_adds"] == 40_542_384


def test_needs_onnx_for_nothing_and_matplotlib_for_the_drawing_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert run(capsys)[0] == 0
    code, out, err = run(capsys, "--svg", str(tmp_path / "base.svg"))
    assert (code, out) == (1, "")
    assert "a drawing of a model needs the package 'matplotlib'" in err
    assert "mien[evaluate]" in err


def test_a_model_that_says_nothing_of_its_layers_is_refused(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_model("tiny")
    model.metadata = replace(model.metadata, layers=())
    monkeypatch.setattr("mien.model.package.load_model", lambda _: model)
    code, out, err = run(capsys, "tiny")
    assert (code, out) == (1, "")
    assert "tiny.onnx does not say what layers it has; export it again" in err


def test_a_file_that_cannot_be_written_is_told_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "--svg", str(tmp_path / "none" / "base.svg"))
    assert (code, out) == (1, "")
    assert "name a file in a folder that exists" in err
