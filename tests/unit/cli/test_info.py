import json

import pytest

from mien.cli import main
from mien.errors import ModelError


@pytest.mark.parametrize("arguments", [["info"], ["info", "--json"]], ids=["text", "json"])
def test_a_damaged_model_is_said_and_the_rest_shown(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def damaged(name: str) -> None:
        raise ModelError(f"{name} is damaged")

    monkeypatch.setattr("mien.model.shipped_models", lambda: ("base",))
    monkeypatch.setattr("mien.model.load_model", damaged)
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    out = capsys.readouterr().out
    assert ended.value.code == 1
    assert "base is damaged" in out
    assert "CPUExecutionProvider" in out
    if "--json" in arguments:
        assert json.loads(out)["models"] == [{"name": "base", "error": "base is damaged"}]
