"""What the command says when it fails in one of several processes."""

import pytest

from mien import cli
from mien.cli import main


@pytest.mark.parametrize(("rank", "waited"), [("0", []), ("1", [cli._FIRST_HAS_SPOKEN_S])])
def test_first_process_speaks_and_others_wait_to_be_ended(
    rank: str, waited: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "some")
    monkeypatch.setenv("RANK", rank)
    with pytest.raises(SystemExit) as ended:
        main(["recognize", "picture.jpg", "--model", "none"])
    assert ended.value.code == 1
    assert slept == waited
    assert "no model 'none'" in capsys.readouterr().err
