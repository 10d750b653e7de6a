"""Faces in reports."""

from io import BytesIO

import numpy as np
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.report.pictures import captioned_sheet, heat_map

FACES = drawn_faces(4, seed=1).gray()


def pixels_of(picture: bytes) -> NDArray[np.float64]:
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image, dtype=np.float64)


def test_heat_grows_lighter_so_that_gray_shows_it_too() -> None:
    colors = pixels_of(heat_map(np.linspace(-0.2, 1, 121)[None]))[0]
    gray = colors @ (0.299, 0.587, 0.114)
    assert np.all(gray[:21] == gray[0])
    assert np.all(np.diff(gray[20:]) > -1)
    assert gray[-1] - gray[0] > 150
    assert np.all(pixels_of(heat_map(np.zeros((2, 2)))) == colors[0])


def test_a_sheet_shows_each_face_above_its_caption() -> None:
    sheet = pixels_of(captioned_sheet(list(FACES[:2]), ["first", "second"]))
    assert sheet.shape == (160, 600)
    for left, face in ((0, FACES[0]), (120, FACES[1])):
        assert abs(sheet[:116, left : left + 116].mean() - face.mean()) < 3
        assert (sheet[120:, left : left + 120] < 128).any()
    assert (sheet[:, 240:] == 255).all()


def test_faces_of_any_size_and_in_color_share_a_sheet() -> None:
    red = np.zeros((112, 112, 3), dtype=np.uint8)
    red[..., 0] = 200
    sheet = pixels_of(captioned_sheet([FACES[0], red], ["gray", "red"]))
    assert sheet.shape == (160, 600, 3)
    assert sheet[50, 180].tolist() == [200, 0, 0]
    assert pixels_of(captioned_sheet([], [])).shape == (160, 600)
