import pickle
from collections.abc import Iterator
from dataclasses import FrozenInstanceError
from io import BytesIO
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.detect import load_detector
from mien.detect.mtcnn import Mtcnn
from mien.errors import (
    ArgumentError,
    DetectorError,
    MienError,
    PictureError,
    PictureTooLarge,
    UnknownExpressionSet,
    UnknownModel,
)
from mien.expressions import CORE4, FER7
from mien.recognizer import PICTURES_AT_ONCE, Recognizer
from mien.results import Box, Detection, Doubt, Landmarks, PictureResult

pytestmark = pytest.mark.slow


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
    result = recognizer.recognize(np.full((200, 300, 3), 128, dtype=np.uint8))
    assert result == PictureResult(None, 300, 200)


def test_a_result_knows_its_picture(recognizer: Recognizer, examples: Path) -> None:
    for source in (examples / "group.jpg", str(examples / "group.jpg")):
        result = recognizer.recognize(source)
        assert (result.source, result.width_px, result.height_px) == (str(examples / "group.jpg"), 960, 640)
        assert (result.error, result.error_kind) == (None, None)
        assert result.elapsed_s is not None
        assert 0 < result.elapsed_s < 60


def test_answers_are_about_the_set_asked_for(examples: Path) -> None:
    (face,) = Recognizer(expressions="fer7").recognize(examples / "astronaut.jpg")
    assert face.prediction.labels == FER7.labels


def test_answers_cannot_be_changed(recognizer: Recognizer, examples: Path) -> None:
    (face,) = recognizer.recognize(examples / "astronaut.jpg")
    with pytest.raises(FrozenInstanceError):
        face.prediction.support = 1.0  # type: ignore[misc]
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
    assert tuple(as_loaded.recognize(crop)) == (expected,)
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
        ({"detector": "yunet"}, DetectorError, "give YuNet"),
        ({"detector": None}, ArgumentError, "a detector's name or a callable; got None"),
        ({"model": None}, ArgumentError, "a shipped model's name or a path; got None"),
        ({"expressions": "core5"}, UnknownExpressionSet, "no set of expressions .core5."),
        ({"rotations": (45,)}, ArgumentError, "some of 90, 180 and 270; got 45"),
        ({"prior": "even"}, ArgumentError, "no prior 'even'; choose from balanced, training, or give a share for each"),
        ({"prior": {"angry": 1}}, ArgumentError, "no expression for prior 'angry'; choose from happy, sad, surprise"),
        ({"prior": {"happy": -1}}, ArgumentError, "must give happy a share of 0 or more; got -1"),
        ({"prior": {"happy": 0}}, ArgumentError, "must give some expression a share above 0"),
        ({"risk": 0}, ArgumentError, "risk must be a share above 0 and below 1, such as 0.05; got 0"),
        ({"risk": float("nan")}, ArgumentError, "risk must be a share above 0 and below 1, such as 0.05; got nan"),
        ({"max_pixels": "9"}, ArgumentError, "max_pixels must be a whole number, 1 or more; got '9'"),
    ],
)
def test_wrong_arguments_are_refused_for_what_is_wrong(
    options: dict[str, str], error: type[MienError], message: str
) -> None:
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
def test_what_takes_several_refuses_a_single_picture(picture: Any, recognizer: Recognizer) -> None:
    with pytest.raises(ArgumentError, match="takes several face crops"):
        recognizer.classify(picture)
    with pytest.raises(ArgumentError, match="takes several pictures"):
        recognizer.recognize_many(picture)


def test_pictures_over_the_limit_of_pixels_are_refused() -> None:
    recognizer = Recognizer(detector="none", max_pixels=48 * 48)
    assert len(recognizer.recognize(np.zeros((48, 48), np.uint8))) == 1
    wide = np.zeros((48, 49), np.uint8)
    for ask in (lambda: recognizer.recognize(wide), lambda: recognizer.classify([wide])):
        with pytest.raises(PictureTooLarge, match="more than the limit of 2304"):
            ask()


def test_a_smallest_face_is_looked_for_where_asked(examples: Path) -> None:
    scene = Image.new("RGB", (1600, 1200), (128, 128, 128))
    scene.paste(Image.open(examples / "astronaut.jpg").resize((128, 128), Image.Resampling.BOX), (500, 400))
    found = [len(Recognizer(detector=Mtcnn(min_face_px=px)).recognize(scene)) for px in (None, 20)]
    assert found == [0, 1]


def test_classify_takes_an_array_of_grayscale_crops() -> None:
    crops = np.random.default_rng(0).integers(0, 255, (2, 48, 48), dtype=np.uint8)
    assert Recognizer().classify(crops) == Recognizer().classify(list(crops))


