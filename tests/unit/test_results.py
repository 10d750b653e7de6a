import json
import pickle
import sys
from dataclasses import FrozenInstanceError, dataclass, replace
from enum import StrEnum
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mien.errors import ArgumentError, MissingExtra, PictureError
from mien.expressions import CORE4
from mien.results import (
    SMALL_FACE_PX,
    Box,
    Detection,
    Doubt,
    Face,
    Landmarks,
    OtherExpression,
    PictureResult,
    Prediction,
    row_columns,
    to_dataframe,
    to_jsonable,
)

BOX = Box(1.23, 2.0, 41.27, 60.0)
POINTS = Landmarks((1.04, 2.06), (3.0, 4.0), (5.0, 6.0), (7.0, 8.0), (9.0, 10.0))
SURPRISED = Prediction(CORE4.labels, (0.1, 0.05, 0.712345, 0.137655), uncertain=False, support=0.698765)
ANGRY = Prediction(CORE4.labels, (0.02, 0.01, 0.01, 0.96), True, 0.21, OtherExpression("angry", 0.773456))


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
        "rotation_deg": 0,
        "track_id": None,
        "expression": "surprise",
        "confidence": 0.7123,
        "support": 0.6988,
        "uncertain": False,
        "reason": None,
        "other": None,
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
    prediction = Prediction(CORE4.labels, probabilities, uncertain=True, support=0.5)
    assert prediction.expression == CORE4.labels[best]
    assert prediction.confidence == 0.7
    one = Face(BOX, None, 1.0, prediction)
    assert (one.expression, one.confidence, one.uncertain) == (CORE4.labels[best], 0.7, True)


def test_of_equal_probabilities_the_first_in_class_order_is_named() -> None:
    assert Prediction(CORE4.labels, (0.1, 0.4, 0.4, 0.1), uncertain=False, support=1).expression == "sad"


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
        (PictureResult("a.jpg", 1, 1), "faces"),
    ],
)
def test_results_cannot_be_changed(result: object, field: str) -> None:
    with pytest.raises(FrozenInstanceError):
        setattr(result, field, None)


def test_equal_faces_are_equal_and_hash_alike() -> None:
    assert {face(), face()} == {face()}
    assert face() != face(landmarks=None)


def test_a_box_is_its_four_edges() -> None:
    assert tuple(BOX) == BOX.xyxy == BOX[:] == (1.23, 2.0, 41.27, 60.0)
    assert (BOX[-1], len(BOX)) == (60.0, 4)
    assert BOX.as_int() == (1, 2, 42, 60)


def test_pillow_and_numpy_take_a_box() -> None:
    assert Image.new("L", (100, 100)).crop(Box(10, 20, 30, 60)).size == (20, 40)  # type: ignore[arg-type]
    assert np.array(BOX).tolist() == list(BOX)


def test_reprs_are_short() -> None:
    happy = Prediction(CORE4.labels, (0.99123456789, 0.003, 0.003, 0.00276543211), uncertain=False, support=0.9)
    assert repr(Face(Box(110.1, 447.2, 161.3, 513.4), POINTS, 0.987654321, happy)) == "Face(happy 99 %, 110,447 51×66)"
    assert repr(Face(BOX, None, 1.0, ANGRY)) == "Face(neutral? 96 %, 1,2 40×58)"
    assert repr(ANGRY) == "Prediction(neutral 96 %, uncertain: probably none of the four: angry 77 %)"
    assert repr(BOX) == "Box(1.2, 2.0, 41.3, 60.0)"
    assert repr(POINTS).startswith("Landmarks(left_eye=(1.0, 2.1), right_eye=(3.0, 4.0), ")
    assert repr(RESULT) == "PictureResult(a/b.jpg, 640×480, 2 faces)"
    assert repr(PictureResult(None, 8, 9, (face(),))) == "PictureResult(picture, 8×9, 1 face)"
    assert repr(FAILED) == "PictureResult(bad.jpg, PictureError: bad.jpg: is empty)"


