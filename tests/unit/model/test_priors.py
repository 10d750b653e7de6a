from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import ArgumentError
from mien.model.priors import class_shares, prior_words

LABELS = ("happy", "sad", "neutral")
TRAINED = (0.5, 0.1, 0.4)


def test_a_balanced_prior_gives_each_class_as_much() -> None:
    assert class_shares("balanced", LABELS, TRAINED) == pytest.approx((1 / 3,) * 3)


def test_the_prior_of_the_training_needs_no_shares() -> None:
    assert class_shares("training", LABELS, TRAINED) is None
    assert class_shares("training", LABELS, None) is None


def test_shares_are_put_in_class_order_and_made_to_sum_to_one() -> None:
    assert class_shares({"neutral": 3, "happy": 1}, LABELS, TRAINED) == (0.25, 0, 0.75)


def test_what_was_never_trained_on_has_no_share() -> None:
    assert class_shares("balanced", LABELS, (0.6, 0, 0.4)) == (0.5, 0, 0.5)
    assert class_shares({"happy": 1, "sad": 0}, LABELS, (0.6, 0, 0.4)) == (1, 0, 0)
    with pytest.raises(ArgumentError, match="gives sad a share, but the model was trained on no such face"):
        class_shares({"happy": 1, "sad": 1}, LABELS, (0.6, 0, 0.4))


@pytest.mark.parametrize(
    ("prior", "says"),
    [
        ("balancd", r"no prior 'balancd' \(did you mean 'balanced'\?\); choose from balanced, training"),
        ({"hapy": 1}, r"no expression for prior 'hapy' \(did you mean 'happy'\?\); choose from happy, sad, neutral"),
        ({"happy": -0.1, "sad": 1}, "must give happy a share of 0 or more; got -0.1"),
        ({"happy": float("nan")}, "must give happy a share of 0 or more; got nan"),
        ({"happy": float("inf")}, "must give happy a share of 0 or more; got inf"),
        ({"happy": True}, "must give happy a share of 0 or more; got True"),
        ({"happy": "1"}, "must give happy a share of 0 or more; got '1'"),
        ({"happy": 0}, "must give some expression a share above 0"),
        ({}, "must give some expression a share above 0"),
        ({"happy": 1e308, "sad": 1e308}, "must give some expression a share above 0"),
        (0.5, "must be balanced, training or a share by expression; got 0.5"),
        ([0.5, 0.5, 0], "must be balanced, training or a share by expression"),
    ],
)
def test_what_is_no_prior_is_refused(prior: Any, says: str) -> None:
    with pytest.raises(ArgumentError, match=says) as refused:
        class_shares(prior, LABELS, TRAINED)
    assert "\n" not in str(refused.value)


def test_without_the_trainings_own_no_other_can_be_had() -> None:
    for prior in ("balanced", {"happy": 1}):
        with pytest.raises(ArgumentError, match="does not say how frequent"):
            class_shares(prior, LABELS, None)


@given(st.lists(st.floats(0, 1e6), min_size=3, max_size=3).filter(lambda shares: sum(shares) > 1e-300))
def test_shares_sum_to_one_whatever_is_given(given_shares: list[float]) -> None:
    shares = class_shares(dict(zip(LABELS, given_shares, strict=True)), LABELS, TRAINED)
    assert shares is not None
    assert sum(shares) == pytest.approx(1)


def test_priors_in_words() -> None:
    assert prior_words(None, LABELS) == "training"
    assert prior_words((1 / 3,) * 3, LABELS) == "balanced"
    assert prior_words((0.6, 0, 0.4), LABELS) == "happy 0.6, neutral 0.4"
