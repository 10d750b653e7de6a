from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet, core4_positions
from mien.model.calibration import Answer, others, probabilities, softmax, support, whole_head

finite = st.floats(-30, 30, width=32)
CORE = Answer("ferplus8", CORE4.labels, core4_positions(FERPLUS8))
CORE_FER2013 = Answer("fer7", CORE4_FER2013.labels, core4_positions(FER7))
WHOLE = whole_head("fer7", FER7.labels), whole_head("ferplus8", FERPLUS8.labels)


def logits_for(fer7: dict[str, float], ferplus8: dict[str, float]) -> dict[str, np.ndarray]:
    """One face's logits, those not named being 0."""

    def row(expressions: ExpressionSet, named: dict[str, float]) -> np.ndarray:
        return np.array([[named.get(label, 0.0) for label in expressions.labels]], dtype=np.float32)

    return {"fer7": row(FER7, fer7), "ferplus8": row(FERPLUS8, ferplus8)}


@given(arrays(np.float32, (3, 7), elements=finite), arrays(np.float32, (3, 8), elements=finite))
def test_every_answer_gives_probabilities(fer7: np.ndarray, ferplus8: np.ndarray) -> None:
    logits = {"fer7": fer7, "ferplus8": ferplus8}
    for answer in (
        Answer(CORE.head, CORE.labels, CORE.positions, temperature=0.5, head_temperature=1.3),
        Answer("fer7", ("a", "b", "c"), (6, 0, 2), temperature=2.0),
        *WHOLE,
    ):
        given_probabilities = probabilities(logits, answer)
        assert given_probabilities.shape == (3, len(answer.labels))
        assert (given_probabilities >= 0).all()
        np.testing.assert_allclose(given_probabilities.sum(axis=1), 1)
        backed = support(logits, given_probabilities, answer)
        assert ((backed >= 0) & (backed <= given_probabilities.max(axis=1) + 1e-9)).all()


def test_large_logits_do_not_overflow() -> None:
    np.testing.assert_array_equal(softmax(np.array([[1e4, 0.0, -1e4]])), [[1.0, 0.0, 0.0]])


@pytest.mark.parametrize(("answer", "head"), [(CORE, FERPLUS8), (CORE_FER2013, FER7)])
def test_some_classes_are_their_head_narrowed(answer: Answer, head: ExpressionSet) -> None:
    rng = np.random.default_rng(0)
    logits = {s.name: rng.normal(size=(5, len(s))).astype(np.float32) for s in (FER7, FERPLUS8)}
    wide = softmax(logits[head.name].astype(np.float64))[:, core4_positions(head)]
    np.testing.assert_allclose(probabilities(logits, answer), wide / wide.sum(axis=1, keepdims=True), atol=1e-12)


def test_higher_temperature_is_less_confident() -> None:
    logits = logits_for({"happy": 3}, {"happiness": 3})
    cool, warm = (Answer(CORE.head, CORE.labels, CORE.positions, temperature=t) for t in (0.5, 3.0))
    assert probabilities(logits, cool).max() > probabilities(logits, warm).max()


TRAINED = replace(CORE, training_prior=(0.4, 0.1, 0.1, 0.4))


def test_another_prior_multiplies_by_how_much_more_frequent_each_class_is() -> None:
    logits = logits_for({}, {"happiness": 1.0, "sadness": 0.5})
    as_trained = probabilities(logits, TRAINED)
    expected = as_trained * np.array([0.25 / 0.4, 2.5, 2.5, 0.25 / 0.4])
    balanced = probabilities(logits, replace(TRAINED, prior=(0.25,) * 4))
    np.testing.assert_allclose(balanced, expected / expected.sum(), atol=1e-12)
    assert (CORE.labels[as_trained.argmax()], CORE.labels[balanced.argmax()]) == ("happy", "sad")
    without = probabilities(logits, replace(TRAINED, prior=(0.5, 0.0, 0.0, 0.5)))
    assert without[0, [1, 2]].tolist() == [0, 0]


@given(arrays(np.float32, (3, 8), elements=finite), st.floats(0.3, 3))
def test_the_prior_of_the_training_and_a_balanced_one_where_training_was_leave_all_as_it_was(
    ferplus8: np.ndarray, temperature: float
) -> None:
    logits = {"ferplus8": ferplus8}
    bare = replace(CORE, temperature=temperature)
    known = replace(bare, training_prior=(0.25,) * 4)
    for same in (known, replace(known, prior=(0.25,) * 4)):
        np.testing.assert_array_equal(probabilities(logits, same), probabilities(logits, bare))
    named = replace(TRAINED, temperature=temperature, prior=TRAINED.training_prior)
    np.testing.assert_allclose(probabilities(logits, named), probabilities(logits, bare), atol=1e-15)


@given(arrays(np.float32, (4, 8), elements=finite))
def test_what_else_is_asked_changes_no_answer(ferplus8: np.ndarray) -> None:
    balanced = replace(TRAINED, prior=(0.25,) * 4)
    together = probabilities({"ferplus8": ferplus8}, balanced)
    for face in range(4):
        np.testing.assert_array_equal(
            probabilities({"ferplus8": ferplus8[face : face + 1]}, balanced)[0], together[face]
        )


def test_a_prior_leaves_the_probability_of_being_one_of_the_set() -> None:
    logits = logits_for({}, {"anger": 2.0, "happiness": 1.0})
    inside = [
        (support(logits, given, answer) / given.max())[0]
        for answer in (TRAINED, replace(TRAINED, prior=(0.1, 0.7, 0.1, 0.1)))
        for given in [probabilities(logits, answer)]
    ]
    assert inside[0] == pytest.approx(inside[1])


def test_an_angry_face_has_little_support_among_the_four() -> None:
    happy = logits_for({"happy": 6}, {"happiness": 6})
    angry = logits_for({"angry": 6, "sad": 3}, {"anger": 6, "sadness": 3})
    backed = [support(x, probabilities(x, CORE), CORE)[0] for x in (happy, angry)]
    assert backed[0] > 0.9
    assert backed[1] < 0.1


def test_what_an_answer_leaves_out_is_named_as_fer2013_does() -> None:
    names, outside = others(logits_for({}, {"anger": 6}), CORE, FERPLUS8.labels)
    assert names == ("angry", "disgust", "fear", "contempt")
    assert names[outside[0].argmax()] == "angry"
    assert others(logits_for({}, {}), WHOLE[1], FERPLUS8.labels)[1].shape == (1, 0)


def test_support_within_a_whole_head_is_the_probability() -> None:
    logits = logits_for({"angry": 2}, {"anger": 2})
    for answer in WHOLE:
        given_probabilities = probabilities(logits, answer)
        assert support(logits, given_probabilities, answer) == given_probabilities.max()
