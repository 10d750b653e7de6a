"""Two classifiers on the same images: hand-worked, against SciPy, and by simulation."""

import numpy as np
import pytest
from sklearn import metrics as sk

from mien.evaluate.comparison import COMPARED, compare
from mien.evaluate.protocols import P1
from mien.stats import mcnemar_p_value

EYE = np.eye(4) * 0.9 + 0.025


def test_five_images_worked_by_hand() -> None:
    target = np.array([0, 1, 2, 3, 3])
    found = compare(P1, target, EYE[[0, 1, 2, 3, 0]], EYE[[0, 1, 0, 0, 0]], draws=200)
    assert (found.images, found.both_right, found.only_first_right, found.only_second_right) == (5, 2, 2, 0)
    assert found.p_value == 0.5
    assert not found.beyond_noise
    assert found.differences["accuracy"].value == pytest.approx(4 / 5 - 2 / 5)
    assert found.differences["balanced_accuracy"].value == pytest.approx((1 + 1 + 1 + 0.5) / 4 - (1 + 1) / 4)
    assert found.differences["negative_log_likelihood"].value == pytest.approx(2 / 5 * np.log(0.025 / 0.925))


def test_differences_are_those_of_scikit_learn() -> None:
    draw = np.random.default_rng(1)
    target = draw.integers(0, 4, 300)
    one, other = draw.dirichlet(np.ones(4), 300), draw.dirichlet(np.ones(4), 300)
    found = compare(P1, target, one, other, draws=50).differences
    answers = one.argmax(axis=1), other.argmax(axis=1)
    f1 = [sk.f1_score(target, answer, average="macro") for answer in answers]
    balanced = [sk.balanced_accuracy_score(target, answer) for answer in answers]
    assert set(found) == set(COMPARED)
    assert found["macro_f1"].value == pytest.approx(f1[0] - f1[1])
    assert found["balanced_accuracy"].value == pytest.approx(balanced[0] - balanced[1])
    losses = [sk.log_loss(target, given) for given in (one, other)]
    assert found["negative_log_likelihood"].value == pytest.approx(losses[0] - losses[1])


def test_a_classifier_does_not_differ_from_itself() -> None:
    draw = np.random.default_rng(2)
    target, given = draw.integers(0, 4, 100), draw.dirichlet(np.ones(4), 100)
    found = compare(P1, target, given, given, draws=50)
    assert found.p_value == 1
    ends = [end for e in found.differences.values() for end in (e.value, e.low, e.high)]
    assert ends == pytest.approx([0] * len(ends), abs=1e-12)


@pytest.mark.slow
def test_intervals_and_p_values_are_right_about_as_often_as_they_say() -> None:
    """400 samples of two classifiers, the first right in 80 %, the second in 70 %, agreeing more than by chance."""
    draw = np.random.default_rng(3)
    held, false_alarms = 0, 0
    for _ in range(400):
        target = draw.integers(0, 4, 200)
        luck = draw.random(200)
        own = draw.random((2, 200))
        # Half of the images are as hard for both, on the other half each has its own luck.
        level = np.where(draw.random(200) < 0.5, luck, own)
        first, second, equal = (
            np.where(level[which] < share, target, (target + 1) % 4) for which, share in ((0, 0.8), (1, 0.7), (1, 0.8))
        )
        difference = compare(P1, target, EYE[first], EYE[second], draws=200).differences["accuracy"]
        held += difference.low <= 0.1 <= difference.high
        one, other = first == target, equal == target
        false_alarms += mcnemar_p_value(int((one & ~other).sum()), int((other & ~one).sum())) < 0.05
    assert 0.92 <= held / 400 <= 0.98
    # An exact test of few images alarms less often than at its level.
    assert false_alarms / 400 <= 0.06