def test_a_detector_may_say_that_a_picture_is_a_crop(crop: Image.Image) -> None:
    def detect(image_rgb: NDArray[np.uint8]) -> tuple[Detection, ...]:  # such as one that keeps what it found
        return tuple(load_detector("none")(image_rgb))

    assert Recognizer(detector=detect).recognize(crop) == Recognizer(detector="none").recognize(crop)


def test_many_pictures_give_what_each_alone_gives(recognizer: Recognizer, examples: Path) -> None:
    pictures = [*sorted(examples.glob("*.jpg")), np.zeros((60, 60), np.uint8)] * 2
    together = list(recognizer.recognize_many(pictures))
    apart = [recognizer.recognize(picture) for picture in pictures]
    assert [each.source for each in together] == [each.source for each in apart]
    assert len(together) == len(pictures)
    for one, other in zip(together, apart, strict=True):
        assert [face.box for face in one] == [face.box for face in other]
        for face, alone in zip(one, other, strict=True):
            assert face.prediction.probabilities == pytest.approx(alone.prediction.probabilities, abs=1e-5)


def test_a_bad_picture_is_a_result_of_its_own(recognizer: Recognizer, examples: Path, tmp_path: Path) -> None:
    good, bad = examples / "astronaut.jpg", tmp_path / "bad.jpg"
    bad.write_bytes(b"no picture")
    results = recognizer.recognize_many([good, bad, b"", good], on_error="yield")
    first, failed, empty, last = results
    assert first == last
    assert (failed.source, failed.faces, failed.width_px) == (str(bad), (), None)
    assert (failed.error_kind, str(failed.error)[: len(str(bad)) + 2]) == ("UnsupportedPicture", f"{bad}: ")
    assert (empty.source, empty.error_kind) == (None, "PictureError")


def test_at_a_bad_picture_it_ends_after_those_before(recognizer: Recognizer, examples: Path) -> None:
    results = recognizer.recognize_many([examples / "astronaut.jpg", examples / "gone.jpg", examples / "group.jpg"])
    assert [face.expression for face in next(results)] == ["happy"]
    with pytest.raises(PictureError, match="no such file"):
        next(results)
    assert list(results) == []


def test_a_detector_that_fails_is_said_with_the_picture(examples: Path) -> None:
    detector = Mock(side_effect=[DetectorError("it failed"), MemoryError, ()])
    recognizer = Recognizer(detector=detector)
    failed, large, good = recognizer.recognize_many([examples / "group.jpg"] * 3, on_error="yield")
    assert (failed.error, failed.error_kind) == (f"{examples / 'group.jpg'}: it failed", "DetectorError")
    assert large.error_kind == "PictureTooLarge"
    assert (good.error, len(good)) == (None, 0)
    detector.side_effect = DetectorError("it failed")
    with pytest.raises(DetectorError, match="it failed"):
        recognizer.recognize(examples / "group.jpg")


def test_pictures_are_taken_as_they_are_needed_and_not_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []

    def endless() -> Iterator[NDArray[np.uint8]]:
        while True:
            taken.append(1)
            yield np.zeros((48, 48), np.uint8)

    recognizer = Recognizer(detector="none")
    results = recognizer.recognize_many(endless())
    assert not taken
    next(results)
    assert len(taken) <= PICTURES_AT_ONCE
    monkeypatch.setattr("mien.recognizer.WAIT_S", 0.0)
    taken.clear()
    next(recognizer.recognize_many(endless()))
    assert len(taken) == 1


def test_faces_of_many_pictures_go_through_the_network_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.recognizer.WAIT_S", 60.0)
    recognizer = Recognizer(detector="none")
    asked = Mock(wraps=recognizer.model.predict)
    monkeypatch.setattr(recognizer.model, "predict", asked)
    assert len(list(recognizer.recognize_many([np.zeros((48, 48), np.uint8)] * 40))) == 40
    assert [len(call.args[0]) for call in asked.call_args_list] == [PICTURES_AT_ONCE, 8]


def test_a_bad_crop_may_stand_in_its_own_place(recognizer: Recognizer, crop: Image.Image) -> None:
    first, bad, last = recognizer.classify([crop, b"no picture", crop], on_error="yield")
    assert isinstance(bad, PictureError)
    assert first == last == recognizer.classify([crop])[0]


def test_what_to_do_with_errors_is_one_of_two(recognizer: Recognizer) -> None:
    for ask in (recognizer.classify, recognizer.recognize_many):
        with pytest.raises(
            ArgumentError, match=r"no on_error 'yeild' \(did you mean 'yield'\?\); choose from raise, y"
        ):
            ask([], on_error="yeild")  # type: ignore[operator]


