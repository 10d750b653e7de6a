import io
from pathlib import Path
from typing import IO
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFont

from mien.drawing import COLORS, _font, annotate, save_picture
from mien.errors import MienError, MissingExtra, OutputError, PictureError, PictureTooLarge
from mien.expressions import CORE4, EXPRESSION_SETS, FER7, ExpressionSet
from mien.images import SUFFIXES, read_picture
from mien.results import Box, Face, Landmarks, OtherExpression, PictureResult, Prediction

pytestmark = pytest.mark.slow

GRAY = (120, 120, 120)


def face(
    box: tuple[float, float, float, float],
    expression: str = "happy",
    *,
    uncertain: bool = False,
    of: ExpressionSet = CORE4,
    landmarks: bool = True,
    other: OtherExpression | None = None,
) -> Face:
    left, top, right, bottom = box
    middle = ((left + right) / 2, (top + bottom) / 2)
    probabilities = tuple(0.91 if label == expression else 0.09 / (len(of) - 1) for label in of.labels)
    points = Landmarks(middle, middle, middle, middle, middle) if landmarks else None
    return Face(
        Box(left, top, right, bottom), points, 0.99, Prediction(of.labels, probabilities, uncertain, 0.5, other)
    )


def gray(width: int, height: int) -> np.ndarray:
    return np.full((height, width, 3), GRAY, np.uint8)


def changed(width: int, height: int, *faces: Face) -> np.ndarray:
    """Where annotating a gray picture changes it."""
    return (np.asarray(annotate(gray(width, height), faces)) != GRAY).any(axis=2)


def test_without_faces_nothing_is_drawn() -> None:
    assert not changed(60, 40).any()


def test_the_picture_given_is_left_alone() -> None:
    picture = gray(200, 200)
    drawn = annotate(picture, [face((50, 50, 120, 130))])
    assert (picture == GRAY).all()
    assert drawn.size == (200, 200)
    assert drawn.mode == "RGB"


def test_a_read_only_picture_is_annotated() -> None:
    picture = gray(200, 200)
    picture.flags.writeable = False
    assert (np.asarray(annotate(picture, [face((50, 50, 120, 130))])) != GRAY).any()


def test_box_label_and_landmarks_are_where_they_belong() -> None:
    drawn = changed(400, 400, face((100, 150, 220, 300)))
    assert drawn[150, 100:220].all()
    assert drawn[299, 100:220].all()
    assert drawn[150:300, 100].all()
    assert drawn[150:300, 219].all()
    assert drawn[225, 160]  # the landmarks
    assert not drawn[160:215, 110:210].any()  # nothing else on the face
    assert drawn[140, 110:160].all()  # the label stands above, flush with the left side
    rows, columns = np.nonzero(drawn)
    assert (rows.min() > 110, rows.max()) == (True, 299)
    assert columns.min() == 100


def test_landmarks_are_optional() -> None:
    assert not changed(400, 400, face((100, 150, 220, 300), landmarks=False))[200:250, 120:200].any()


def test_colors_name_the_expression() -> None:
    for label in CORE4.labels:
        drawn = np.asarray(annotate(gray(300, 300), [face((100, 100, 200, 200), label)]))
        assert (drawn == COLORS[label]).all(axis=2).sum() > 300


def test_every_kind_of_picture_is_annotated(tmp_path: Path) -> None:
    faces = PictureResult(None, 200, 200, (face((50, 50, 120, 130)),))
    path = tmp_path / "a.png"
    save_picture(gray(200, 200), path)
    expected = np.asarray(annotate(gray(200, 200), faces))
    for picture in (path, str(path), path.read_bytes(), io.BytesIO(path.read_bytes()), Image.open(path)):
        np.testing.assert_array_equal(np.asarray(annotate(picture, faces)), expected)
    with pytest.raises(PictureError, match="no such file"):
        annotate(tmp_path / "gone.png", faces)
    with pytest.raises(PictureTooLarge):
        annotate(path, faces, max_pixels=100)


def test_pictures_are_annotated_upright(tmp_path: Path) -> None:
    Image.fromarray(gray(40, 20)).save(tmp_path / "turned.jpg", exif=turned_by_90())
    assert annotate(tmp_path / "turned.jpg", ()).size == (20, 40)


def turned_by_90() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def test_what_a_face_shows_instead_is_named() -> None:
    plain = face((100, 150, 220, 300), uncertain=True)
    other = face((100, 150, 220, 300), uncertain=True, other=OtherExpression("angry", 0.8))
    assert changed(400, 400, other)[:149].sum() > changed(400, 400, plain)[:149].sum()


def test_every_expression_has_a_color_of_its_own_in_its_set() -> None:
    for expressions in EXPRESSION_SETS:
        assert len({COLORS[label] for label in expressions.labels}) == len(expressions)


