import json
from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_faces
from hypothesis import given
from hypothesis import strategies as st

from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.export.certainty import COVERAGES, _certainty, certainty_by_answer, risk_by_coverage, wilson
from mien.expressions import FER7, FERPLUS8
from mien.results import to_jsonable
from mien.train.heads import ANSWERS


def test_risk_of_answers_ranked_by_hand() -> None:
    risk = risk_by_coverage(np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, False, True]))
    np.testing.assert_allclose(risk, [0, 0, 1 / 3, 1 / 2])


def test_equal_support_counts_as_its_mean() -> None:
    risk = risk_by_coverage(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]))
    np.testing.assert_allclose(risk, [0, 0.25, 1 / 3, 0.5])


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=1, max_size=30), st.randoms())
def test_risk_depends_on_no_order(answers: list[tuple[int, bool]], random: object) -> None:
    def curve(given_answers: list[tuple[int, bool]]) -> np.ndarray:
        supported, right = zip(*given_answers, strict=True)
        return risk_by_coverage(np.array(supported, dtype=np.float64), np.array(right))

    shuffled = list(answers)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    np.testing.assert_allclose(curve(answers), curve(shuffled))
    assert curve(answers)[-1] == pytest.approx(np.mean([not right for _, right in answers]))


def test_interval_of_a_share() -> None:
    # Agresti and Coull, "Approximate is Better than Exact", 1998: 0 of 10 has an upper end of 0.278.
    none = wilson(0, 10)
    assert (none.value, none.low) == (0, 0)
    assert none.high == pytest.approx(0.2775, abs=1e-3)
    half = wilson(50, 100)
    assert (half.low, half.high) == (pytest.approx(0.4038, abs=1e-3), pytest.approx(0.5962, abs=1e-3))
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)


def angry_and_drawn() -> tuple[dict[str, np.ndarray], LabelledFaces]:
    """Forty drawn faces read rightly and ten angry ones, whose logits say so though "sad" leads among the four."""
    drawn, angry = drawn_faces(40, seed=0), drawn_faces(10, seed=1)
    votes = np.zeros_like(angry.votes)
    votes[:, VOTE_COLUMNS.index("anger")] = 10
    angry = LabelledFaces(angry.crops, np.full(10, FER7.index("angry")), votes, angry.rows + 40)
    faces = LabelledFaces.concatenate([drawn, angry])
    fer7, ferplus8 = np.eye(len(FER7))[faces.fer7] * 6, np.eye(len(FERPLUS8))[faces.majority()] * 6
    fer7[40:, FER7.index("sad")] = 4
    ferplus8[40:, FERPLUS8.index("sadness")] = 4
    return {"fer7": fer7.astype(np.float32), "ferplus8": ferplus8.astype(np.float32)}, faces


def test_angry_faces_are_uncertain_and_counted() -> None:
    logits, faces = angry_and_drawn()
    answers = {name: replace(answer, threshold=0.6) for name, answer in ANSWERS.items()}
    found = certainty_by_answer(logits, faces, answers)
    core4 = found["core4"]
    assert (core4.n, core4.wrong.value, core4.certain.value, core4.aurc) == (40, 0, 1, 0)
    n, share = core4.uncertain_outside["anger"]
    assert (n, share.value) == (10, 1)
    assert "fear" not in core4.uncertain_outside
    assert found["core4-fer2013"].uncertain_outside["angry"][1].value == 1
    assert found["ferplus8"].uncertain_outside == {}
    assert found["fer7"].n == 50


def test_error_by_chance_is_that_of_exact_probabilities() -> None:
    rng = np.random.default_rng(5)
    confidence = rng.uniform(0.3, 1, 3000)
    lucky = [_certainty(confidence, rng.random(3000) < confidence, confidence, confidence > 0, {}) for _ in range(20)]
    assert np.mean([c.calibration_error for c in lucky]) == pytest.approx(lucky[0].error_by_chance, rel=0.1)
    sure = _certainty(np.ones(50), np.ones(50, dtype=np.bool_), np.ones(50), np.ones(50, dtype=np.bool_), {})
    assert (sure.calibration_error, sure.error_by_chance) == (0, 0)


def test_figures_are_ready_for_json() -> None:
    logits, faces = angry_and_drawn()
    found = certainty_by_answer(logits, faces, ANSWERS)["core4"]
    table = json.loads(json.dumps(to_jsonable(found)))
    assert table["coverage"] == list(COVERAGES)
    assert len(table["risk"]) == len(COVERAGES)
    assert sum(count for _, _, count in table["bins"]) == table["n"]
    assert table["risk"][-1] == found.risk_at(1.0) == table["wrong"]["value"]
