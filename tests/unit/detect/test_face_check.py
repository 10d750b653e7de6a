from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.detect import FaceCheck, Mtcnn
from mien.detect.face_check import CLEAR_EVIDENCE, FACE_EVIDENCE
from mien.preprocess import Preprocessing, crop_face
from mien.results import Doubt

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
GRAY = Preprocessing(48, 48, "gray", (0.0,), (1.0,))


@pytest.fixture(scope="module")
def check() -> FaceCheck:
    return FaceCheck(threads=1)


@pytest.fixture(scope="module")
def faces(examples: Path) -> list[Pixels]:
    """The ten faces of the examples as crops."""
    detect = Mtcnn(threads=1)
    pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(examples.glob("*.jpg"))]
    return [crop_face(picture, found, GRAY) for picture in pictures for found in detect(picture)]


def stretched(values: NDArray[np.float64]) -> Pixels:
    return np.asarray(255 * (values - values.min()) / np.ptp(values), dtype=np.uint8)


def white(rng: np.random.Generator) -> Pixels:
    return rng.integers(0, 256, (48, 48), dtype=np.uint8)


def pink(rng: np.random.Generator) -> Pixels:
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(48), np.fft.fftfreq(48)))
    frequencies[0, 0] = 1
    return stretched(np.fft.ifft2(np.fft.fft2(rng.normal(size=(48, 48))) / frequencies ** rng.uniform(0.5, 2)).real)


def blocks(rng: np.random.Generator) -> Pixels:
    cells = rng.integers(0, 256, (rng.integers(3, 14),) * 2, dtype=np.uint8)
    return np.asarray(Image.fromarray(cells).resize((48, 48), Image.Resampling.NEAREST))


def gradient(rng: np.random.Generator) -> Pixels:
    across, down = rng.normal(size=2)
    return stretched(np.add.outer(down * np.arange(48), across * np.arange(48)))


def stripes(rng: np.random.Generator) -> Pixels:
    across, down = rng.uniform(-1.5, 1.5, 2)
    return stretched(np.sin(np.add.outer(down * np.arange(48), across * np.arange(48))))


def text(rng: np.random.Generator) -> Pixels:
    page = Image.new("L", (48, 48), 240)
    draw = ImageDraw.Draw(page)
    for top in range(0, 48, 11):
        draw.text((0, top), "".join(map(chr, rng.integers(65, 123, 10))), fill=20)
    return np.asarray(page)


@pytest.mark.parametrize("draw", [white, pink, blocks, gradient, stripes, text])
def test_drawn_patterns_are_no_faces(draw: Callable[[np.random.Generator], Pixels], check: FaceCheck) -> None:
    rng = np.random.default_rng(1)
    doubts = check.doubts([draw(rng) for _ in range(60)])
    assert sum(doubt is None for doubt in doubts) <= 3


@pytest.mark.parametrize("gray", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (48, 48), (9, 300, 3)])
def test_flat_crops_show_nothing(gray: int, shape: tuple[int, ...], check: FaceCheck) -> None:
    flat = np.full(shape, gray, dtype=np.uint8)
    assert check.doubts([flat]) == (Doubt.NO_FACE,)
    assert check.evidence(flat) == float("-inf")


def test_what_lies_beside_the_faces_of_pictures_is_no_face(check: FaceCheck, examples: Path) -> None:
    wall = np.asarray(Image.open(examples / "astronaut.jpg").convert("L"))
    patches = [wall[y : y + side, x : x + side] for side in (48, 90) for y, x in product(range(300, 420, 30), (0, 40))]
    assert sum(doubt is None for doubt in check.doubts(patches)) <= 0.05 * len(patches)


def test_faces_pass_upright_alone(check: FaceCheck, faces: list[Pixels]) -> None:
    assert len(faces) == 10
    assert check.doubts(faces) == (None,) * 10
    for quarters in (1, 2, 3):
        turned = check.doubts([np.rot90(face, quarters) for face in faces])
        assert sum(doubt is None for doubt in turned) <= 1
        assert Doubt.NOT_UPRIGHT in turned


def test_a_mirrored_a_dark_and_a_pale_face_pass(check: FaceCheck, faces: list[Pixels]) -> None:
    changed = [np.fliplr(faces[0]), faces[0] // 4, 160 + faces[0] // 4]
    assert check.doubts(changed) == (None,) * 3


def test_size_and_color_of_crops_are_fitted(check: FaceCheck, faces: list[Pixels]) -> None:
    large = np.repeat(np.repeat(faces[0], 4, axis=0), 4, axis=1)
    assert check.evidence(large) == check.evidence(faces[0])
    assert check.evidence(np.repeat(large[:, :, None], 3, axis=2)) == check.evidence(faces[0])


def test_what_one_crop_is_taken_for_does_not_depend_on_others(check: FaceCheck, faces: list[Pixels]) -> None:
    crops = [white(np.random.default_rng(0)), *faces, np.rot90(faces[0], 2)]
    together = check.doubts(crops)
    assert together == tuple(check.doubts([crop])[0] for crop in crops)
    assert together == check.doubts(np.stack(crops))
    assert together[::-1] == check.doubts(crops[::-1])
    assert check.doubts([]) == ()


def test_evidence_tells_faces_upright_and_turned_and_noise_apart(check: FaceCheck, faces: list[Pixels]) -> None:
    assert np.median([check.evidence(face) for face in faces]) > CLEAR_EVIDENCE
    assert max(check.evidence(np.rot90(face, 2)) for face in faces) < CLEAR_EVIDENCE
    assert check.evidence(white(np.random.default_rng(0))) < FACE_EVIDENCE
