"""Labelled faces in memory, and the rules by which labels and votes become truth."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.expressions import CORE4, FER7, FERPLUS8, core4_positions

VOTE_COLUMNS = (*FERPLUS8.labels, "unknown", "nf")
"""Order of the ten columns of FER+ votes."""

NO_LABEL = -1
"""Stands for "no label" wherever a class position is expected."""


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Face crops with FER2013's label and the FER+ votes, where there are any.

    Attributes:
        pixels: uint8 of shape (N, 48, 48), grayscale.
        fer7: int64 of shape (N,), class position in `FER7`, or `NO_LABEL`.
        votes: int64 of shape (N, 10), votes by `VOTE_COLUMNS`; a row of zeros has none.
        rows: int64 of shape (N,), row in the source (in `fer2013.csv` where that is the source), 0-based.
    """

    pixels: NDArray[np.uint8]
    fer7: NDArray[np.int64]
    votes: NDArray[np.int64]
    rows: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {field.name: len(getattr(self, field.name)) for field in fields(self)}
        if len(set(lengths.values())) != 1:
            raise DataError(f"labelled faces must have as many labels as pictures; got {lengths}")

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Self:
        """The chosen faces, in the chosen order."""
        return replace(self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """All faces of several collections, one after the other."""
        return cls(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(cls)))

    def majority(self) -> NDArray[np.int64]:
        """Class position in `FERPLUS8` by the FER+ majority rule, or `NO_LABEL` where it does not decide."""
        return majority(self.votes)

    def consensus_core4(self) -> NDArray[np.int64]:
        """Class position in `CORE4` where the FER+ majority is one of the four, else `NO_LABEL`."""
        return _narrow(self.majority(), core4_positions(FERPLUS8))

    def fer2013_core4(self) -> NDArray[np.int64]:
        """Class position in `CORE4` where FER2013's label is one of the four, else `NO_LABEL`."""
        return _narrow(self.fer7, core4_positions(FER7))

    def vote_distribution(self) -> NDArray[np.float64]:
        """Share of each of the eight expressions among the votes left after outliers go; shape (N, 8).

        Rows without a vote for any of the eight are zero.
        """
        kept = without_outliers(self.votes)[:, : len(FERPLUS8)].astype(np.float64)
        shares: NDArray[np.float64] = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
        return shares


def without_outliers(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes of shape (N, 10) with single votes set to 0, as published with FER+.

    Source: Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label
    Distribution", ICMI 2016.
    """
    return np.where(votes <= 1, 0, votes)


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The FER+ majority rule: class position in `FERPLUS8`, or `NO_LABEL`; votes of shape (N, 10).

    Single votes do not count. An image counts where one of the eight expressions has strictly more votes than every
    other column, `unknown` and `nf` included. Source: Barsoum et al., ICMI 2016.
    """
    kept = without_outliers(votes)
    most = kept.max(axis=1, initial=0)
    winner = kept.argmax(axis=1)
    decided = ((kept == most[:, None]).sum(axis=1) == 1) & (winner < len(FERPLUS8))
    return np.where(decided, winner, NO_LABEL).astype(np.int64)


def _narrow(positions: NDArray[np.int64], core: tuple[int, ...]) -> NDArray[np.int64]:
    narrowed = np.full(len(positions), NO_LABEL, dtype=np.int64)
    for core_position in range(len(CORE4)):
        narrowed[positions == core[core_position]] = core_position
    return narrowed
