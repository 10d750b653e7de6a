from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch", reason="the extra train is not installed")

from drawn_faces import drawn_faces

from mien.cli import main
from mien.cli.export import _write_failures
from mien.errors import OutputError
from mien.evaluate.analysis.examples import Example

FACES = drawn_faces(4, seed=0)
FAILURE = Example(row=2, truth="surprise", answer="happy", confidence=0.9, truth_probability=0.1)
EXPORTED = Mock(path=Path("some.onnx"), failures=(FAILURE,))


def test_an_unknown_precision_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", str(tmp_path), "--output", "model.onnx", "--precision", "int4"])
    assert ended.value.code == 1
    assert "no precision 'int4' (did you mean 'int8'?); choose from fp32, fp16, int8" in capsys.readouterr().err


def test_failures_are_written_where_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write_failures(EXPORTED, FACES, tmp_path / "new")
    sheet = np.asarray(Image.open(tmp_path / "new" / "some-failures.png"))
    assert sheet[:100, :100].std() > 10
    assert "not yours to pass on" in capsys.readouterr().out


def test_failures_where_no_folder_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="name another folder with --failures"):
        _write_failures(EXPORTED, FACES, tmp_path / "file" / "new")