def test_reasons() -> None:
    assert SURPRISED.reason is None
    assert replace(SURPRISED, uncertain=True).reason == "low confidence"
    assert SURPRISED.doubted(Doubt.NO_FACE).reason == "no face seen"
    assert ANGRY.doubted(Doubt.NOT_UPRIGHT).reason == "face not upright"
    assert ANGRY.reason == "probably none of the four: angry 77 %"
    assert Face(BOX, None, 1.0, ANGRY).reason == ANGRY.reason
    of_one = Prediction(("bored",), (1.0,), uncertain=True, support=0.1, other=OtherExpression("angry", 0.5))
    assert of_one.reason == "probably none of the 1: angry 50 %"


RESULT = PictureResult("a/b.jpg", 640, 480, (face(), Face(BOX, None, 0.5, ANGRY, track_id=7)), elapsed_s=0.25)
FAILED = PictureResult("bad.jpg", None, None, error="bad.jpg: is empty", error_kind="PictureError")


def test_a_result_is_the_sequence_of_its_faces() -> None:
    assert tuple(RESULT) == RESULT.faces == RESULT[:]
    assert (len(RESULT), RESULT[0], RESULT[-1]) == (2, RESULT.faces[0], RESULT.faces[1])
    assert RESULT
    assert not FAILED


def test_time_is_no_part_of_what_makes_results_equal_or_of_their_text() -> None:
    slower = replace(RESULT, elapsed_s=1.0)
    assert slower == RESULT
    assert slower.to_dict() == RESULT.to_dict()
    assert slower.to_dict(timing=True)["elapsed_s"] == 1.0


@pytest.mark.parametrize("result", [RESULT, FAILED, PictureResult(None, 1, 1)], ids=["faces", "failed", "none"])
def test_results_come_back_from_their_dicts_and_from_pickle(result: PictureResult) -> None:
    record = json.loads(json.dumps(result.to_dict(timing=True), allow_nan=False))
    back = PictureResult.from_dict(record)
    assert back.to_dict(timing=True) == record
    assert [each.reason for each in back] == [each.reason for each in result]
    assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301 - our own


@settings(deadline=None)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4))
def test_what_was_named_stays_named_however_rounding_falls(probabilities: list[float]) -> None:
    one = Face(BOX, None, 1.0, Prediction(CORE4.labels, tuple(probabilities), False, 0.5))
    record = one.to_dict()
    assert Face.from_dict(record).to_dict() == record


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({}, "'source' is missing"),
        ({**FAILED.to_dict(), "faces": 7}, "not a picture's result as to_dict gives it"),
        ({**FAILED.to_dict(), "faces": [{}]}, "not a face as to_dict gives it: 'probabilities' is missing"),
        ({**RESULT.to_dict(), "faces": [{**face().to_dict(), "box": {"left": 1}}]}, "not a face as to_dict gives it"),
    ],
)
def test_a_table_of_another_form_is_refused(table: dict[str, Any], says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        PictureResult.from_dict(table)


def test_rows_are_flat_and_have_the_columns_that_are_named() -> None:
    first, second = RESULT.rows()
    assert tuple(first) == tuple(second) == row_columns(CORE4.labels)
    assert (first["source"], first["face"], first["left"], first["p_surprise"]) == ("a/b.jpg", 1, 1.2, 0.7123)
    assert (second["face"], second["track_id"], second["other"]) == (2, 7, "angry")
    assert (second["uncertain"], second["reason"]) == (True, "probably none of the four: angry 77 %")
    assert list(FAILED.rows()) == []


def test_labels_may_be_called_as_other_columns_are() -> None:
    odd = Prediction(("left", "source"), (0.75, 0.25), uncertain=False, support=0.75)
    (row,) = PictureResult("a.jpg", 1, 1, (Face(BOX, None, 1.0, odd),)).rows()
    assert (row["source"], row["left"], row["p_left"], row["p_source"]) == ("a.jpg", 1.2, 0.75, 0.25)


def test_a_dataframe_is_filtered_in_the_first_line() -> None:
    pytest.importorskip("pandas", reason="pandas is no dependency of mien")
    frame = to_dataframe([RESULT, FAILED])
    assert frame[frame.uncertain].other.tolist() == ["angry"]
    assert frame[~frame.uncertain].expression.tolist() == ["surprise"]
    assert (str(frame.face.dtype), str(frame.track_id.dtype), str(frame.uncertain.dtype)) == ("int64", "Int64", "bool")
    assert len(to_dataframe([FAILED])) == 0
    assert RESULT.to_dataframe().equals(to_dataframe([RESULT]))


def test_a_dataframe_is_made_of_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    made: dict[str, Any] = {}

    def data_frame(rows: list[Any], columns: list[str] | None) -> Any:
        made.update(rows=rows, columns=columns)
        return SimpleNamespace(astype=lambda kinds: kinds)

    monkeypatch.setitem(sys.modules, "pandas", SimpleNamespace(DataFrame=data_frame))  # type: ignore[arg-type]
    assert to_dataframe(iter([RESULT, FAILED, RESULT])) == {"track_id": "Int64"}
    assert made["rows"] == 2 * list(RESULT.rows())
    to_dataframe([])
    assert made["columns"] == list(row_columns(()))


def test_a_dataframe_without_pandas_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtra, match="a DataFrame needs the package 'pandas'; install it with: pip install pan"):
        RESULT.to_dataframe()


