"""Models of other labels, sizes and colors than those that come with mien: what works with these works with them."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra train is not installed")

from drawn_faces import drawn_faces  # noqa: E402
from made_models import GRAY, GRAY_112, OWN_WORDS, RGB_64, own_words, write_made  # noqa: E402

from mien.cli import main  # noqa: E402
from mien.errors import ModelError, UnknownExpressionSet  # noqa: E402
from mien.evaluate import EvaluationOptions, evaluate, load_classifier, markdown  # noqa: E402
from mien.model.calibration import whole_head  # noqa: E402
from mien.model.metadata import METADATA_KEY, ModelMetadata  # noqa: E402
from mien.model.package import load_model  # noqa: E402
from mien.preprocess import Preprocessing, fit_crops  # noqa: E402
from mien.recognizer import Recognizer  # noqa: E402
from mien.results import Doubt  # noqa: E402

ALL = pytest.mark.parametrize("asked", [GRAY, RGB_64, GRAY_112], ids=["48-gray", "64-rgb", "112-gray"])


def test_what_the_network_has_not_as_declared_is_one_line(tmp_path: Path) -> None:
    path = write_made(tmp_path / "own.onnx", own_words())
    model = onnx.load(path)
    claims = ModelMetadata("own", GRAY, {"mood": (*OWN_WORDS, "bored")}, {"mood": whole_head("mood", OWN_WORDS)})
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: claims.to_json()})
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"own\.onnx has other inputs or outputs than its metadata says"):
        load_model(path)


def test_a_file_of_another_format_says_so(tmp_path: Path) -> None:
    path = write_made(tmp_path / "own.onnx", own_words())
    model = onnx.load(path)
    model.metadata_props[0].value = '{"format_version": 1}'
    onnx.save(model, path)
    with pytest.raises(ModelError, match=r"own\.onnx has format version 1; this mien reads 2: export it again$"):
        load_model(path)


@ALL
def test_any_crop_is_prepared_as_the_model_asks(asked: Preprocessing, tmp_path: Path) -> None:
    model = load_model(write_made(tmp_path / "own.onnx", own_words(asked)))
    rng = np.random.default_rng(0)
    crops = [
        rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((48, 48), (150, 150, 3), (64, 64, 3), (112, 112))
    ]
    faces = model.prepare(crops)
    assert (faces.shape, faces.dtype) == ((4, *asked.input_shape), np.float32)
    together = model.logits(crops)["mood"]
    assert together.shape == (4, 3)
    alone = [model.logits([crop])["mood"] for crop in crops]
    np.testing.assert_allclose(np.concatenate(alone), together, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.logits(fit_crops(crops, asked), batch=3)["mood"], together, rtol=0, atol=1e-5)
    (prediction, *_) = model.predict(crops, "mood")
    assert prediction.labels == OWN_WORDS


@ALL
def test_faces_of_a_picture_are_recognized_in_the_models_own_words(
    asked: Preprocessing, tmp_path: Path, examples: Path
) -> None:
    recognizer = Recognizer(write_made(tmp_path / "own.onnx", own_words(asked)))
    assert (recognizer.expressions.name, recognizer.expressions.labels) == ("mood", OWN_WORDS)
    (face,) = recognizer.recognize(examples / "astronaut.jpg")
    assert face.expression in OWN_WORDS
    assert sum(face.prediction.probabilities) == pytest.approx(1)


@ALL
def test_a_crop_is_answered_alike_whichever_way_it_comes_in(asked: Preprocessing, tmp_path: Path) -> None:
    path = write_made(tmp_path / "own.onnx", own_words(asked))
    crop = np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)
    (face,) = Recognizer(path, detector="none").recognize(crop)
    (prediction,) = Recognizer(path).classify([crop])
    (direct,) = load_model(path).predict([crop], "mood")
    assert face.prediction == prediction == direct.doubted(Doubt.NO_FACE)


def test_sets_of_other_models_are_told_by_this_one(tmp_path: Path) -> None:
    with pytest.raises(UnknownExpressionSet, match="no set of expressions 'core4'; choose from mood"):
        Recognizer(write_made(tmp_path / "own.onnx", own_words()), expressions="core4")


def test_the_commands_take_it(tmp_path: Path, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_made(tmp_path / "own.onnx", own_words(RGB_64))
    with pytest.raises(SystemExit) as ended:
        main(["info", "--model", str(path)])
    shown = capsys.readouterr().out
    assert ended.value.code == 0
    assert "64 px, RGB" in shown
    assert "calm, amused, tense" in shown
    with pytest.raises(SystemExit) as ended:
        main(["recognize", "--model", str(path), str(examples / "astronaut.jpg")])
    assert ended.value.code == 0
    assert any(word in capsys.readouterr().out for word in OWN_WORDS)


MOODS = ("happy", "sadness", "tense")


@ALL
def test_it_is_evaluated_on_the_labels_of_the_data_that_it_knows(asked: Preprocessing, tmp_path: Path) -> None:
    claims = ModelMetadata("own", asked, {"mood": MOODS}, {"mood": whole_head("mood", MOODS)}, license="CC0-1.0")
    classifier = load_classifier(write_made(tmp_path / "own.onnx", claims))
    faces = drawn_faces(24, seed=4)
    found = evaluate(classifier, faces, EvaluationOptions(robustness=2, gallery=1, invariance=4, against=classifier))
    [plain] = found.plain_results
    assert (plain.protocol.name, plain.metrics.n, list(plain.metrics.recall)) == (
        "mood/labels",
        12,
        ["happy", "sadness"],
    )
    assert found.invariance is not None
    assert found.invariance.holds
    assert found.analyses[0].certainty.mark is not None
    assert found.comparisons[0].p_value == 1
    assert "## mood mood/labels" in markdown(found)


def test_where_no_face_has_its_words_that_is_said(tmp_path: Path) -> None:
    classifier = load_classifier(write_made(tmp_path / "own.onnx", own_words()))
    with pytest.raises(ModelError, match="own knows no expressions that this data has truth for: mood"):
        evaluate(classifier, drawn_faces(8, seed=5))
