from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import ArgumentError
from mien.model.risk import ALL_UNCERTAIN, Certain, certain_answers, checked_risk, class_weights

pytestmark = pytest.mark.slow

NONE = Certain(ALL_UNCERTAIN, 0.0)


def plain(support: np.ndarray, wrong: np.ndarray, risk: float) -> Certain:
    return certain_answers(support, wrong, np.ones(len(support)), risk)


def drawn(faces: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Answers that are right as often as their support says."""
    rng = np.random.default_rng(seed)
    support = rng.beta(4, 1, faces)
    return support, rng.random(faces) > support


def test_so_many_are_certain_as_the_binomial_test_lets_pass() -> None:
    binom = pytest.importorskip("scipy.stats", reason="the oracle is scipy").binom
    support = np.linspace(1, 0, 1000)
    wrong = np.zeros(1000, dtype=bool)
    wrong[600:] = True
    found = plain(support, wrong, 0.05)
    level = 0.05 / 3
    most = max(n for n in range(600, 1000, 10) if binom.cdf(n - 600, n, 0.05) <= level)
    assert found.coverage == pytest.approx(most / 1000)
    assert found.threshold == support[most - 1]
    assert (support >= found.threshold).sum() == most


def test_a_perfect_model_is_certain_of_all_faces_as_soon_as_there_are_enough() -> None:
    right = np.zeros(80, dtype=bool)
    support = np.linspace(0.6, 1, 80)
    assert plain(support, right, 0.05) == Certain(0.6, 1.0)  # 0.95 to the power of 80 is 0.0165
    assert plain(support[:79], right[:79], 0.05) == NONE


def test_a_useless_model_is_certain_of_none() -> None:
    rng = np.random.default_rng(0)
    assert plain(rng.random(2000), rng.random(2000) < 0.75, 0.05) == NONE
    assert plain(np.full(2000, 0.25), rng.random(2000) < 0.75, 0.05) == NONE


def test_no_face_at_all_makes_nothing_certain() -> None:
    assert plain(np.empty(0), np.empty(0, dtype=bool), 0.1) == NONE
    assert certain_answers(np.ones(9), np.zeros(9, dtype=bool), np.zeros(9), 0.1) == NONE


def test_faces_of_equal_support_are_certain_together_or_not_at_all() -> None:
    support = np.repeat([0.9, 0.5], 500)
    wrong = np.r_[np.zeros(500, dtype=bool), np.arange(500) % 2 == 0]
    assert plain(support, wrong, 0.05) == Certain(0.9, 0.5)


@given(st.integers(0, 10_000), st.floats(0.01, 0.5), st.floats(0.01, 0.5))
def test_a_greater_risk_makes_no_fewer_answers_certain(seed: int, one: float, other: float) -> None:
    answers = drawn(300, seed)
    careful, bold = (plain(*answers, risk) for risk in sorted((one, other)))
    assert careful.threshold >= bold.threshold
    assert careful.coverage <= bold.coverage


@given(st.integers(0, 10_000), st.floats(0.02, 0.4))
def test_neither_order_nor_scale_of_the_weights_matters(seed: int, risk: float) -> None:
    support, wrong = drawn(200, seed)
    order = np.random.default_rng(seed).permutation(200)
    assert plain(support, wrong, risk) == plain(support[order], wrong[order], risk)
    scaled = certain_answers(support, wrong, np.full(200, 3.0), risk)
    assert scaled.threshold == plain(support, wrong, risk).threshold


@pytest.mark.parametrize("weights", [(1.0, 1.0), (0.3, 3.0)])
def test_the_risk_is_kept_as_often_as_promised(weights: tuple[float, float]) -> None:
    rng = np.random.default_rng(7)
    many = 200_000
    kind = (rng.random(many) < 0.2).astype(int)  # the second kind is rare, and harder
    support = rng.beta(5, 1, many)
    wrong = rng.random(many) > support * np.where(kind == 1, 0.97, 1.0)
    weight = np.array(weights)[kind]
    broken = 0
    for _ in range(300):
        chosen = rng.integers(many, size=600)
        found = certain_answers(support[chosen], wrong[chosen], weight[chosen], 0.1)
        certain = support >= found.threshold
        broken += bool(certain.any() and np.average(wrong[certain], weights=weight[certain]) > 0.1)
    assert broken <= 24  # of 300; 15 are allowed for on average


def test_weights_give_each_class_its_share() -> None:
    target = np.array([0, 0, 0, 1])
    weight = class_weights(target, (0.5, 0.5))
    assert weight is not None
    assert weight.tolist() == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])
    assert class_weights(target, None) == pytest.approx(np.ones(4))
    assert class_weights(target, (0.5, 0.25, 0.25)) is None
    assert class_weights(target, (0.25, 0.75, 0.0)) is not None


@pytest.mark.parametrize("risk", [0, 1, -0.1, 1.5, float("nan"), True, "0.05", None])
def test_what_is_no_risk_is_refused(risk: Any) -> None:
    with pytest.raises(ArgumentError, match=r"risk must be a share above 0 and below 1, such as 0\.05; got"):
        checked_risk(risk)


def test_a_risk_of_any_kind_of_number_is_taken() -> None:
    assert checked_risk(np.float32(0.5)) == 0.5
