"""What is taken for what, against hand-worked cases and scikit-learn."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn import metrics as sk

from mien.evaluate.analysis.confusions import Confusions, confusions
from mien.expressions import CORE4, FERPLUS8
from mien.stats import Estimate

HAPPY, SAD, SURPRISE, NEUTRAL = range(4)


def of_answers(labels: tuple[str, ...], truth: NDArray[np.int64], answer: NDArray[np.int64]) -> Confusions:
    return confusions(labels, sk.confusion_matrix(truth, answer, labels=range(len(labels))))


def test_ten_images_worked_by_hand() -> None:
    truth = np.array([HAPPY, HAPPY, SAD, SAD, SAD, NEUTRAL, NEUTRAL, NEUTRAL, SURPRISE, SURPRISE])
    answer = np.array([HAPPY, SURPRISE, SAD, NEUTRAL, HAPPY, SAD, NEUTRAL, HAPPY, HAPPY, HAPPY])
    found = of_answers(CORE4.labels, truth, answer)
    # Happy and surprise are confused more often, yet sad and neutral come first.
    assert [(pair.images, [(w.truth, w.answer, w.images) for w in pair.ways]) for pair in found.pairs] == [
        (2, [("sad", "neutral", 1), ("neutral", "sad", 1)]),
        (3, [("surprise", "happy", 2), ("happy", "surprise", 1)]),
        (1, [("sad", "happy", 1), ("happy", "sad", 0)]),
        (1, [("neutral", "happy", 1), ("happy", "neutral", 0)]),
    ]
    assert found.pairs[0].share_of_errors == Estimate.of_proportion(2, 7)
    assert found.pairs[1].ways[0].share == Estimate.of_proportion(2, 2)
    assert [(way.truth, way.images) for way in found.wrongly_happy] == [("surprise", 2), ("sad", 1), ("neutral", 1)]


def test_precision_is_that_of_scikit_learn() -> None:
    draw = np.random.default_rng(1)
    truth, answer = draw.integers(0, 8, 500), draw.integers(0, 8, 500)
    found = of_answers(FERPLUS8.labels, truth, answer)
    precision = sk.precision_score(truth, answer, average=None)
    assert [c.precision.value for c in found.classes if c.precision] == pytest.approx(precision.tolist())
    assert [c.images for c in found.classes] == np.bincount(truth).tolist()
    assert [c.called for c in found.classes] == np.bincount(answer).tolist()
    assert {found.pairs[0].ways[0].truth, found.pairs[0].ways[0].answer} == {"neutral", "sadness"}
    assert [pair.images for pair in found.pairs[1:]] == sorted((p.images for p in found.pairs[1:]), reverse=True)
    assert sum(pair.images for pair in found.pairs) == (truth != answer).sum()
    assert {way.answer for way in found.wrongly_happy} == {"happiness"}


def test_a_class_without_images_is_no_way_of_a_pair() -> None:
    found = of_answers(CORE4.labels, np.array([SAD, SAD]), np.array([NEUTRAL, SAD]))
    [pair] = found.pairs
    assert [(way.truth, way.answer) for way in pair.ways] == [("sad", "neutral")]
    assert found.wrongly_happy == ()
    assert [c.precision is None for c in found.classes] == [True, False, True, False]


def test_nothing_wrong_has_no_pairs() -> None:
    assert of_answers(CORE4.labels, np.arange(4), np.arange(4)).pairs == ()


def test_labels_without_happy_have_nothing_wrongly_called_so() -> None:
    assert of_answers(("calm", "tense"), np.array([0, 1]), np.array([1, 0])).wrongly_happy == ()