def test_a_prior_changes_probabilities_as_it_says_and_nothing_else(examples: Path) -> None:
    options = {"detector": "none", "threads": 1}
    path = examples / "astronaut.jpg"
    trained = Recognizer(prior="training", **options)  # type: ignore[arg-type]
    (as_trained,) = trained.recognize(path)
    ratio = np.array([0.7, 0.1, 0.1, 0.1]) / np.array(trained.answer.training_prior)
    shares = {"happy": 7, "sad": 1, "surprise": 1, "neutral": 1}
    (mostly_happy,) = Recognizer(prior=shares, **options).recognize(path)  # type: ignore[arg-type]
    expected = np.array(as_trained.prediction.probabilities) * ratio
    assert mostly_happy.prediction.probabilities == pytest.approx(expected / expected.sum())
    (default,) = Recognizer(**options).recognize(path)  # type: ignore[arg-type]
    assert Recognizer(prior="balanced", **options).recognize(path).faces == (default,)  # type: ignore[arg-type]


def test_a_greater_risk_makes_more_certain_and_a_smaller_one_less() -> None:
    thresholds = [Recognizer(detector="none", risk=risk).answer.threshold for risk in (0.001, 0.02, None, 0.1)]
    assert thresholds == sorted(thresholds, reverse=True)
    assert len(set(thresholds)) == 4
    assert thresholds[0] > 1  # so that all are uncertain
    default = Recognizer(detector="none", risk=0.05).answer
    assert default == Recognizer(detector="none").answer


def test_prior_and_risk_go_along_into_other_processes() -> None:
    one = Recognizer("tiny", detector="none", prior={"happy": 0.5, "neutral": 0.5}, risk=0.1)
    assert pickle.loads(pickle.dumps(one)).answer == one.answer  # noqa: S301 - our own bytes


def test_a_file_without_calibration_faces_has_its_own_prior_and_risk_alone(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="model files are made with onnx")
    from made_models import own_words, write_made

    path = write_made(tmp_path / "own.onnx", own_words())
    assert Recognizer(path, detector="none", prior="training", risk=0.05).answer.threshold == 0
    for options in ({"risk": 0.1}, {"prior": "balanced"}):
        with pytest.raises(ArgumentError, match=r"own carries no calibration faces|does not say how frequent"):
            Recognizer(path, detector="none", **options)  # type: ignore[arg-type]


def test_recognizers_have_short_reprs() -> None:
    assert repr(Recognizer()) == "Recognizer(base, core4, mtcnn)"
    assert repr(Recognizer("tiny", detector=Mtcnn(min_face_px=40))) == "Recognizer(tiny, core4, Mtcnn(min_face_px=40))"
    assert repr(Recognizer(detector=load_detector("none"))) == "Recognizer(base, core4, whole_picture)"


def test_an_angry_face_is_said_to_be_none_of_the_four(recognizer: Recognizer) -> None:
    """Faces of FER2013's kind are not part of the project, so the network's answer is made up here."""
    logits = {
        "fer7": np.zeros((3, 7), np.float32),
        "ferplus8": np.array([[0, 0, 0, 0, 9, 0, 0, 0], [9, 0, 0, 0, 0, 0, 0, 0], [1] * 4 + [0] * 4], np.float32),
    }
    model = recognizer.model
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "logits", lambda _: logits)
        angry, neutral, unsure = model.predict(np.zeros((3, 48, 48), np.uint8), CORE4.name)
        (seven, *_) = model.predict(np.zeros((3, 48, 48), np.uint8), FER7.name)
    assert angry.other is not None
    assert (angry.uncertain, angry.other.expression) == (True, "angry")
    assert angry.other.probability > 0.9
    assert angry.support < 0.05
    assert str(angry.reason).startswith("probably none of the four: angry ")
    assert (neutral.expression, neutral.uncertain, neutral.reason) == ("neutral", False, None)
    assert neutral.support == pytest.approx(neutral.confidence, abs=0.05)
    assert (unsure.uncertain, unsure.reason) == (True, "low confidence")
    assert (seven.reason, seven.support) == ("low confidence", seven.confidence)


class ShortOfMemory:
    """A recognizer's network for which there is no memory for more than some crops."""

    def __init__(self, recognizer: Recognizer, most: int) -> None:
        self.predict_all, self.most = recognizer._predict, most

    def __call__(self, crops: list[NDArray[np.uint8]]) -> Any:
        if len(crops) > self.most:
            raise MemoryError
        return self.predict_all(crops)


