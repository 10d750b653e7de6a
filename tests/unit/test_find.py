import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from mien.errors import PictureError
from mien.find import find_pictures
from mien.formats import PICTURE_SUFFIXES, VIDEO_SUFFIXES


def make(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def found(paths: Iterable[str | os.PathLike[str]], folder: Path) -> list[str]:
    """Paths relative to the folder; errors as their message without the folder."""
    return [
        str(item).replace(f"{folder}{os.sep}", "") if isinstance(item, PictureError) else str(item.relative_to(folder))
        for item in find_pictures(paths)
    ]


def test_a_folder_gives_its_pictures_in_order_and_nothing_hidden(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a.png", "notes.txt", "c/d/e.webp", "c/a.Tiff", ".hidden.jpg", ".cache/x.jpg", "a/z.gif")
    assert found([tmp_path], tmp_path) == ["a/z.gif", "a.png", "b.JPG", "c/a.Tiff", "c/d/e.webp"]


@pytest.mark.parametrize("suffix", PICTURE_SUFFIXES)
def test_every_suffix_is_found(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, f"picture{suffix}", f"PICTURE2{suffix.upper()}", f"no{suffix[1:]}")
    assert len(list(find_pictures([tmp_path]))) == 2


def test_a_named_file_is_taken_whatever_its_name(tmp_path: Path) -> None:
    make(tmp_path, "picture", ".hidden.txt", "a[1].jpg")
    named = [tmp_path / "picture", tmp_path / ".hidden.txt", str(tmp_path / "a[1].jpg")]
    assert found(named, tmp_path) == ["picture", ".hidden.txt", "a[1].jpg"]


def test_each_file_comes_once_in_the_order_asked_for(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "c/d.jpg")
    (tmp_path / "e.jpg").symlink_to(tmp_path / "a.jpg")
    twice = [tmp_path / "b.jpg", tmp_path, tmp_path / "c" / ".." / "a.jpg", str(tmp_path / "*.jpg")]
    assert found(twice, tmp_path) == ["b.jpg", "a.jpg", "c/d.jpg"]


def test_patterns(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.png", "notes.txt", "c/d.jpg", "c/e/f.jpg", ".g.jpg")
    assert found([str(tmp_path / "*.jpg")], tmp_path) == ["a.jpg"]
    assert found([str(tmp_path / "**" / "*.jpg")], tmp_path) == ["a.jpg", "c/d.jpg", "c/e/f.jpg"]
    assert found([str(tmp_path / "*")], tmp_path) == ["a.jpg", "b.png", "c/d.jpg", "c/e/f.jpg"]
    assert found([str(tmp_path / "?.[jp][pn]g")], tmp_path) == ["a.jpg", "b.png"]


def test_what_leads_to_nothing_is_said_and_the_rest_goes_on(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "z.jpg", "empty/notes.txt")
    asked = ["missing.jpg", "a.jpg", "empty", "*.gif", "z.jpg"]
    missing, first, empty, unmatched, last = found([str(tmp_path / name) for name in asked], tmp_path)
    assert missing == "missing.jpg: no such file or folder; check the path"
    assert first == "a.jpg"
    assert empty.startswith("empty: no pictures here; looked for .jpg")
    assert unmatched.startswith("*.gif: no pictures here")
    assert last == "z.jpg"


def test_web_addresses_and_impossible_names_are_said() -> None:
    for path, says in (
        ("https://x.org/a.jpg", "not fetched"),
        ("a\0b", "no such file"),
        ("*\0/*", "no pictures here"),
        ("", "no such file"),
    ):
        (error,) = find_pictures([path])
        assert isinstance(error, PictureError)
        assert says in str(error)


def test_asking_for_the_same_twice_is_no_error(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    assert found([tmp_path, tmp_path], tmp_path) == ["a.jpg"]


def test_links_that_lead_round_in_circles_end(tmp_path: Path) -> None:
    make(tmp_path, "a/b/c.jpg")
    (tmp_path / "a" / "b" / "up").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "itself").symlink_to(tmp_path / "a" / "itself")
    assert found([tmp_path], tmp_path) == ["a/b/c.jpg"]


@pytest.mark.parametrize("pattern", ["**/*.jpg", "**", "**/**/*", "a/**/*.jpg", "a/one/*/**/c.*", "**/b/**"])
def test_patterns_end_where_links_lead_round_in_circles(tmp_path: Path, pattern: str) -> None:
    make(tmp_path, "a/b/c.jpg")
    for name in ("one", "two"):  # with a single one even a walk without a guard would end soon
        (tmp_path / "a" / name).symlink_to(tmp_path / "a")
        (tmp_path / "a" / "b" / name).symlink_to(tmp_path)
    (found_once,) = find_pictures([str(tmp_path / pattern)])
    assert isinstance(found_once, Path)
    assert found_once.samefile(tmp_path / "a/b/c.jpg")


def test_patterns_follow_links_and_leave_out_what_is_hidden(tmp_path: Path) -> None:
    make(tmp_path, "outside/x/a.jpg", "in/.hidden/b.jpg", "in/.c.jpg", "in/d[1].jpg")
    (tmp_path / "in" / "link").symlink_to(tmp_path / "outside")
    assert found([str(tmp_path / "in/**/*.jpg")], tmp_path) == ["in/d[1].jpg", "in/link/x/a.jpg"]
    assert found([str(tmp_path / "in/**/x")], tmp_path) == ["in/link/x/a.jpg"]
    assert found([str(tmp_path / "in/.*.jpg")], tmp_path) == ["in/.c.jpg"]
    assert found([str(tmp_path / "in/.h*/*")], tmp_path) == ["in/.hidden/b.jpg"]
    assert found([str(tmp_path / "in/d[[]*")], tmp_path) == ["in/d[1].jpg"]
    assert found([str(tmp_path / "o*/../in/d*")], tmp_path) == ["outside/../in/d[1].jpg"]


def test_patterns_relative_to_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "a/b.jpg", "c.jpg")
    monkeypatch.chdir(tmp_path)
    assert list(find_pictures(["**/*.jpg"])) == [Path("a/b.jpg"), Path("c.jpg")]
    assert list(find_pictures(["./*.jpg"])) == [Path("c.jpg")]


def test_a_folder_reached_by_a_link_is_searched(tmp_path: Path) -> None:
    make(tmp_path, "outside/a.jpg", "inside/notes.txt")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "outside")
    assert found([tmp_path / "inside"], tmp_path) == ["inside/link/a.jpg"]


def test_a_folder_that_cannot_be_listed_is_said_and_the_rest_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a/x.jpg", "b/y.jpg")
    iterdir = Path.iterdir

    def refuse_a(path: Path) -> Iterable[Path]:
        if path.name == "a":
            raise PermissionError(13, "Permission denied")
        return iterdir(path)

    monkeypatch.setattr(Path, "iterdir", refuse_a)
    said, given = found([tmp_path], tmp_path)
    assert said == "a: cannot be listed (Permission denied); check its permissions"
    assert given == "b/y.jpg"


@pytest.mark.parametrize("suffix", VIDEO_SUFFIXES)
def test_videos_are_named_as_left_out(tmp_path: Path, suffix: str) -> None:
    make(tmp_path, "a.jpg", f"b{suffix.upper()}", "c/notes.txt")
    left_out = f"b{suffix.upper()}: is left out, for it is a video; take pictures from it"
    assert found([tmp_path], tmp_path) == ["a.jpg", left_out]
    assert found([tmp_path / "*"], tmp_path) == ["a.jpg", left_out]
    assert found([tmp_path / f"b{suffix.upper()}"], tmp_path) == [f"b{suffix.upper()}"]  # reading it says what it is