def test_a_face_is_cut_out_of_its_picture_as_far_as_that_goes() -> None:
    picture = np.zeros((60, 50, 3), np.uint8)
    picture[2:60, 1:42] = 255
    cut = face().crop(picture)
    assert cut.size == (41, 58)
    assert np.asarray(cut).min() == 255
    assert face().crop(Image.fromarray(picture), margin=0.1).size == (46, 60)
    assert face().crop(picture, margin=9).size == (50, 60)


def test_a_face_of_another_picture_is_not_cut_out(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="lies in 1 x 1 pixels"):
        face().crop(np.zeros((1, 1), np.uint8))
    with pytest.raises(PictureError):
        face().crop(tmp_path / "gone.jpg")


class _Color(StrEnum):
    RED = "red"


@dataclass
class _Part:
    path: Path
    values: Any


def test_anything_of_ours_has_a_form_in_json() -> None:
    part = _Part(Path("a/b"), {_Color.RED: np.float32(0.5), 3: [None, True, np.bool_(False), np.int64(7)]})
    given = {"part": part, "array": np.eye(2), "set": {2, 1}, "tuple": (np.float64(1.23456), _Color.RED)}
    plain = to_jsonable(given, digits=2)
    assert plain == {
        "part": {"path": "a/b", "values": {"red": 0.5, "3": [None, True, False, 7]}},
        "array": [[1.0, 0.0], [0.0, 1.0]],
        "set": [1, 2],
        "tuple": [1.23, "red"],
    }
    assert json.loads(json.dumps(plain)) == plain
    assert type(plain["tuple"][1]) is str
    assert type(to_jsonable(np.float64(1.5))) is float


@pytest.mark.parametrize("value", [object(), b"bytes", Box, lambda: None])
def test_what_has_no_form_in_json_is_said(value: object) -> None:
    with pytest.raises(TypeError, match="has no form in JSON"):
        to_jsonable([value])


@pytest.mark.parametrize("doubt", list(Doubt))
def test_a_doubt_makes_an_answer_uncertain_and_survives_json(doubt: Doubt) -> None:
    doubted = ANGRY.doubted(doubt)
    assert (doubted.uncertain, doubted.doubt, doubted.other) == (True, doubt, None)
    assert doubted.probabilities == ANGRY.probabilities
    turned = Face(BOX, None, 1.0, doubted, rotation_deg=90)
    back = Face.from_dict(json.loads(json.dumps(turned.to_dict())))
    assert (back.prediction.doubt, back.reason, back.rotation_deg) == (doubt, doubt.value, 90)
    assert back.to_dict() == turned.to_dict()
