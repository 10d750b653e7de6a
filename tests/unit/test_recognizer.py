from dataclasses import FrozenInstanceError
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.detect import load_detector
from mien.errors import DetectorError, MienError, PictureError, UnknownExpressionSet, UnknownModel
from mien.expressions import CORE4, FER7
from mien.recognizer import Recognizer
from mien.results import Box, Detection, Landmarks


@pytest.fixture(scope="module")
def recognizer() -> Recognizer:
    return Recognizer(threads=1)


@pytest.fixture(scope="module")
def crop(examples: Path) -> Image.Image:
    """A face that is much taller than wide, so that fitting it and framing it differ."""
    return Image.open(examples / "astronaut.jpg").convert("RGB").crop((185, 40, 265, 190))


def looking_at(*boxes: Box) -> object:
    def detect(image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:
        assert image_rgb.dtype == np.uint8
        assert image_rgb.shape[2] == 3
        return tuple(Detection(box, score=0.5) for box in boxes)

    return detect


@pytest.mark.parametrize(("name", "count"), [("astronaut.jpg", 1), ("grace_hopper.jpg", 1), ("group.jpg", 8)])
def test_each_face_of_the_examples_is_answered_from_left_to_right(
    name: str, count: int, recognizer: Recognizer, examples: Path
) -> None:
    faces = recognizer.recognize(examples / name)
    assert len(faces) == count
    assert [face.box.left for face in faces] == sorted(face.box.left for face in faces)
    for face in faces:
        assert face.prediction.labels == CORE4.labels
        assert sum(face.prediction.probabilities) == pytest.approx(1)
        assert isinstance(face.landmarks, Landmarks)
        assert 0 < face.detection_score <= 1


def test_the_smile_of_the_astronaut_is_happy(recognizer: Recognizer, examples: Path) -> None:
    (face,) = recognizer.recognize(examples / "astronaut.jpg")
    assert face.expression == "happy"


def test_a_picture_without_a_face_has_no_faces(recognizer: Recognizer) -> None:
    assert recognizer.recognize(np.full((200, 300, 3), 128, dtype=np.uint8)) == ()


def test_answers_are_about_the_set_asked_for(examples: Path) -> None:
    (face,) = Recognizer(expressions="fer7").recognize(examples / "astronaut.jpg")
    assert face.prediction.labels == FER7.labels


def test_answers_cannot_be_changed(recognizer: Recognizer, examples: Path) -> None:
    (face,) = recognizer.recognize(examples / "astronaut.jpg")
    with pytest.raises(FrozenInstanceError):
        face.prediction.uncertain = True  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        face.box.left = 0.0  # type: ignore[misc]


def test_crops_are_classified_in_their_order(recognizer: Recognizer, crop: Image.Image) -> None:
    dark = np.zeros((48, 48), dtype=np.uint8)
    first, second, third = recognizer.classify([crop, dark, np.asarray(crop)])
    assert first.probabilities == pytest.approx(third.probabilities, abs=1e-5)
    assert first.probabilities != pytest.approx(second.probabilities, abs=1e-2)
    assert first.labels == CORE4.labels


def test_crops_may_come_from_an_iterator_and_may_be_none(recognizer: Recognizer, crop: Image.Image) -> None:
    assert len(recognizer.classify(picture for picture in [crop, crop])) == 2
    assert recognizer.classify([]) == ()


def test_one_unreadable_crop_is_an_error(recognizer: Recognizer, crop: Image.Image) -> None:
    with pytest.raises(PictureError):
        recognizer.classify([crop, b"no picture"])


def test_a_detector_of_ones_own_says_where_the_faces_are(examples: Path) -> None:
    boxes = (Box(178, 62, 268, 174), Box(0, 300, 80, 400))
    faces = Recognizer(detector=looking_at(*boxes)).recognize(examples / "astronaut.jpg")  # type: ignore[arg-type]
    assert [(face.box, face.landmarks, face.detection_score) for face in faces] == [(box, None, 0.5) for box in boxes]
    assert faces[0].expression == "happy"
    assert faces[0].prediction != faces[1].prediction


def test_no_detector_is_the_same_by_name_and_as_loaded(crop: Image.Image) -> None:
    by_name, as_loaded = Recognizer(detector="none"), Recognizer(detector=load_detector("none"))
    (expected,) = by_name.recognize(crop)
    assert as_loaded.recognize(crop) == (expected,)
    assert by_name.classify([crop]) == (expected.prediction,)
    # A detector that finds a face in all of the picture gets it framed, which for this crop is something else.
    framing = Recognizer(detector=looking_at(expected.box))  # type: ignore[arg-type]
    (framed,) = framing.recognize(crop)
    assert framed.prediction != expected.prediction


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"model": "bse"}, UnknownModel, "did you mean 'base'"),
        ({"expressions": "core5"}, UnknownExpressionSet, "did you mean 'core4'"),
        ({"detector": "mtcn"}, DetectorError, "did you mean 'mtcnn'"),
    ],
)
def test_an_unknown_name_names_the_nearest(options: dict[str, str], error: type[MienError], message: str) -> None:
    with pytest.raises(error, match=message):
        Recognizer(**options)  # type: ignore[arg-type]


def test_a_picture_that_is_none_is_an_error(recognizer: Recognizer, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        recognizer.recognize(tmp_path / "absent.jpg")


@pytest.mark.parametrize(
    "picture",
    [
        "face.png",
        Path("face.png"),
        b"bytes",
        bytearray(b"bytes"),
        memoryview(b"bytes"),
        BytesIO(b"bytes"),
        Image.new("L", (48, 48)),
        np.zeros((48, 48), np.uint8),
        np.zeros((48, 48, 3), np.uint8),
    ],
    ids=lambda picture: type(picture).__name__,
)
def test_classify_refuses_a_single_picture(picture: Any, recognizer: Recognizer) -> None:
    with pytest.raises(PictureError, match="takes several face crops"):
        recognizer.classify(picture)


def test_pictures_over_the_limit_of_pixels_are_refused() -> None:
    recognizer = Recognizer(detector="none", max_pixels=48 * 48)
    assert len(recognizer.recognize(np.zeros((48, 48), np.uint8))) == 1
    wide = np.zeros((48, 49), np.uint8)
    for ask in (lambda: recognizer.recognize(wide), lambda: recognizer.classify([wide])):
        with pytest.raises(PictureError, match="more than the limit of 2304"):
            ask()


def test_a_smallest_face_is_looked_for_where_asked(examples: Path) -> None:
    scene = Image.new("RGB", (1600, 1200), (128, 128, 128))
    scene.paste(Image.open(examples / "astronaut.jpg").resize((128, 128), Image.Resampling.BOX), (500, 400))
    assert [len(Recognizer(min_face_px=px).recognize(scene)) for px in (None, 20)] == [0, 1]


def test_a_detector_of_ones_own_has_no_smallest_face_to_set() -> None:
    with pytest.raises(DetectorError, match="a detector of your own has settings of its own"):
        Recognizer(detector=load_detector("none"), min_face_px=20)


def test_classify_takes_an_array_of_grayscale_crops() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, 48, 48), dtype=np.uint8)
    assert Recognizer().classify(crops) == Recognizer().classify(list(crops))
