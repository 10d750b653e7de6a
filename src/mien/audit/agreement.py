"""How far FER2013's label and the majority of the FER+ voters agree."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL, LabelledFaces, majority
from mien.expressions import CORE4, FER7, FERPLUS8, FERPLUS8_OF_FER7
from mien.stats import Proportion

UNDECIDED = "no majority"


@dataclass(frozen=True, slots=True)
class Agreement:
    """Label and majority of one split.

    Attributes:
        split: Name of the split.
        with_votes: Faces that somebody voted on.
        table: Faces by label, then by majority (`FERPLUS8` and `UNDECIDED`), of those with a label and votes.
        overall: Faces whose majority is what their label means, of those with a label and a majority.
        by_label: Likewise, by label.
        core4: Likewise, of those whose label and whose majority are both one of the core four.
        core4_by_label: Likewise, by label.
    """

    split: str
    with_votes: int
    table: dict[str, dict[str, int]]
    overall: Proportion
    by_label: dict[str, Proportion]
    core4: Proportion
    core4_by_label: dict[str, Proportion]


def agreements(faces: LabelledFaces) -> tuple[Agreement, ...]:
    """The agreement in each split that has votes."""
    parts = {name: faces[faces.within([name])] for name in faces.splits}
    return tuple(_agreement(name, part) for name, part in parts.items() if part.votes.any())


def majority_fer7(votes: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The FER+ majority as a class position in `FER7`, and where there is a majority; votes of shape (N, 10).

    A majority for contempt, which `FER7` lacks, is `NO_LABEL` with a majority.
    """
    position = majority(votes)
    mapped = np.full(len(FERPLUS8) + 1, NO_LABEL, dtype=np.int64)
    mapped[list(FERPLUS8_OF_FER7)] = np.arange(len(FER7))
    return mapped[position], position != NO_LABEL


def _agreement(split: str, faces: LabelledFaces) -> Agreement:
    voted = faces.votes.any(axis=1)
    counted = faces[np.flatnonzero(voted & (faces.fer7 != NO_LABEL))]
    decided = counted.majority()
    meant, has_majority = majority_fer7(counted.votes)
    label, consensus = counted.fer2013_core4(), counted.consensus_core4()
    both = (label != NO_LABEL) & (consensus != NO_LABEL)
    columns = {**{name: i for i, name in enumerate(FERPLUS8.labels)}, UNDECIDED: NO_LABEL}
    return Agreement(
        split=split,
        with_votes=int(voted.sum()),
        table={
            name: {column: int(((counted.fer7 == i) & (decided == j)).sum()) for column, j in columns.items()}
            for i, name in enumerate(FER7.labels)
        },
        overall=Proportion.among(has_majority, meant == counted.fer7),
        by_label=_shares(FER7.labels, counted.fer7, meant, has_majority),
        core4=Proportion.among(both, label == consensus),
        core4_by_label=_shares(CORE4.labels, label, consensus, both),
    )


def _shares(
    names: tuple[str, ...], label: NDArray[np.int64], consensus: NDArray[np.int64], counts: NDArray[np.bool_]
) -> dict[str, Proportion]:
    return {name: Proportion.among(counts & (label == i), label == consensus) for i, name in enumerate(names)}
