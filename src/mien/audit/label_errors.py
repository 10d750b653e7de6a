"""Labels that are likely wrong, by confident learning over probabilities from a judge that has not seen the faces."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from mien.audit.agreement import majority_fer7
from mien.data.crops import Crops
from mien.data.labelled_faces import NO_LABEL, LabelledFaces, Reference
from mien.expressions import FER7, FERPLUS8
from mien.results import to_jsonable
from mien.stats import Proportion

FOLDS = 5

DIGITS = 4
"""Decimals of the shares and probabilities in an audit's JSON."""

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


CHECKED = (100, 1000)
"""How many of the likeliest errors are checked against the votes, besides all of them."""


@dataclass(frozen=True, slots=True)
class LabelJudge:
    """A classifier whose opinion on labels is asked.

    Attributes:
        name: What reports call it.
        unseen: Splits that it was not trained on; only these may it judge.
        classify: Probabilities of `FER7`, float64 of shape (N, 7), for N crops.
    """

    name: str
    unseen: tuple[str, ...]
    classify: Callable[[Crops], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Suspect:
    """A face whose label is likely wrong.

    Attributes:
        face: The face.
        suggested: The label that the judge would give.
        p_label: The judge's probability of the label it has.
        p_suggested: The judge's probability of the suggested one.
        majority: What most FER+ voters see, in FER+'s words; None without a majority.
    """

    face: Reference
    suggested: str
    p_label: float
    p_suggested: float
    majority: str | None

    def to_dict(self) -> dict[str, Any]:
        """All of it, probabilities rounded to a ten-thousandth."""
        return {
            **self.face.to_dict(),
            "suggested": self.suggested,
            "p_label": round(self.p_label, DIGITS),
            "p_suggested": round(self.p_suggested, DIGITS),
            "majority": self.majority,
        }


@dataclass(frozen=True, slots=True)
class VoteCheck:
    """What the FER+ votes say of some faces, of those with a majority.

    Attributes:
        faces: How many faces were looked at, with a majority or without.
        differs: Share whose majority is not what the label means.
        suggested: Share whose majority is what the judge suggests; None for all faces, not all of which have one.
    """

    faces: int
    differs: Proportion
    suggested: Proportion | None


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """What one judge says of the labels of some splits.

    Attributes:
        judge: Who judged.
        splits: Whose faces.
        right: Share of these whose label the judge finds most probable. The lower, the more of what it suspects is
            its own fault.
        suspects: Faces whose label is likely wrong, the likeliest first.
        by_pair: Suspects by label, then by suggested label.
        checks: The votes on the first of the suspects (`CHECKED`), on all of them and on all faces judged, in that
            order; none where nobody voted.
    """

    judge: str
    splits: tuple[str, ...]
    right: Proportion
    suspects: tuple[Suspect, ...]
    by_pair: dict[str, dict[str, int]]
    checks: tuple[VoteCheck, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts."""
        return {
            "judge": self.judge,
            "splits": list(self.splits),
            "right": to_jsonable(self.right, DIGITS),
            "by_pair": self.by_pair,
            "checks": to_jsonable(self.checks, DIGITS),
            "suspects": [suspect.to_dict() for suspect in self.suspects],
        }


def confident_labels(labels: NDArray[np.int64], probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
    """The label that each face confidently has, or `NO_LABEL` where none.

    A class is confident where its probability is at least the mean it has over the faces labelled so; of several, the
    most probable counts. Source: Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset
    Labels", JAIR 2021.

    Args:
        labels: int64 of shape (N,), class positions, none of them `NO_LABEL`.
        probabilities: float64 of shape (N, K), from a judge that has not seen the faces.
    """
    classes = range(probabilities.shape[1])
    # A class that nobody has, or of which the judge knows nothing, cannot be confident.
    means = [probabilities[labels == k, k].mean() if np.any(labels == k) else 0.0 for k in classes]
    least = [mean if mean > 0 else np.inf for mean in means]
    confident = np.where(probabilities >= np.array(least), probabilities, -1.0)
    return np.where(confident.max(axis=1) >= 0, confident.argmax(axis=1), NO_LABEL).astype(np.int64)


def label_errors(
    faces: LabelledFaces, probabilities: NDArray[np.float64], judge: str, splits: tuple[str, ...]
) -> LabelErrors:
    """Faces of `splits` whose label is likely wrong.

    A face is suspect where it confidently has another label, and its own is not the most probable one. No face is whose
    label the judge does not know, that is, gives to none.

    Args:
        faces: All faces.
        probabilities: float64 of shape (M, 7), the judge's, for the M faces of `splits` in order.
        judge: Who gave them.
        splits: Whose faces these are.
    """
    judged = np.flatnonzero(faces.within(splits))
    labelled = faces.fer7[judged] != NO_LABEL
    judged, probabilities = judged[labelled], probabilities[labelled]
    labels = faces.fer7[judged]
    suggested = confident_labels(labels, probabilities)
    most_probable = probabilities.argmax(axis=1)
    known = np.isin(labels, np.flatnonzero(probabilities.any(axis=0)))
    suspect = np.flatnonzero(known & (suggested != NO_LABEL) & (suggested != labels) & (most_probable != labels))
    margin = probabilities[suspect, labels[suspect]] - probabilities[suspect, suggested[suspect]]
    suspect = suspect[np.argsort(margin, kind="stable")]
    seen = faces[judged[suspect]].majority()
    named = tuple(
        Suspect(
            face=faces.reference(judged[i]),
            suggested=FER7.labels[suggested[i]],
            p_label=float(probabilities[i, labels[i]]),
            p_suggested=float(probabilities[i, suggested[i]]),
            majority=None if winner == NO_LABEL else FERPLUS8.labels[winner],
        )
        for i, winner in zip(suspect, seen, strict=True)
    )
    return LabelErrors(
        judge=judge,
        splits=splits,
        right=Proportion.of(int((most_probable == labels).sum()), len(labels)),
        suspects=named,
        by_pair=_by_pair(labels[suspect], suggested[suspect]),
        checks=_checks(faces.votes[judged], labels, suggested, suspect),
    )


def _by_pair(labels: NDArray[np.int64], suggested: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    return {
        label: {other: int(((labels == i) & (suggested == j)).sum()) for j, other in enumerate(FER7.labels)}
        for i, label in enumerate(FER7.labels)
    }


def _checks(
    votes: NDArray[np.int64], labels: NDArray[np.int64], suggested: NDArray[np.int64], suspect: NDArray[np.int64]
) -> tuple[VoteCheck, ...]:
    if not votes.any():
        return ()
    meant, decided = majority_fer7(votes)
    parts = [suspect[:count] for count in CHECKED if count < len(suspect)]
    of_suspects = [
        VoteCheck(
            faces=len(part),
            differs=Proportion.among(decided[part], (meant != labels)[part]),
            suggested=Proportion.among(decided[part], (meant == suggested)[part]),
        )
        for part in (*parts, suspect)
    ]
    return (*of_suspects, VoteCheck(len(labels), Proportion.among(decided, meant != labels), suggested=None))