def test_an_uncertain_face_has_gaps_in_its_box() -> None:
    def color_share(*, uncertain: bool) -> float:
        one = face((50, 200, 350, 500), uncertain=uncertain)
        drawn = np.asarray(annotate(gray(600, 600), [one]))
        return float((drawn[490:500, 60:340] == COLORS["happy"]).all(axis=2).max(axis=0).mean())

    assert color_share(uncertain=False) == 1
    assert 0.3 < color_share(uncertain=True) < 0.7


@pytest.mark.parametrize("size", [(48, 48), (120, 90), (640, 480), (4000, 3000)])
def test_sizes_follow_the_picture(size: tuple[int, int]) -> None:
    width, height = size
    drawn = changed(width, height, face((0.3 * width, 0.4 * height, 0.6 * width, 0.8 * height)))
    assert 0.01 < drawn.mean() < 0.35


@pytest.mark.parametrize("box", [(0, 0, 80, 80), (220, 0, 300, 80), (0, 220, 80, 300), (220, 220, 300, 300)])
def test_labels_stay_whole_at_the_border(box: tuple[float, float, float, float]) -> None:
    assert changed(300, 300, face(box)).sum() == changed(300, 300, face((110, 110, 190, 190))).sum()


def test_labels_of_neighbours_do_not_cover_each_other_or_faces() -> None:
    row = [face((20 + 90 * i, 60, 80 + 90 * i, 130), label, of=FER7) for i, label in enumerate(FER7.labels)]
    together = changed(700, 200, *row).sum()
    apart = sum(changed(700, 200, one).sum() for one in row)
    assert together > 0.75 * apart  # what is covered is not counted; smaller labels take some off as well
    for one in row:
        left, top = int(one.box.left), int(one.box.top)
        middle = changed(700, 200, *row)[top + 8 : top + 25, left + 8 : left + 50]
        assert not middle.any()


boxes = st.tuples(st.floats(0, 90), st.floats(0, 90), st.floats(0, 60), st.floats(0, 60))


@settings(max_examples=50)
@given(st.lists(boxes, max_size=6), st.tuples(st.integers(1, 100), st.integers(1, 100)), st.booleans())
def test_any_boxes_are_drawn_without_error(
    found: list[tuple[float, float, float, float]], size: tuple[int, int], uncertain: bool
) -> None:
    faces = [face((x, y, x + w, y + h), uncertain=uncertain) for x, y, w, h in found]
    assert annotate(gray(*size), faces).size == size


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_saved_pictures_can_be_read_again(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    save_picture(gray(30, 20), path)
    assert np.abs(read_picture(path).astype(int) - GRAY).max() <= 3
    save_picture(Image.new("RGBA", (10, 10)), str(path))  # an existing file is replaced
    assert read_picture(path).shape == (10, 10, 3)


def test_saving_where_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no picture format has the suffix '\.xyz'; choose from \.jpg"):
        save_picture(gray(3, 3), tmp_path / "picture.xyz")
    with pytest.raises(OutputError, match=r"picture\.png: cannot be written \(No such file.*check the folder"):
        save_picture(gray(3, 3), tmp_path / "missing" / "picture.png")


def test_saving_over_a_link_leaves_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "kept.png").write_bytes(b"kept")
    (tmp_path / "link.png").symlink_to(tmp_path / "kept.png")
    save_picture(gray(3, 3), tmp_path / "link.png")
    assert (tmp_path / "kept.png").read_bytes() == b"kept"
    assert read_picture(tmp_path / "link.png").shape == (3, 3, 3)


def test_saving_that_fails_leaves_the_file_that_was_there_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop_half_way(_: Image.Image, file: IO[bytes], **__: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    path = tmp_path / "picture.png"
    path.write_bytes(b"before")
    monkeypatch.setattr(Image.Image, "save", stop_half_way)
    with pytest.raises(OutputError, match=r"cannot be written \(No space left on device\)"):
        save_picture(gray(3, 3), path)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("picture.png", b"before")]


def test_pillow_without_freetype_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    _font.cache_clear()
    monkeypatch.setattr(ImageFont, "load_default", lambda _: ImageFont.ImageFont())
    with pytest.raises(MienError, match="needs Pillow with FreeType") as caught:
        annotate(gray(200, 200), [face((50, 50, 120, 130))])
    assert not isinstance(caught.value, MissingExtra)


def test_a_picture_there_is_no_memory_to_draw_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = np.zeros((20, 20, 3), np.uint8)
    with monkeypatch.context() as patch:
        patch.setattr("mien.drawing.Image.fromarray", Mock(side_effect=MemoryError))
        with pytest.raises(PictureTooLarge, match="memory ran out"):
            annotate(picture, ())
    drawn = Mock(spec=Image.Image, mode="RGB", save=Mock(side_effect=MemoryError))
    with pytest.raises(OutputError, match=r"cannot be written .memory ran out"):
        save_picture(drawn, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
