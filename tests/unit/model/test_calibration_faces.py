import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mien.errors import ModelError
from mien.model.calibration import Answer, probabilities, support, whole_head
from mien.model.calibration_faces import CalibrationFaces, parse_calibration_faces
from mien.model.risk import ALL_UNCERTAIN

LABELS = ("calm", "amused", "tense")
ANSWERS = {
    "mood": whole_head("mood", LABELS),
    "two": Answer("mood", ("calm", "tense"), (0, 2), training_prior=(0.8, 0.2), risk=0.1),
}
FILE = Path("some.onnx")


def faces(number: int = 400, *, sharpness: float = 8, seed: int = 0) -> CalibrationFaces:
    """Faces whose target is often what the logits say; of the sharpness, the more so."""
    rng = np.random.default_rng(seed)
    target = rng.choice(3, number, p=[0.6, 0.2, 0.2])
    logits = rng.normal(0, 1, (number, 3)).astype(np.float32)
    logits[np.arange(number), target] += sharpness
    two = np.array([0, -1, 1])[target]
    return CalibrationFaces.of({"mood": logits}, {"mood": target, "two": two})


def test_what_is_written_is_read() -> None:
    one = faces()
    read = parse_calibration_faces(one.to_text(), ANSWERS, FILE)
    np.testing.assert_array_equal(read.logits["mood"], one.logits["mood"])
    assert read.targets.keys() == one.targets.keys()
    for name, target in one.targets.items():
        np.testing.assert_array_equal(read.targets[name], target)
    assert read.to_text() == one.to_text()


def test_rounding_moves_probabilities_by_little() -> None:
    logits = np.random.default_rng(0).normal(0, 4, (500, 3)).astype(np.float32)
    kept = CalibrationFaces.of({"mood": logits}, {"mood": np.zeros(500, dtype=np.int64)})
    exact = probabilities({"mood": logits}, ANSWERS["mood"])
    assert np.abs(probabilities(kept.logits, ANSWERS["mood"]) - exact).max() < 0.02
    assert len(kept.to_text()) < 500 * (3 + 1) * 4 / 3 + 200


def test_faces_whose_logits_are_all_equal_are_kept_too() -> None:
    kept = CalibrationFaces.of({"mood": np.ones((2, 3), dtype=np.float32)}, {"mood": np.array([0, 1])})
    assert probabilities(kept.logits, ANSWERS["mood"]) == pytest.approx(np.full((2, 3), 1 / 3))


def test_a_sharp_model_is_certain_of_nearly_all_and_a_blind_one_of_none() -> None:
    sharp = faces(sharpness=12).answer("mood", ANSWERS["mood"])
    assert sharp.coverage == 1
    blind = faces(sharpness=0).answer("mood", ANSWERS["mood"])
    assert (blind.threshold, blind.coverage) == (ALL_UNCERTAIN, 0)


def test_faces_without_a_truth_count_for_nothing() -> None:
    one = faces(sharpness=2)
    counted = one.targets["two"] >= 0
    assert not counted.all()
    alone = CalibrationFaces({"mood": one.logits["mood"][counted]}, {"two": one.targets["two"][counted]})
    assert one.answer("two", ANSWERS["two"]) == alone.answer("two", ANSWERS["two"])


def test_each_prior_has_a_threshold_of_its_own_that_keeps_the_risk_under_it() -> None:
    one = faces(2000, sharpness=2)
    thresholds = set()
    for prior in (None, (0.5, 0.5), (0.05, 0.95)):
        answer = one.answer("two", replace(ANSWERS["two"], prior=prior))
        thresholds.add(answer.threshold)
        given = probabilities(one.logits, answer)
        target = one.targets["two"]
        certain = (support(one.logits, given, answer) >= answer.threshold) & (target >= 0)
        share = np.array(prior or np.bincount(target[target >= 0]) / (target >= 0).sum())
        weight = (share / np.bincount(target[target >= 0]))[target[certain]]
        assert answer.coverage > 0.2
        assert np.average(given.argmax(axis=1)[certain] != target[certain], weights=weight) < answer.risk
    assert len(thresholds) == 3


def test_a_prior_for_a_class_without_a_face_can_promise_nothing() -> None:
    one = faces()
    target = np.where(one.targets["two"] == 1, -1, one.targets["two"])
    lacking = CalibrationFaces(one.logits, {"two": target})
    balanced = replace(ANSWERS["two"], prior=(0.5, 0.5))
    assert lacking.answer("two", balanced).threshold == ALL_UNCERTAIN


def changed(**parts: Any) -> str:
    return json.dumps(json.loads(faces(10).to_text()) | parts)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "null",
        changed(heads={}),
        changed(targets={}),
        changed(heads={"mood": {"step": 0.1, "labels": 3, "codes": "AAAA"}}),
        changed(heads={"mood": {"step": 0.1, "labels": 3, "codes": "A*"}}),
        changed(heads={"mood": {"step": "x", "labels": 3, "codes": "AAAA"}}),
        changed(heads={"mood": {"step": 0.1, "codes": "AAAA"}}),
        changed(targets={"mood": "AAAAAAAAAAAAAA==", "two": "CQkJCQkJCQkJCQ=="}),
    ],
)
def test_what_is_damaged_or_does_not_fit_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match=r"some\.onnx has .*calibration faces.*; export it again") as refused:
        parse_calibration_faces(text, ANSWERS, FILE)
    assert "\n" not in str(refused.value)
