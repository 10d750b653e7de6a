"""Answers for the core classes that follow from wider ones."""

import numpy as np
import pytest

from mien.errors import ModelError
from mien.evaluate.classifiers import with_core_answers

FER7 = np.array([[0.1, 0.1, 0.0, 0.4, 0.2, 0.1, 0.1]])
FERPLUS8 = np.array([[0.3, 0.1, 0.05, 0.05, 0.5, 0.0, 0.0, 0.0]])
FROM_FER7 = np.array([[0.4, 0.2, 0.1, 0.1]]) / 0.8
FROM_FERPLUS8 = np.array([[0.1, 0.05, 0.05, 0.3]]) / 0.5


def test_each_core_set_follows_from_the_set_of_its_truth() -> None:
    given = with_core_answers({"fer7": FER7, "ferplus8": FERPLUS8})
    assert given["core4-fer2013"] == pytest.approx(FROM_FER7)
    assert given["core4"] == pytest.approx(FROM_FERPLUS8)


def test_one_answer_serves_both() -> None:
    for name in ("core4", "core4-fer2013"):
        given = with_core_answers({name: FROM_FER7, "fer7": FER7, "ferplus8": FERPLUS8})
        assert given["core4"] is given["core4-fer2013"] is FROM_FER7
    given = with_core_answers({"ferplus8": FERPLUS8})
    assert given["core4-fer2013"] == pytest.approx(FROM_FERPLUS8)


def test_what_cannot_be_told_is_even() -> None:
    sure_of_fear = np.eye(7)[[2]]
    assert with_core_answers({"fer7": sure_of_fear})["core4"] == pytest.approx(np.full((1, 4), 0.25))


def test_a_wrong_number_of_classes_is_said() -> None:
    with pytest.raises(ModelError, match=r"fer7 must have shape \(1, 7\); got \(1, 8\)"):
        with_core_answers({"fer7": FERPLUS8})
