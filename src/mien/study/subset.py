"""A fixed part of a data set, for trainings that are to be short."""

import numpy as np
from numpy.typing import NDArray


def stratified(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Positions of `count` faces in which each label has the share it has in all; all positions if there are fewer.

    It is the same part each time, and a smaller part lies within a larger one.

    Args:
        labels: Class positions of shape (N,).
        count: How many faces to take.

    Returns:
        Positions in ascending order, int64 of shape (min(N, count),).
    """
    order = np.random.default_rng(0).permutation(len(labels))
    places = np.empty(len(labels))
    for label in np.unique(labels):
        of_label = order[labels[order] == label]
        places[of_label] = (np.arange(len(of_label)) + 0.5) / len(of_label)
    # Of equal places, those in the random order: else every small part would lean to the first labels.
    taken = order[np.argsort(places[order], kind="stable")[:count]]
    return np.sort(taken).astype(np.int64)
