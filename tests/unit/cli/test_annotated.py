from pathlib import Path

import pytest

from mien.cli.annotated import STANDARD_INPUT, annotated_paths
from mien.errors import PictureError

OUT = Path("out")


def test_copies_lie_as_their_pictures_do_under_the_common_folder() -> None:
    pictures = [Path("photos/a.jpg"), Path("photos/x/a.jpg"), Path("photos/x/y/b.webp")]
    places = annotated_paths(pictures, OUT)
    assert places == {
        pictures[0]: OUT / "a.jpg",
        pictures[1]: OUT / "x/a.jpg",
        pictures[2]: OUT / "x/y/b.webp",
    }


def test_same_names_from_two_folders_do_not_meet() -> None:
    places = annotated_paths([Path("one/a.jpg"), Path("two/a.jpg")], OUT)
    assert set(places.values()) == {OUT / "one/a.jpg", OUT / "two/a.jpg"}


def test_a_single_picture_keeps_its_name() -> None:
    assert annotated_paths([Path("some/where/a.PNG")], OUT) == {Path("some/where/a.PNG"): OUT / "a.PNG"}


def test_forms_that_are_not_kept_become_png_without_meeting_another() -> None:
    pictures = [Path("a.gif"), Path("a.tif"), Path("a.gif.png"), Path("noend")]
    places = annotated_paths(pictures, OUT)
    assert [places[picture].name for picture in pictures] == ["a.gif.png", "a.tif.png", "a.gif-2.png", "noend.png"]


def test_standard_input_gets_a_name() -> None:
    assert annotated_paths([STANDARD_INPUT], OUT) == {STANDARD_INPUT: OUT / "standard-input.png"}
    places = annotated_paths([STANDARD_INPUT, Path("standard-input.png")], OUT)
    assert len(set(places.values())) == 2


def test_a_folder_that_holds_the_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="name another folder"):
        annotated_paths([tmp_path / "x/a.jpg"], tmp_path)


def test_a_folder_that_leads_to_the_pictures_by_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(PictureError, match="name another folder"):
        annotated_paths([tmp_path / "photos/a.jpg"], tmp_path / "link")


def test_no_pictures_have_no_copies() -> None:
    assert annotated_paths([], OUT) == {}
