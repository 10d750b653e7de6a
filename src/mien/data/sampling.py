"""A fixed part of a data set, for trainings that are to be short."""

import numpy as np
from numpy.typing import NDArray

_SEED = 2013


def stratified(labels: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Positions of `count` faces in which each label has the share it has in all; all positions if there are fewer.

    It is the same part each time, and a smaller part lies within a larger one.

    Args:
        labels: Class positions of shape (N,).
        count: How many faces to take.

    Returns:
        Positions in ascending order, int64 of shape (min(N, count),).
    """
    return np.flatnonzero(dealt(labels, _SEED) < count)


def dealt(labels: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """A shuffled place for each of N faces, of shape (N,); every stretch of places has each label by its share."""
    rng = np.random.default_rng(seed)
    share = np.empty(len(labels))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        share[members] = (rng.permutation(len(members)) + rng.random()) / len(members)
    places = np.empty(len(labels), dtype=np.int64)
    places[np.argsort(share, kind="stable")] = np.arange(len(labels))
    return places
