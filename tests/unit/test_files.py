import os
from pathlib import Path

import pytest

from mien.errors import OutputError
from mien.files import (
    check_outputs,
    fault_and_remedy,
    identities,
    make_folder,
    output_file,
    remove_drafts,
    replace_file,
    whole_file,
    write_text,
)


def test_replaces_a_file(tmp_path: Path) -> None:
    replace_file(tmp_path / "a.txt", "first")
    replace_file(tmp_path / "a.txt", "zweite Fassung, größer")
    assert (tmp_path / "a.txt").read_text("utf-8") == "zweite Fassung, größer"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_where_it_fails_what_was_there_stays_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "a.txt", b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mien.files.os.fsync", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*a\.txt'"):
        replace_file(tmp_path / "a.txt", b"second")
    assert (tmp_path / "a.txt").read_bytes() == b"first"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_remedy_is_space_only_where_that_lacks() -> None:
    assert fault_and_remedy(OSError(28, "No space left on device"), "name another") == (
        "No space left on device; make space"
    )
    assert fault_and_remedy(OSError(13, "Permission denied"), "name another") == "Permission denied; name another"


def test_drafts_that_a_kill_has_left_are_removed(tmp_path: Path) -> None:
    with whole_file(tmp_path / "a.txt"):
        (draft,) = tmp_path.iterdir()
        remove_drafts(tmp_path)
        assert not draft.exists()
        draft.touch()


def test_who_may_read_a_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text("old", "utf-8")
    path.chmod(0o600)
    replace_file(path, "new")
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("new", 0o600)


def test_what_is_no_utf8_is_written_as_escapes(tmp_path: Path) -> None:
    write_text(tmp_path / "a.md", f"größer {os.fsdecode(b'caf' + bytes([0xE9]))}.jpg")
    assert (tmp_path / "a.md").read_text("utf-8") == "größer caf\\udce9.jpg"


def test_what_was_there_stays_where_the_new_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_text(tmp_path / "a.md", "before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"cannot write to .*No space left on device; make space$"):
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


def test_a_block_that_fails_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")

    def fail_half_way() -> None:
        with whole_file(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail_half_way()
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("a.bin", b"before")]


def test_a_name_as_long_as_names_may_be_is_written(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 251 + ".txt")
    replace_file(path, "text")
    assert path.read_text("utf-8") == "text"


def test_an_output_goes_where_a_link_leads_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with output_file(tmp_path / "link") as file:
        file.write(b"whole")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_bytes() == b"whole"


@pytest.mark.parametrize("name", ["no/folder/a.txt", "."])
def test_an_output_that_cannot_be_is_said_before_anything_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name a file in a folder that exists"), output_file(tmp_path / name):
        raise AssertionError


def test_all_names_of_a_file_are_one(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    (tmp_path / "soft").symlink_to("a")
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    assert len(identities(tmp_path / name for name in ("a", "soft", "hard", "gone"))) == 1


def test_folders_are_made_or_refused(tmp_path: Path) -> None:
    make_folder(tmp_path / "a/b")
    make_folder(tmp_path / "a/b")
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"cannot make the folder .*: Not a directory"):
        make_folder(tmp_path / "file/b")
