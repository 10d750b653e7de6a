"""`mien model show` as a command; what needs the package onnx is not asked for here where it is missing."""

import json
import sys
from pathlib import Path

import pytest

from mien.cli import main


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["model", "show", *arguments])
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


def test_shows_and_draws(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("onnx", reason="the light runtime does not have it")
    drawing, layers = tmp_path / "tiny.svg", tmp_path / "tiny.json"
    code, out, _ = run(capsys, "tiny", "--svg", str(drawing), "--json", str(layers))
    assert code == 0
    assert "conv 3×3 /2, ReLU" in out
    assert "380,303" in out
    assert max(map(len, out.splitlines())) <= 80
    assert drawing.read_text("utf-8").startswith("<svg")
    assert json.loads(layers.read_text("utf-8"))["multiply_adds"] == 40_542_384


def test_without_onnx_says_what_to_install(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnx", None)
    monkeypatch.delitem(sys.modules, "mien.model.onnx_layers", raising=False)
    code, _, err = run(capsys)
    assert code == 1
    assert "needs the package 'onnx'" in err
    assert "mien[evaluate]" in err


def test_a_file_that_cannot_be_written_is_told_at_once(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, out, err = run(capsys, "--svg", str(tmp_path / "none" / "base.svg"))
    assert (code, out) == (1, "")
    assert "name a file in a folder that exists" in err
