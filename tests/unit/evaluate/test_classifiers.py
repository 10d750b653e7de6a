"""Kinds of classifiers, and probabilities of the core classes that follow from wider ones."""

from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.errors import ModelError
from mien.evaluate.classifiers import CropClassifier, MienClassifier, Probabilities, collected, mirrored, with_core_sets
from mien.expressions import CORE4_BALANCED, EXPRESSION_SETS
from mien.model.package import load_model
from mien.preprocess import Crops

FER7 = np.array([[0.1, 0.1, 0.0, 0.4, 0.2, 0.1, 0.1]])
FERPLUS8 = np.array([[0.3, 0.1, 0.05, 0.05, 0.5, 0.0, 0.0, 0.0]])
FROM_FER7 = np.array([[0.4, 0.2, 0.1, 0.1]]) / 0.8
FROM_FERPLUS8 = np.array([[0.1, 0.05, 0.05, 0.3]]) / 0.5


def test_each_core_set_follows_from_the_set_of_its_truth() -> None:
    given = with_core_sets({"fer7": FER7, "ferplus8": FERPLUS8})
    assert given["core4-fer2013"] == pytest.approx(FROM_FER7)
    assert given["core4"] == pytest.approx(FROM_FERPLUS8)


def test_one_answer_serves_both() -> None:
    for name in ("core4", "core4-fer2013"):
        given = with_core_sets({name: FROM_FER7, "fer7": FER7, "ferplus8": FERPLUS8})
        assert given["core4"] is given["core4-fer2013"] is FROM_FER7
    given = with_core_sets({"ferplus8": FERPLUS8})
    assert given["core4-fer2013"] == pytest.approx(FROM_FERPLUS8)


def test_what_cannot_be_told_is_even() -> None:
    sure_of_fear = np.eye(7)[[2]]
    assert with_core_sets({"fer7": sure_of_fear})["core4"] == pytest.approx(np.full((1, 4), 0.25))


def test_a_wrong_number_of_classes_is_said() -> None:
    with pytest.raises(ModelError, match=r"fer7 must have shape \(1, 7\); got \(1, 8\)"):
        with_core_sets({"fer7": FERPLUS8})


class Brightness(CropClassifier):
    """Takes the brighter half for left."""

    name, labels = "brightness", {"side": ("left", "right")}

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        left = np.array([crop[:, : crop.shape[1] // 2].mean() / max(crop.mean() * 2, 1e-9) for crop in crops])
        return {"side": np.stack([left, 1 - left], axis=1)}


def test_one_of_your_own_needs_a_name_labels_and_a_way_to_predict(tmp_path: Path) -> None:
    own, faces = Brightness(), drawn_faces(6, seed=1)
    given = own.predict_faces(faces)
    assert given.probabilities["side"].shape == (6, 2)
    assert (given.support, given.thresholds) == ({}, {})
    assert own.with_threads(2) is own
    assert (own.is_recorded, own.selected_on, own.training, own.sha256) == (False, None, None, None)
    path = tmp_path / "face.png"
    Image.fromarray(faces.crops[0]).save(path)
    assert own.predict_files([path])["side"][0] == pytest.approx(given.probabilities["side"][0])


def test_a_model_of_ours_tells_support_and_thresholds_and_runs_once() -> None:
    asked: list[int] = []
    model = load_model("tiny")
    logits = model.logits

    def counted(crops: NDArray[np.uint8], *, batch: int = 64) -> dict[str, NDArray[np.float32]]:
        asked.append(len(crops))
        return logits(crops, batch=batch)

    model.logits = counted  # type: ignore[method-assign]
    ours, faces = MienClassifier(model, "ours"), drawn_faces(5, seed=2)
    said = ours.predict_faces(faces)
    assert asked == [5]
    assert (ours.name, ours.sha256) == ("ours", model.file.sha256)
    known = [*(each.name for each in EXPRESSION_SETS), CORE4_BALANCED.name]
    assert list(said.probabilities) == known == list(ours.labels)
    for name, given in said.probabilities.items():
        assert given.sum(axis=1) == pytest.approx(np.ones(5))
        assert np.all(said.support[name] <= given.max(axis=1) + 1e-12)
    assert said.support["fer7"] == pytest.approx(said.probabilities["fer7"].max(axis=1))
    assert set(said.thresholds) == set(said.risks) == set(ours.labels)
    again = ours.predict(faces.crops, batch=2)
    assert all(again[name] == pytest.approx(given, abs=1e-5) for name, given in said.probabilities.items())


def test_the_core_four_are_measured_as_trained_and_balanced_and_the_default_by_any_prior() -> None:
    model, faces = load_model("tiny"), drawn_faces(12, seed=2)
    training = np.array(model.metadata.answers["core4"].training_prior)
    said = MienClassifier(model).predict_faces(faces)
    balanced = said.probabilities["core4"] / training
    np.testing.assert_allclose(
        said.probabilities["core4-balanced"], balanced / balanced.sum(axis=1, keepdims=True), atol=1e-12
    )
    shares = {"happy": 0.7, "sad": 0.1, "surprise": 0.1, "neutral": 0.1}
    asked = MienClassifier(model, prior=shares, risk=0.2).predict_faces(faces)
    expected = balanced * list(shares.values())
    np.testing.assert_allclose(asked.probabilities["core4"], expected / expected.sum(axis=1, keepdims=True), atol=1e-12)
    assert set(asked.risks.values()) == {0.2}
    for name in ("core4-balanced", "fer7"):
        np.testing.assert_array_equal(asked.probabilities[name], said.probabilities[name])
        assert asked.thresholds[name] < said.thresholds[name]


def test_files_are_answered_as_recognize_answers_them(tmp_path: Path) -> None:
    faces = drawn_faces(1, seed=2)
    path = tmp_path / "face.png"
    Image.fromarray(faces.crops[0]).save(path)
    for prior, measured in ((None, "core4-balanced"), ("training", "core4")):
        classifier = MienClassifier(load_model("tiny"), prior=prior)
        assert list(classifier.predict_files([path])) == [measured]
        given = classifier.predict(faces.crops)[measured]
        np.testing.assert_allclose(classifier.predict_files([path])[measured], given, atol=1e-5)


def test_crops_of_any_size_are_mirrored_and_kept_together_where_they_can_be() -> None:
    small, large = np.arange(6, dtype=np.uint8).reshape(2, 3), np.zeros((4, 4, 3), dtype=np.uint8)
    assert np.array_equal(mirrored(np.stack([small, small])), [[[2, 1, 0], [5, 4, 3]]] * 2)
    assert isinstance(collected([small, small]), np.ndarray)
    apart = mirrored([small, large])
    assert [crop.shape for crop in apart] == [(2, 3), (4, 4, 3)]
