import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mien.preprocess import Framing, Preprocessing, crop_face, fit_crop, model_input, normalize
from mien.results import Box, Detection, Landmarks

PLAIN = Preprocessing(48, mean=128.0, std=64.0)


def level_face(box: Box) -> Detection:
    """A detection whose eyes are level."""
    x, y, w, h = box.left, box.top, box.width, box.height
    points = [(x + a * w, y + b * h) for a, b in ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))]
    return Detection(box, 1.0, Landmarks(*points))


def pattern(side: int) -> np.ndarray:
    """An RGB picture with no two alike regions."""
    grey = np.add.outer(np.arange(side) * 150 // side, np.arange(side) * 100 // side).astype(np.uint8)
    grey[side // 4 : side // 2, side // 4 : side // 3] = 255
    return np.repeat(grey[:, :, None], 3, axis=2)


def test_crop_of_a_whole_square_is_area_resampling() -> None:
    image_rgb = pattern(96)
    crop = crop_face(image_rgb, Detection(Box(0, 0, 96, 96), 1.0), PLAIN)
    blocks = image_rgb[:, :, 0].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(crop, blocks, atol=1)


def test_crop_follows_scale_and_shift() -> None:
    image_rgb = pattern(96)
    framing = Preprocessing(48, 0.0, 1.0, Framing(scale=2.0, shift_down=0.25))
    crop = crop_face(image_rgb, Detection(Box(36, 12, 60, 36), 1.0), framing)
    np.testing.assert_array_equal(crop, image_rgb[12:60, 24:72, 0])


def test_crop_repeats_the_border_beyond_the_picture() -> None:
    image_rgb = np.full((20, 20, 3), 90, dtype=np.uint8)
    crop = crop_face(image_rgb, Detection(Box(-10, -10, 30, 30), 1.0), PLAIN)
    assert (crop == 90).all()


def test_upright_crop_of_a_level_face_is_nearly_the_plain_one() -> None:
    image_rgb, face = pattern(120), level_face(Box(30, 30, 90, 90))
    plain = crop_face(image_rgb, face, PLAIN).astype(float)
    upright = crop_face(image_rgb, face, Preprocessing(48, 0, 1, Framing(upright=True))).astype(float)
    assert np.abs(plain - upright).mean() < 3


@pytest.mark.parametrize("degrees", [-30, -10, 20, 40])
def test_upright_crop_undoes_a_rotation(degrees: float) -> None:
    size, centre = 200, 100
    image = Image.fromarray(pattern(size))
    face = level_face(Box(60, 60, 140, 140))
    turned = np.asarray(image.rotate(degrees, Image.Resampling.BICUBIC))
    # PIL turns counter-clockwise about the centre, in coordinates whose y points down.
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))

    def turn(point: tuple[float, float]) -> tuple[float, float]:
        x, y = point[0] - centre, point[1] - centre
        return (centre + x * cos + y * sin, centre - x * sin + y * cos)

    marks = face.landmarks
    assert marks is not None
    tilted = Landmarks(*map(turn, (marks.left_eye, marks.right_eye, marks.nose, marks.mouth_left, marks.mouth_right)))
    upright = Preprocessing(48, 0, 1, Framing(upright=True))
    straight = crop_face(np.asarray(image), face, upright).astype(float)
    undone = crop_face(turned, Detection(face.box, 1.0, tilted), upright).astype(float)
    assert np.abs(straight - undone).mean() < 4


def test_face_without_landmarks_is_not_turned() -> None:
    image_rgb, face = pattern(96), Detection(Box(10, 10, 80, 80), 1.0)
    upright = Preprocessing(48, 0, 1, Framing(upright=True))
    np.testing.assert_array_equal(crop_face(image_rgb, face, upright), crop_face(image_rgb, face, PLAIN))


edge = st.floats(-50, 150, allow_nan=False)


@given(left=edge, top=edge, side=st.floats(0.5, 200), tilt=st.floats(-80, 80), upright=st.booleans())
def test_any_box_gives_a_crop_of_the_size(left: float, top: float, side: float, tilt: float, upright: bool) -> None:
    box = Box(left, top, left + side, top + side)
    face = level_face(box)
    marks = face.landmarks
    assert marks is not None
    tilted = Landmarks(
        marks.left_eye, (marks.right_eye[0], marks.right_eye[1] + tilt), marks.nose, marks.mouth_left, marks.mouth_right
    )
    crop = crop_face(pattern(60), Detection(box, 1.0, tilted), Preprocessing(48, 0, 1, Framing(1.2, 0.1, upright)))
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8


def test_fit_crop_leaves_a_crop_of_the_right_size_alone() -> None:
    grey = pattern(48)
    np.testing.assert_array_equal(fit_crop(grey, PLAIN), grey[:, :, 0])


def test_fit_crop_resamples_by_area() -> None:
    image_rgb = pattern(96)
    blocks = image_rgb[:, :, 0].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(fit_crop(image_rgb, PLAIN), blocks, atol=1)


def test_model_input_is_normalised_single_precision() -> None:
    crops = np.array([[[0, 128], [192, 255]]], dtype=np.uint8)
    faces = model_input(crops, Preprocessing(2, 128.0, 64.0))
    assert faces.dtype == np.float32
    assert faces.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(faces[0, 0], [[-2, 0], [1, 127 / 64]])


def test_tensors_and_arrays_are_normalised_alike() -> None:
    torch = pytest.importorskip("torch", reason="the extra train is not installed")

    values = np.linspace(0, 255, 48 * 48, dtype=np.float32).reshape(1, 1, 48, 48)
    np.testing.assert_array_equal(normalize(torch.from_numpy(values), PLAIN).numpy(), normalize(values, PLAIN))
