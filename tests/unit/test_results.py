import json
from dataclasses import FrozenInstanceError

import pytest

from mien.expressions import CORE4
from mien.results import SMALL_FACE_PX, Box, Detection, Face, Landmarks, Prediction

BOX = Box(1.23, 2.0, 41.27, 60.0)
POINTS = Landmarks((1.04, 2.06), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))
SURPRISED = Prediction(CORE4.labels, (0.1, 0.05, 0.712345, 0.137655), uncertain=False)


def face(box: Box = BOX, landmarks: Landmarks | None = POINTS) -> Face:
    return Face(box, landmarks, 0.987654, SURPRISED)


def test_a_face_as_a_dict_has_everything_rounded() -> None:
    assert face().to_dict() == {
        "box": {"left": 1.2, "top": 2.0, "right": 41.3, "bottom": 60.0},
        "landmarks": {
            "left_eye": [1.0, 2.1],
            "right_eye": [3.0, 4.0],
            "nose": [5.0, 6.0],
            "mouth_left": [7.0, 8.0],
            "mouth_right": [9.0, 10.0],
        },
        "detection_score": 0.9877,
        "small": False,
        "expression": "surprise",
        "confidence": 0.7123,
        "uncertain": False,
        "probabilities": {"happy": 0.1, "sad": 0.05, "surprise": 0.7123, "neutral": 0.1377},
    }


def test_json_gives_the_dict_back_in_the_same_order() -> None:
    given = face().to_dict()
    back = json.loads(json.dumps(given, allow_nan=False))
    assert back == given
    assert list(back) == list(given)
    assert tuple(back["probabilities"]) == CORE4.labels


def test_a_face_without_landmarks_says_null() -> None:
    assert face(landmarks=None).to_dict()["landmarks"] is None


def test_width_and_height_are_those_between_the_edges() -> None:
    assert (Box(1, 2, 4, 8).width, Box(1, 2, 4, 8).height) == (3, 6)


@pytest.mark.parametrize(
    ("width", "height", "small"),
    [
        (SMALL_FACE_PX, SMALL_FACE_PX, False),
        (SMALL_FACE_PX - 0.1, 100, True),
        (100, SMALL_FACE_PX - 0.1, True),
    ],
)
def test_a_face_is_small_by_its_shorter_side(width: float, height: float, small: bool) -> None:
    one = face(Box(0, 0, width, height))
    assert one.small is small
    assert one.to_dict()["small"] is small


@pytest.mark.parametrize("best", range(4))
def test_the_expression_is_the_most_probable(best: int) -> None:
    probabilities = tuple(0.7 if i == best else 0.1 for i in range(4))
    prediction = Prediction(CORE4.labels, probabilities, uncertain=True)
    assert prediction.expression == CORE4.labels[best]
    assert prediction.confidence == 0.7
    assert prediction.to_dict()["uncertain"] is True
    assert Face(BOX, None, 1.0, prediction).expression == CORE4.labels[best]


def test_of_equal_probabilities_the_first_in_class_order_is_named() -> None:
    assert Prediction(CORE4.labels, (0.1, 0.4, 0.4, 0.1), uncertain=False).expression == "sad"


def test_probabilities_by_label_are_in_class_order_and_not_rounded() -> None:
    assert list(SURPRISED.by_label().items()) == list(zip(CORE4.labels, SURPRISED.probabilities, strict=True))


@pytest.mark.parametrize(
    ("result", "field"),
    [
        (BOX, "left"),
        (POINTS, "nose"),
        (Detection(BOX, 1.0), "score"),
        (SURPRISED, "probabilities"),
        (face(), "prediction"),
    ],
)
def test_results_cannot_be_changed(result: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(result, field, None)


def test_equal_faces_are_equal_and_hash_alike() -> None:
    assert {face(), face()} == {face()}
    assert face() != face(landmarks=None)
