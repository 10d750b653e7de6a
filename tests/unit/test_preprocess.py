from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mien.preprocess import (
    FIVE_POINTS,
    Framing,
    Preprocessing,
    _aligned,
    crop_face,
    fit_crop,
    fit_crops,
    model_input,
    normalize,
)
from mien.results import Box, Detection, Landmarks

PLAIN = Preprocessing(48, 48, "gray", mean=(128.0,), std=(64.0,))
RGB = Preprocessing(64, 64, "rgb", mean=(128.0, 120.0, 110.0), std=(64.0, 60.0, 50.0))


def framed(framing: Framing) -> Preprocessing:
    return Preprocessing(48, 48, "gray", (0.0,), (1.0,), framing)


def level_face(box: Box) -> Detection:
    """A detection whose eyes are level."""
    x, y, w, h = box.left, box.top, box.width, box.height
    points = [(x + a * w, y + b * h) for a, b in ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))]
    return Detection(box, 1.0, Landmarks(*points))


def pattern(side: int) -> np.ndarray:
    """An RGB picture with no two alike regions."""
    gray = np.add.outer(np.arange(side) * 150 // side, np.arange(side) * 100 // side).astype(np.uint8)
    gray[side // 4 : side // 2, side // 4 : side // 3] = 255
    return np.repeat(gray[:, :, None], 3, axis=2)


def test_crop_of_a_whole_square_is_area_resampling() -> None:
    image_rgb = pattern(96)
    crop = crop_face(image_rgb, Detection(Box(0, 0, 96, 96), 1.0), PLAIN)
    blocks = image_rgb[:, :, 0].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(crop, blocks, atol=1)


def test_crop_follows_scale_and_shift() -> None:
    image_rgb = pattern(96)
    framing = framed(Framing(scale=2.0, shift_down=0.25))
    crop = crop_face(image_rgb, Detection(Box(36, 12, 60, 36), 1.0), framing)
    np.testing.assert_array_equal(crop, image_rgb[12:60, 24:72, 0])


def test_crop_repeats_the_border_beyond_the_picture() -> None:
    image_rgb = np.full((20, 20, 3), 90, dtype=np.uint8)
    crop = crop_face(image_rgb, Detection(Box(-10, -10, 30, 30), 1.0), PLAIN)
    assert (crop == 90).all()


def test_upright_crop_of_a_level_face_is_nearly_the_plain_one() -> None:
    image_rgb, face = pattern(120), level_face(Box(30, 30, 90, 90))
    plain = crop_face(image_rgb, face, PLAIN).astype(float)
    upright = crop_face(image_rgb, face, framed(Framing(upright=True))).astype(float)
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
    upright = framed(Framing(upright=True))
    straight = crop_face(np.asarray(image), face, upright).astype(float)
    undone = crop_face(turned, Detection(face.box, 1.0, tilted), upright).astype(float)
    assert np.abs(straight - undone).mean() < 4


def test_face_without_landmarks_is_not_turned() -> None:
    image_rgb, face = pattern(96), Detection(Box(10, 10, 80, 80), 1.0)
    upright = framed(Framing(upright=True))
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
    crop = crop_face(pattern(60), Detection(box, 1.0, tilted), framed(Framing(1.2, 0.1, upright)))
    assert crop.shape == (48, 48)
    assert crop.dtype == np.uint8


def test_fit_crop_leaves_a_crop_of_the_right_size_alone() -> None:
    gray = pattern(48)
    np.testing.assert_array_equal(fit_crop(gray, PLAIN), gray[:, :, 0])


def test_fit_crop_resamples_by_area() -> None:
    image_rgb = pattern(96)
    blocks = image_rgb[:, :, 0].reshape(48, 2, 48, 2).mean(axis=(1, 3))
    np.testing.assert_allclose(fit_crop(image_rgb, PLAIN), blocks, atol=1)


def test_model_input_is_normalized_single_precision() -> None:
    crops = np.array([[[0, 128], [192, 255]]], dtype=np.uint8)
    faces = model_input(crops, Preprocessing(2, 2, "gray", (128.0,), (64.0,)))
    assert faces.dtype == np.float32
    assert faces.shape == (1, 1, 2, 2)
    np.testing.assert_allclose(faces[0, 0], [[-2, 0], [1, 127 / 64]])


def test_tensors_and_arrays_are_normalized_alike() -> None:
    torch = pytest.importorskip("torch", reason="the extra train is not installed")

    values = np.linspace(0, 255, 48 * 48, dtype=np.float32).reshape(1, 1, 48, 48)
    np.testing.assert_array_equal(normalize(torch.from_numpy(values), PLAIN).numpy(), normalize(values, PLAIN))


def test_color_is_normalized_by_channel_in_tensors_as_in_arrays() -> None:
    torch = pytest.importorskip("torch", reason="the extra train is not installed")

    values = np.random.default_rng(0).uniform(0, 255, (2, 3, 8, 8)).astype(np.float32)
    given = normalize(values, RGB)
    assert given.dtype == np.float32
    np.testing.assert_array_equal(normalize(torch.from_numpy(values), RGB).numpy(), given)
    for channel in range(3):
        np.testing.assert_allclose(
            given[:, channel], (values[:, channel] - RGB.mean[channel]) / RGB.std[channel], rtol=1e-6
        )


def test_input_of_color_has_its_channels_first() -> None:
    crops = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype=np.uint8)
    faces = model_input(crops, RGB)
    assert (faces.shape, faces.dtype) == ((2, 3, 64, 64), np.float32)
    assert faces.flags.c_contiguous
    np.testing.assert_allclose(faces[:, 1], (crops[..., 1] - 120.0) / 60.0, rtol=1e-6)


def test_crops_that_fit_are_not_copied() -> None:
    gray, color = np.zeros((3, 48, 48), np.uint8), np.zeros((3, 64, 64, 3), np.uint8)
    assert fit_crops(gray, PLAIN) is gray
    assert fit_crops(color, RGB) is color
    assert fit_crops(gray[:0], PLAIN).shape == (0, 48, 48)


@pytest.mark.parametrize("preprocessing", [PLAIN, RGB], ids=["gray", "rgb"])
def test_crops_of_any_size_and_color_fit(preprocessing: Preprocessing) -> None:
    image_rgb = pattern(96)
    crops = [image_rgb, image_rgb[:, :, 0], image_rgb[:80, :60], image_rgb[:30, :30, 0]]
    fitted = fit_crops(crops, preprocessing)
    assert (fitted.shape, fitted.dtype) == ((4, *preprocessing.crop_shape), np.uint8)
    np.testing.assert_array_equal(fitted[0], fitted[1])  # the pattern has no color
    for crop, one in zip(crops, fitted, strict=True):
        np.testing.assert_array_equal(fit_crop(crop, preprocessing), one)


def test_crop_in_color_is_that_of_each_channel() -> None:
    rng = np.random.default_rng(0)
    image_rgb = rng.integers(0, 256, (120, 120, 3), dtype=np.uint8)
    face, framing = level_face(Box(20, 25, 80, 90)), Framing(1.1, 0.05, upright=True)
    color = crop_face(image_rgb, face, Preprocessing(64, 64, "rgb", RGB.mean, RGB.std, framing))
    assert color.shape == (64, 64, 3)
    for channel in range(3):
        gray = Preprocessing(64, 64, "gray", (0.0,), (1.0,), framing)
        np.testing.assert_array_equal(color[..., channel], crop_face(image_rgb[..., [channel] * 3], face, gray))


def test_input_that_is_not_square_keeps_proportions() -> None:
    wide = Preprocessing(40, 80, "gray", (0.0,), (1.0,))
    image_rgb = pattern(160)
    crop = crop_face(image_rgb, Detection(Box(60, 60, 100, 100), 1.0), wide)
    np.testing.assert_array_equal(crop, image_rgb[60:100, 40:120, 0])
    upright = Preprocessing(40, 80, "gray", (0.0,), (1.0,), Framing(upright=True))
    turned = crop_face(image_rgb, level_face(Box(60, 60, 100, 100)), upright)
    assert np.abs(crop.astype(float) - turned).mean() < 3


def similar(center: complex, side: float, degrees: float) -> Detection:
    """A face whose landmarks are `FIVE_POINTS`, turned, in a square of `side` about `center`; its box says nothing."""
    turn = side * np.exp(1j * np.radians(degrees))
    points = [center + turn * complex(x - 0.5, y - 0.5) for x, y in FIVE_POINTS]
    return Detection(Box(0, 0, 9, 9), 1.0, Landmarks(*((point.real, point.imag) for point in points)))


@pytest.mark.parametrize("scale", [1.0, 1.4])
@pytest.mark.parametrize("shift", [0.0, 0.1])
def test_five_points_say_where_the_crop_lies(scale: float, shift: float) -> None:
    image_rgb = pattern(240)
    aligned = crop_face(image_rgb, similar(110 + 120j, 96, 0), framed(Framing(scale, shift, kind="five-point")))
    by_box = crop_face(image_rgb, Detection(Box(62, 72, 158, 168), 1.0), framed(Framing(scale, shift)))
    assert np.abs(aligned.astype(float) - by_box).mean() < 3


@pytest.mark.parametrize("degrees", [-120, -40, 15, 90])
def test_five_points_undo_rotation_place_and_size(degrees: float) -> None:
    image = Image.fromarray(pattern(300))
    turned = np.asarray(image.rotate(-degrees, Image.Resampling.BICUBIC, fillcolor=(0, 0, 0)))
    by_points = framed(Framing(1.0, kind="five-point"))
    straight = crop_face(np.asarray(image), similar(150 + 150j, 110, 0), by_points).astype(float)
    undone = crop_face(turned, similar(150 + 150j, 110, degrees), by_points).astype(float)
    assert np.abs(straight - undone).mean() < 4


def test_alignment_has_the_least_squared_distances() -> None:
    rng = np.random.default_rng(0)
    target = np.array(FIVE_POINTS)
    found = target * 90 + (30, 40) + rng.normal(0, 4, target.shape)
    # The same as a linear least-squares problem in a, b and the shift: x' = a x - b y + c, y' = b x + a y + d.
    rows = [[x, -y, 1, 0] for x, y in target] + [[y, x, 0, 1] for x, y in target]
    (a, b, c, d), *_ = np.linalg.lstsq(np.array(rows), np.concatenate([found[:, 0], found[:, 1]]), rcond=None)
    center_x, center_y, side, tilt_rad = _aligned(Landmarks(*map(tuple, found.tolist())))
    assert (side, tilt_rad) == (pytest.approx(np.hypot(a, b)), pytest.approx(np.arctan2(b, a)))
    assert center_x == pytest.approx(a / 2 - b / 2 + c)
    assert center_y == pytest.approx(b / 2 + a / 2 + d)


@pytest.mark.parametrize(
    "wrong",
    [
        {"height": 0},
        {"std": (0.0,)},
        {"channels": "bgr"},
        {"channels": "rgb"},
        {"mean": (1.0, 2.0)},
        {"resampling": "cubic"},
    ],
)
def test_input_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"above 0|cannot be done|takes [13] means"):
        Preprocessing(**{"height": 48, "width": 48, "channels": "gray", "mean": (0.0,), "std": (1.0,)} | wrong)


@pytest.mark.parametrize("wrong", [{"scale": 0.0}, {"kind": "three-point"}])
def test_framing_that_makes_no_sense_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"above 0|cannot be done"):
        Framing(**wrong)
