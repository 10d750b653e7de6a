"""A face's probabilities do not depend on what else is asked for, in which order, by how many threads or which way."""

import io
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate import load_classifier
from mien.evaluate.analysis.invariance import invariance
from mien.expressions import EXPRESSION_SETS
from mien.images import read_picture
from mien.model.package import ExpressionModel, load_model, shipped_models
from mien.preprocess import crop_face
from mien.recognizer import Recognizer
from mien.results import Box, Detection

CLOSE = 1e-5


@pytest.fixture(scope="module", params=shipped_models())
def model(request: pytest.FixtureRequest) -> ExpressionModel:
    return load_model(request.param)


@pytest.fixture(scope="module")
def faces(model: ExpressionModel, examples: Path) -> NDArray[np.uint8]:
    """150 distinct crops: of real faces, each at many framings, and drawn ones."""
    rng = np.random.default_rng(0)
    crops = []
    for picture in sorted(examples.glob("*.jpg")):
        image_rgb = read_picture(picture)
        for face in Recognizer(model.file.path).recognize(picture):
            for _ in range(10):
                left, top, right, bottom = np.array(list(face.box)) + rng.normal(0, 6, 4)
                crops.append(crop_face(image_rgb, Detection(Box(left, top, right, bottom), 1), model.metadata.input))
    return np.concatenate([np.stack(crops), drawn_faces(50, seed=0).gray()])


@pytest.fixture(scope="module")
def alone(model: ExpressionModel, faces: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.concatenate([model.probabilities(face[None], "core4") for face in faces])


def test_faces_are_distinct_and_so_are_their_answers(faces: NDArray[np.uint8], alone: NDArray[np.float64]) -> None:
    assert len(np.unique(faces.reshape(len(faces), -1), axis=0)) == len(faces)
    assert len(np.unique(alone.argmax(axis=1))) >= 3


@settings(max_examples=40)
@given(data=st.data())
def test_any_shuffled_batch_gives_what_each_face_alone_gives(
    data: st.DataObject, model: ExpressionModel, faces: NDArray[np.uint8], alone: NDArray[np.float64]
) -> None:
    order = data.draw(st.lists(st.integers(0, len(faces) - 1), min_size=1, max_size=len(faces), unique=True))
    together = model.probabilities(faces[order], "core4")
    np.testing.assert_allclose(together, alone[order], atol=CLOSE, rtol=0)
    # Two classes closer than the tolerance may trade places; none of these faces is that close.
    np.testing.assert_array_equal(together.argmax(axis=1), alone[order].argmax(axis=1))


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_make_no_difference(
    threads: int, model: ExpressionModel, faces: NDArray[np.uint8], alone: NDArray[np.float64]
) -> None:
    threaded = load_model(model.file.name, threads=threads)
    np.testing.assert_allclose(threaded.probabilities(faces, "core4"), alone, atol=CLOSE, rtol=0)


@pytest.mark.parametrize("expressions", [s.name for s in EXPRESSION_SETS])
def test_every_way_in_gives_the_same(expressions: str, model: ExpressionModel, examples: Path, tmp_path: Path) -> None:
    recognizer = Recognizer(model.file.name, expressions=expressions)
    path = examples / "group.jpg"
    image_rgb = read_picture(path)
    lossless = tmp_path / "group.png"
    Image.fromarray(image_rgb).save(lossless)
    content = path.read_bytes()
    ways = (str(path), content, io.BytesIO(content), Image.open(path), image_rgb, lossless)
    expected, *others = [recognizer.recognize(way) for way in ways]
    assert len(expected) > 3
    for faces in others:
        assert [face.box for face in faces] == [face.box for face in expected]
        np.testing.assert_allclose(
            [face.prediction.probabilities for face in faces],
            [face.prediction.probabilities for face in expected],
            atol=CLOSE,
            rtol=0,
        )


def test_a_crop_is_classified_as_in_a_picture_without_detector(
    model: ExpressionModel, faces: NDArray[np.uint8]
) -> None:
    recognizer = Recognizer(model.file.name, detector="none")
    together = recognizer.classify(faces)
    for face, prediction in zip(faces[::10], together[::10], strict=True):
        (one,) = recognizer.recognize(face)
        np.testing.assert_allclose(one.prediction.probabilities, prediction.probabilities, atol=CLOSE, rtol=0)
        assert one.prediction.uncertain == prediction.uncertain


def test_the_command_for_this_finds_no_difference_either(model: ExpressionModel, faces: NDArray[np.uint8]) -> None:
    found = invariance(load_classifier(model.file.name), faces[::10], most=len(faces))
    assert found.holds
    assert all(row.changed == 0 for row in found.rows)


def test_as_many_at_once_as_one_likes(model: ExpressionModel, faces: NDArray[np.uint8]) -> None:
    together, apart = (model.logits(faces[:20], batch=batch)["fer7"] for batch in (20, 7))
    np.testing.assert_allclose(together, apart, atol=1e-4)
