"""Probabilities of the labels from a quick classifier that has not seen the face it judges, nor a copy of it."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mien.expressions import FER7

FOLDS = 5

QUICK_CLASSIFIER = f"logistic regression on oriented gradients, out of {FOLDS} folds"

_FACES_PER_UNIT_OF_PENALTY = 300  # chosen on FER2013, where half or twice as many change little


def out_of_fold(
    features: NDArray[np.float32], labels: NDArray[np.int64], groups: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Probabilities of `FER7` for each face, by a classifier trained on the other folds.

    Args:
        features: float32 of shape (N, K), of unit variance.
        labels: Class position in `FER7` of each face, or `NO_LABEL`; a face without one is judged, not trained on.
        groups: Faces of the same number share a fold, so that no copy of a face is trained on when it is judged. A
            class of fewer groups than there are folds is not taught: too little would be known of it.
        rng: Deals the groups to the folds.

    Returns:
        float64 of shape (N, 7); a class that is not taught has the probability 0.

    Raises:
        ValueError: If the faces outside a fold have but one label, or none.
    """
    fold = _folds(labels, groups, rng)
    probabilities = np.zeros((len(labels), len(FER7)))
    known = [k for k in range(len(FER7)) if len(np.unique(groups[labels == k])) >= FOLDS]
    for number in range(FOLDS):
        judged = fold == number
        taught = ~judged & np.isin(labels, known)
        penalty = _FACES_PER_UNIT_OF_PENALTY / max(taught.sum(), 1)
        classifier = LogisticRegression(C=penalty, max_iter=1000).fit(features[taught], labels[taught])
        if judged.any():
            probabilities[np.ix_(judged, classifier.classes_)] = classifier.predict_proba(features[judged])
    return probabilities


def _folds(labels: NDArray[np.int64], groups: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Deals groups to folds in order of label, after shuffling, so that each fold has its part of each class."""
    _, first, member = np.unique(groups, return_index=True, return_inverse=True)
    order = rng.permutation(len(first))
    order = order[np.argsort(labels[first][order], kind="stable")]
    fold = np.empty(len(first), dtype=np.int64)
    fold[order] = np.arange(len(first)) % FOLDS
    return fold[member]
