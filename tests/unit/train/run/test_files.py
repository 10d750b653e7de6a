from pathlib import Path

import pytest

from mien.train.run.files import replace_file


def test_replaces_a_file(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", "first")
    replace_file(tmp_path / "a.txt", "zweite Fassung, größer")
    assert (tmp_path / "a.txt").read_text("utf-8") == "zweite Fassung, größer"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_where_it_fails_what_was_there_stays_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "a.txt", b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mien.train.run.files.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "a.txt", b"second")
    assert (tmp_path / "a.txt").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_who_may_read_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old", "utf-8")
    path.chmod(0o600)
    replace_file(path, "new")
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)
