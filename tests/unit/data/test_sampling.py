import numpy as np

from mien.data.sampling import stratified

LABELS = np.repeat([0, 1, 2], [600, 300, 100])


def test_each_label_has_its_share() -> None:
    taken = stratified(LABELS, 100)
    assert len(taken) == len(set(taken.tolist())) == 100
    assert np.abs(np.bincount(LABELS[taken]) - [60, 30, 10]).max() <= 1


def test_it_is_the_same_part_and_lies_within_a_larger_one() -> None:
    small, large = stratified(LABELS, 50), stratified(LABELS, 200)
    assert np.array_equal(small, stratified(LABELS, 50))
    assert set(small.tolist()) < set(large.tolist())


def test_more_than_there_are_is_all() -> None:
    assert np.array_equal(stratified(LABELS, 5000), np.arange(1000))
