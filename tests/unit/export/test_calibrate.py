from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from scipy.special import softmax as scipy_softmax

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.errors import DataError
from mien.export.calibrate import best_temperature, calibrated, calibration_part, training_prior
from mien.expressions import FER7, FERPLUS8
from mien.model.calibration import Answer, Logits, probabilities, support
from mien.model.calibration_faces import parse_calibration_faces
from mien.model.facts import Manifest
from mien.train.heads import ANSWERS, HEADS


def noisy_logits(faces: LabelledFaces, sharpness: float, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Logits whose softmax at temperature `sharpness` is the true chance of each class."""
    truths = {"fer7": (faces.fer7, FER7), "ferplus8": (faces.majority(), FERPLUS8)}
    found = {}
    for name, (truth, expressions) in truths.items():
        true_logits = rng.normal(0, 2, (len(faces), len(expressions)))
        chances = np.exp(true_logits) / np.exp(true_logits).sum(axis=1, keepdims=True)
        drawn = np.array([rng.choice(len(expressions), p=row) for row in chances])
        # Relabel the columns so that the class drawn is the face's truth.
        for face, (got, wanted) in enumerate(zip(drawn, truth, strict=True)):
            true_logits[face, [got, wanted]] = true_logits[face, [wanted, got]]
        found[name] = (true_logits * sharpness).astype(np.float32)
    return found


def of(faces: LabelledFaces) -> Manifest:
    """What a network trained on `faces` says of its data."""
    return manifest(faces, faces, training_rows_to_keep(faces, faces[:0])[1])


def calibrate(logits: Logits, faces: LabelledFaces) -> dict[str, Answer]:
    return calibrated(logits, faces, of(faces)).answers


def test_finds_the_temperature_that_was_put_in() -> None:
    faces = drawn_faces(4000, seed=0)
    answers = calibrate(noisy_logits(faces, 2.5, np.random.default_rng(1)), faces)
    assert answers["fer7"].temperature == pytest.approx(2.5, rel=0.1)
    assert answers["ferplus8"].temperature == pytest.approx(2.5, rel=0.1)
    for answer in answers.values():
        assert answer.head_temperature == answers[answer.head].temperature


def test_wrong_answers_are_no_more_than_promised() -> None:
    faces = drawn_faces(2000, seed=0)
    targets = {"fer7": faces.fer7, "ferplus8": faces.majority()}
    rng = np.random.default_rng(1)
    logits = {
        name: rng.normal(5 * np.eye(8)[target][:, : 7 + (name == "ferplus8")], 2).astype(np.float32)
        for name, target in targets.items()
    }
    answers = calibrate(logits, faces)
    assert {name: answer.risk for name, answer in answers.items()} == {
        "core4": 0.05,
        "core4-fer2013": 0.1,
        "fer7": 0.1,
        "ferplus8": 0.05,
    }
    for name, target in targets.items():
        given = probabilities(logits, answers[name])
        certain = support(logits, given, answers[name]) >= answers[name].threshold
        assert 0.1 < answers[name].coverage < 1
        assert certain.mean() == pytest.approx(answers[name].coverage, abs=0.01)
        assert (given.argmax(axis=1) != target)[certain].mean() < answers[name].risk


def test_the_default_answer_has_a_balanced_prior_and_the_others_none() -> None:
    faces = drawn_faces(200, seed=0)
    answers = calibrate(noisy_logits(faces, 1.0, np.random.default_rng(1)), faces)
    assert {name: answer.prior for name, answer in answers.items()} == {
        "core4": (0.25,) * 4,
        "core4-fer2013": None,
        "fer7": None,
        "ferplus8": None,
    }


def test_what_the_file_carries_gives_the_same_thresholds() -> None:
    faces = drawn_faces(200, seed=0)
    found = calibrated(noisy_logits(faces, 1.0, np.random.default_rng(1)), faces, of(faces))
    kept = parse_calibration_faces(found.faces.to_text(), found.answers, Path("some.onnx"))
    for name, answer in found.answers.items():
        assert kept.answer(name, replace(answer, threshold=0.0, coverage=None)) == answer


def test_answers_that_are_all_right_say_nothing_of_the_temperature() -> None:
    truth = np.arange(24) % 4
    assert best_temperature(3 * np.eye(4)[truth], truth) == 1
    wrong = np.where(np.arange(24) < 6, (truth + 1) % 4, truth)
    assert best_temperature(3 * np.eye(4)[truth], wrong) > 1


def test_answers_that_are_all_right_are_all_certain() -> None:
    faces = drawn_faces(400, seed=0)
    lead = np.linspace(12.5, 16, len(faces))[:, None]  # so sure that all are 1 to four digits
    logits = {"fer7": lead * np.eye(7)[faces.fer7], "ferplus8": lead * np.eye(8)[faces.majority()]}
    answers = calibrate(logits, faces)
    assert [answer.coverage for answer in answers.values()] == [1, 1, 1, 1]


def without_votes(faces: LabelledFaces) -> LabelledFaces:
    return LabelledFaces(faces.crops, faces.fer7, np.zeros_like(faces.votes), faces.rows)


def test_without_votes_the_label_is_the_truth() -> None:
    faces = drawn_faces(200, seed=0)
    logits = noisy_logits(faces, 2.5, np.random.default_rng(1))
    # The votes that are drawn with these faces are all for the label.
    assert calibrate(logits, without_votes(faces)) == calibrate(logits, faces)


def test_without_any_of_the_core_there_is_nothing_to_calibrate_on() -> None:
    faces = without_votes(drawn_faces(8, seed=0))
    angry = LabelledFaces(faces.crops, np.zeros_like(faces.fer7), faces.votes, faces.rows)
    with pytest.raises(DataError, match="cannot calibrate core4"):
        calibrate(noisy_logits(angry.with_votes_from_labels(), 1.0, np.random.default_rng(1)), angry)


def test_calibration_part_is_half() -> None:
    assert calibration_part(drawn_faces(10, seed=0)).sum() == 5


def test_before_calibration_an_answer_is_plain_softmax() -> None:
    rng = np.random.default_rng(0)
    logits = {head.name: rng.normal(0, 3, (5, len(head))).astype(np.float32) for head in HEADS}
    columns = {"core4": [1, 3, 2, 0], "core4-fer2013": [3, 4, 5, 6], "fer7": range(7), "ferplus8": range(8)}
    for name, answer in ANSWERS.items():
        head = logits["ferplus8" if name in ("core4", "ferplus8") else "fer7"]
        plain = scipy_softmax(head[:, list(columns[name])].astype(np.float64), axis=1)
        given = probabilities(logits, answer)
        np.testing.assert_allclose(given, plain, rtol=1e-12)
        assert (support(logits, given, answer) > answer.threshold).all()  # so nothing is uncertain


def test_training_prior_is_the_share_of_each_class_trained_on() -> None:
    faces = drawn_faces(9, seed=0)  # three happy ones, two of each other
    answers = calibrate(noisy_logits(faces, 1.0, np.random.default_rng(1)), faces)
    shares = (0.3333, 0.2222, 0.2222, 0.2222)
    assert answers["core4"].training_prior == answers["core4-fer2013"].training_prior == shares
    assert answers["ferplus8"].training_prior == (0.2222, 0.3333, 0.2222, 0.2222, 0, 0, 0, 0)
    assert training_prior(ANSWERS["core4"], of(faces[:0])) is None
