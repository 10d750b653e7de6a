import os
from pathlib import Path

import pytest

from mien.cli.output.files import check_outputs, write_text
from mien.errors import OutputError


def test_what_is_no_utf8_is_written_as_escapes(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", f"größer {os.fsdecode(b'caf' + bytes([0xE9]))}.jpg")
    assert (tmp_path / "a.md").read_text("utf-8") == "größer caf\\udce9.jpg"


def test_what_was_there_stays_where_the_new_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.md", "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write to .*No space left"):
        write_text(tmp_path / "a.md", "after")
    assert [(path.name, path.read_text("utf-8")) for path in tmp_path.iterdir()] == [("a.md", "before")]


def test_a_link_stays_and_a_device_is_written_to(tmp_path: Path) -> None:
    (tmp_path / "link.md").symlink_to(tmp_path / "a.md")
    write_text(tmp_path / "link.md", "text")
    assert (tmp_path / "a.md").read_text("utf-8") == "text"
    assert (tmp_path / "link.md").is_symlink()
    check_outputs([Path(os.devnull)])
    write_text(Path(os.devnull), "text")
    assert not Path(os.devnull).is_file()