def test_pictures_for_which_memory_runs_out_together_are_answered_one_by_one(
    examples: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recognizer = Recognizer(threads=1)
    pictures = [examples / name for name in ("astronaut.jpg", "group.jpg", "grace_hopper.jpg")]
    monkeypatch.setattr(recognizer, "_predict", ShortOfMemory(recognizer, 2))
    one, large, other = recognizer.recognize_many(pictures, on_error="yield")
    assert (len(one), len(other), large.error_kind) == (1, 1, "PictureTooLarge")
    assert large.error == f"{pictures[1]}: memory ran out while its expressions were read; free some"
    results = recognizer.recognize_many(pictures)
    assert len(next(results)) == 1
    with pytest.raises(PictureTooLarge, match=r"group\.jpg: memory ran out"):
        next(results)
    with pytest.raises(PictureTooLarge, match="memory ran out"):
        recognizer.recognize(pictures[1])
    with pytest.raises(PictureTooLarge, match="memory ran out while expressions were read"):
        recognizer.classify([pictures[0]] * 3)


def nothing() -> list[NDArray[np.uint8]]:
    """Pictures of which the network alone is certain all the same: flat, a single pixel, noise, a slope."""
    slope = np.tile(np.linspace(0, 255, 48).astype(np.uint8), (48, 1))
    noise = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    return [np.zeros((48, 48), np.uint8), np.full((48, 48), 128, np.uint8), np.full((1, 1), 90, np.uint8), slope, noise]


@pytest.mark.parametrize("model", ["base", "tiny"])
def test_where_there_is_no_face_no_answer_is_certain(model: str) -> None:
    recognizer = Recognizer(model, detector="none", threads=1)
    answers = recognizer.classify(nothing())
    assert {(each.uncertain, each.doubt, each.reason) for each in answers} == {(True, Doubt.NO_FACE, "no face seen")}
    for picture, answer in zip(nothing(), answers, strict=True):
        (face,) = recognizer.recognize(picture)
        assert face.prediction == answer
    undoubted = recognizer.model.predict(np.stack([nothing()[0]]), "core4")[0]
    assert answers[0].probabilities == pytest.approx(undoubted.probabilities, abs=1e-5)


def test_small_numbers_in_16_bits_are_refused_and_not_black(recognizer: Recognizer, crop: Image.Image) -> None:
    with pytest.raises(PictureError):
        recognizer.classify([np.asarray(crop.convert("L")).astype(np.uint16)])


def turned_by(path: Path, clockwise_deg: int) -> NDArray[np.uint8]:
    return np.ascontiguousarray(np.rot90(np.asarray(Image.open(path).convert("RGB")), -clockwise_deg // 90))


def test_upside_down_faces_are_not_certain(recognizer: Recognizer, examples: Path) -> None:
    found = [face for path in sorted(examples.glob("*.jpg")) for face in recognizer.recognize(turned_by(path, 180))]
    assert len(found) >= 2
    assert all(face.uncertain for face in found)
    assert "face not upright" in {face.reason for face in found}


@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg", "group.jpg"])
def test_with_rotations_a_turned_picture_gives_what_the_upright_one_does(name: str, examples: Path) -> None:
    recognizer = Recognizer(threads=1, rotations=(90, 180, 270))
    upright = recognizer.recognize(examples / name)
    assert {face.rotation_deg for face in upright} == {0}
    assert tuple(upright) == tuple(Recognizer(threads=1).recognize(examples / name))
    for clockwise_deg in (90, 180, 270):
        found = recognizer.recognize(turned_by(examples / name, clockwise_deg))
        assert {face.rotation_deg for face in found} == {clockwise_deg}
        assert {face.prediction for face in found} == {face.prediction for face in upright}
        assert [face.box.left for face in found] == sorted(face.box.left for face in found)


def test_with_rotations_crops_are_turned_the_right_way_up(crop: Image.Image) -> None:
    recognizer = Recognizer(threads=1, rotations=(180, 90))
    assert recognizer.rotations == (0, 90, 180)
    (upright,) = recognizer.classify([crop])
    assert upright == Recognizer(threads=1).classify([crop])[0]
    assert recognizer.classify([crop.rotate(-90, expand=True), crop.rotate(180)]) == (upright, upright)
    (last,) = recognizer.classify([crop.rotate(90, expand=True)])  # turned clockwise by 270°, which is not tried
    assert last != upright
    assert recognizer.classify(nothing()) == Recognizer(threads=1).classify(nothing())
    assert pickle.loads(pickle.dumps(recognizer)).rotations == (0, 90, 180)  # noqa: S301  made here
