from pathlib import Path

import pytest

from mien.cli.annotated_paths import STANDARD_INPUT, annotated_paths
from mien.errors import OutputError

OUT = Path("out")


def test_copies_lie_as_their_pictures_do_under_the_common_folder() -> None:
    pictures = [Path("photos/a.jpg"), Path("photos/x/a.jpg"), Path("photos/x/y/b.webp")]
    places = annotated_paths(pictures, OUT)
    assert places == [OUT / "a.jpg", OUT / "x/a.jpg", OUT / "x/y/b.webp"]


def test_same_names_from_two_folders_do_not_meet() -> None:
    places = annotated_paths([Path("one/a.jpg"), Path("two/a.jpg")], OUT)
    assert places == [OUT / "one/a.jpg", OUT / "two/a.jpg"]


def test_a_single_picture_keeps_its_name() -> None:
    assert annotated_paths([Path("some/where/a.PNG")], OUT) == [OUT / "a.PNG"]


def test_forms_that_are_not_kept_become_png_without_meeting_another() -> None:
    pictures = [Path("a.gif"), Path("a.tif"), Path("a.gif.png"), Path("noend")]
    places = annotated_paths(pictures, OUT)
    assert [place.name for place in places] == ["a.gif.png", "a.tif.png", "a.gif-2.png", "noend.png"]


def test_standard_input_gets_a_name() -> None:
    assert annotated_paths([STANDARD_INPUT], OUT) == [OUT / "standard-input.png"]
    places = annotated_paths([STANDARD_INPUT, Path("standard-input.png")], OUT)
    assert places == [OUT / "standard-input.png", OUT / "standard-input-2.png"]


def test_a_file_called_as_standard_input_is_has_a_copy_of_its_own() -> None:
    assert annotated_paths([STANDARD_INPUT, Path("./-")], OUT) == [OUT / "standard-input.png", OUT / "-.png"]


def test_a_folder_that_holds_the_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name another folder"):
        annotated_paths([tmp_path / "x/a.jpg"], tmp_path)


def test_a_folder_that_leads_to_the_pictures_by_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    with pytest.raises(OutputError, match="name another folder"):
        annotated_paths([tmp_path / "photos/a.jpg"], tmp_path / "link")


def test_no_pictures_have_no_copies() -> None:
    assert annotated_paths([], OUT) == []


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def test_the_copy_of_an_earlier_run_may_be_written_over(tmp_path: Path) -> None:
    picture, earlier = make(tmp_path / "in/a.jpg"), make(tmp_path / "out/a.jpg")
    assert annotated_paths([picture], tmp_path / "out") == [earlier]


def test_a_picture_under_another_name_is_never_written_over(tmp_path: Path) -> None:
    picture = make(tmp_path / "in/a.jpg")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.jpg").hardlink_to(picture)
    with pytest.raises(OutputError, match="is one of the pictures to be read"):
        annotated_paths([picture], tmp_path / "out")


@pytest.mark.parametrize(("link", "to"), [("out/x/a.jpg", "else/a.jpg"), ("out/x", "else"), ("out/x", "in/x")])
def test_links_in_the_folder_are_refused(tmp_path: Path, link: str, to: str) -> None:
    pictures = [make(tmp_path / "in/x/a.jpg"), make(tmp_path / "in/b.jpg")]
    make(tmp_path / "else/a.jpg")
    (tmp_path / link).parent.mkdir(parents=True)
    (tmp_path / link).symlink_to(tmp_path / to)
    with pytest.raises(OutputError, match=r"out/x/a\.jpg leads elsewhere by a link"):
        annotated_paths(pictures, tmp_path / "out")


def test_a_folder_that_is_itself_a_link_is_taken(tmp_path: Path) -> None:
    picture, place = make(tmp_path / "in/a.jpg"), tmp_path / "link"
    (tmp_path / "out").mkdir()
    place.symlink_to(tmp_path / "out")
    assert annotated_paths([picture], place) == [place / "a.jpg"]


def test_a_picture_that_is_a_link_to_itself_is_left_to_the_reading(tmp_path: Path) -> None:
    circle = tmp_path / "in/a.jpg"
    circle.parent.mkdir()
    circle.symlink_to(circle)
    assert annotated_paths([circle], tmp_path / "out") == [tmp_path / "out/a.jpg"]
