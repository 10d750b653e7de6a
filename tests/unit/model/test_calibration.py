import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.expressions import CORE4, CORE4_FER2013, EXPRESSION_SETS, FER7, FERPLUS8, ExpressionSet, core4_positions
from mien.model.calibration import Calibration, probabilities, softmax, support

finite = st.floats(-30, 30, width=32)


def logits_for(fer7: dict[str, float], ferplus8: dict[str, float]) -> dict[str, np.ndarray]:
    """One face's logits, those not named being 0."""

    def row(expressions: ExpressionSet, named: dict[str, float]) -> np.ndarray:
        return np.array([[named.get(label, 0.0) for label in expressions.labels]], dtype=np.float32)

    return {"fer7": row(FER7, fer7), "ferplus8": row(FERPLUS8, ferplus8)}


@given(arrays(np.float32, (3, 7), elements=finite), arrays(np.float32, (3, 8), elements=finite))
def test_every_set_gives_probabilities(fer7: np.ndarray, ferplus8: np.ndarray) -> None:
    calibration = Calibration({"core4": 0.5, "core4-fer2013": 0.7, "fer7": 2.0, "ferplus8": 1.3}, {})
    logits = {"fer7": fer7, "ferplus8": ferplus8}
    for expressions in EXPRESSION_SETS:
        given_probabilities = probabilities(logits, expressions, calibration)
        assert given_probabilities.shape == (3, len(expressions))
        assert (given_probabilities >= 0).all()
        np.testing.assert_allclose(given_probabilities.sum(axis=1), 1)
        backed = support(logits, given_probabilities, expressions, calibration)
        assert ((backed >= 0) & (backed <= given_probabilities.max(axis=1) + 1e-9)).all()


@pytest.mark.parametrize(("core", "head"), [(CORE4, FERPLUS8), (CORE4_FER2013, FER7)])
def test_core_classes_are_the_head_of_their_truth_narrowed(core: ExpressionSet, head: ExpressionSet) -> None:
    rng = np.random.default_rng(0)
    logits = {s.name: rng.normal(size=(5, len(s))).astype(np.float32) for s in (FER7, FERPLUS8)}
    wide = softmax(logits[head.name].astype(np.float64))[:, core4_positions(head)]
    narrowed = probabilities(logits, core, Calibration.neutral())
    np.testing.assert_allclose(narrowed, wide / wide.sum(axis=1, keepdims=True), atol=1e-12)


def test_higher_temperature_is_less_confident() -> None:
    logits = logits_for({"happy": 3}, {"happiness": 3})
    cool, warm = (Calibration({"core4": t}, {}) for t in (0.5, 3.0))
    assert probabilities(logits, CORE4, cool).max() > probabilities(logits, CORE4, warm).max()


def test_an_angry_face_has_little_support_among_the_four() -> None:
    calibration = Calibration.neutral()
    happy = logits_for({"happy": 6}, {"happiness": 6})
    angry = logits_for({"angry": 6, "sad": 3}, {"anger": 6, "sadness": 3})
    backed = [support(x, probabilities(x, CORE4, calibration), CORE4, calibration)[0] for x in (happy, angry)]
    assert backed[0] > 0.9
    assert backed[1] < 0.1


def test_support_within_a_wide_set_is_the_probability() -> None:
    calibration = Calibration.neutral()
    logits = logits_for({"angry": 2}, {"anger": 2})
    given_probabilities = probabilities(logits, FERPLUS8, calibration)
    assert support(logits, given_probabilities, FERPLUS8, calibration) == given_probabilities.max()
