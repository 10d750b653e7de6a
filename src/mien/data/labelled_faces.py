"""Labelled faces in memory, and the rules by which labels and votes become truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.data.crops import Choice, Crops
from mien.errors import DataError
from mien.expressions import CORE4, FER7, FERPLUS8, FERPLUS8_OF_FER7, core4_positions
from mien.preprocess import Preprocessing, fit_crops

VOTE_COLUMNS = (*FERPLUS8.labels, "unknown", "nf")
"""Order of the ten columns of FER+ votes."""

NO_LABEL = -1
"""Stands for "no label" wherever a class position is expected."""

FER2013 = "FER2013"
"""The name of the data set that most of this is about."""

VOTERS = 10
"""How many people FER+ asked about each face."""


@dataclass(frozen=True, slots=True)
class Reference:
    """One of some faces, as reports name it.

    Attributes:
        position: Where it stands among these.
        split: Name of its split; empty if it is not known.
        row: Its row in the source, 0-based.
        label: Its label, or None if it has none.
        file: Its file within a folder of pictures, else None.
    """

    position: int
    split: str
    row: int
    label: str | None
    file: str | None = None

    @property
    def place(self) -> str:
        """Where in the split it is: its file, else its row."""
        return self.file or f"row {self.row}"

    def to_dict(self) -> dict[str, Any]:
        """Split, row, label and file (if it has one), by which the face is found in the source."""
        found = {"split": self.split, "row": self.row, "label": self.label}
        return {**found, "file": self.file} if self.file else found


_ARRAYS = ("crops", "fer7", "votes", "rows")
_NAMES = ("files", "split")


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Face crops with one of FER2013's labels each and the FER+ votes, where there are any.

    Attributes:
        crops: The N faces, as large as the source has them, and in color where it has color; given as what `Crops`
            takes, they become that.
        fer7: int64 of shape (N,), class position in `FER7`, or `NO_LABEL`.
        votes: int64 of shape (N, 10), votes by `VOTE_COLUMNS`; a row of zeros has none.
        rows: int64 of shape (N,), row in the source (in `fer2013.csv` where that is the source), 0-based.
        source: Name of the data set that they are of; empty if it is not known.
        files: str of shape (N,), each face's picture within the data set; None where faces are rows of a file.
        split: str of shape (N,), what the data set calls the split of each face; None if it is not known.

    Raises:
        DataError: If these are not of one length.
    """

    crops: Crops
    fer7: NDArray[np.int64]
    votes: NDArray[np.int64]
    rows: NDArray[np.int64]
    source: str = ""
    files: NDArray[np.str_] | None = None
    split: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "crops", self.crops if isinstance(self.crops, Crops) else Crops(self.crops))
        lengths = {name: len(values) for name in (*_ARRAYS, *_NAMES) if (values := getattr(self, name)) is not None}
        if len(set(lengths.values())) != 1:
            raise DataError(f"labelled faces must have as many labels as pictures; got {lengths}")

    def __len__(self) -> int:
        return len(self.crops)

    def __getitem__(self, chosen: Choice) -> Self:
        """The chosen faces, in the chosen order."""
        known = {name: values for name in (*_ARRAYS, *_NAMES) if (values := getattr(self, name)) is not None}
        return replace(self, **{name: values[chosen] for name, values in known.items()})

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """All faces of several collections, one after the other."""
        if len(parts) == 1:
            return parts[0]  # not a copy: its crops may be mapped from a file
        arrays: dict[str, Any] = {"crops": Crops.concatenate([part.crops for part in parts])}
        for name in (*_ARRAYS[1:], *_NAMES):
            given = [values for part in parts if (values := getattr(part, name)) is not None]
            arrays[name] = np.concatenate(given) if len(given) == len(parts) else None
        return cls(**arrays, source=" and ".join(dict.fromkeys(part.source for part in parts if part.source)))

    @property
    def splits(self) -> tuple[str, ...]:
        """The names of the splits that they are of, in the order of the faces."""
        return () if self.split is None else tuple(dict.fromkeys(self.split.tolist()))

    def within(self, splits: Sequence[str]) -> NDArray[np.bool_]:
        """Which faces are of one of these splits; shape (N,)."""
        return np.zeros(len(self), dtype=np.bool_) if self.split is None else np.isin(self.split, splits)

    def reference(self, position: int) -> Reference:
        """The face at `position`, as reports name it."""
        label = int(self.fer7[position])
        return Reference(
            position=int(position),
            split="" if self.split is None else str(self.split[position]),
            row=int(self.rows[position]),
            label=None if label == NO_LABEL else FER7.labels[label],
            file=None if self.files is None else str(self.files[position]),
        )

    def references(self, positions: NDArray[np.int64]) -> tuple[Reference, ...]:
        """The faces at `positions`, in that order."""
        return tuple(self.reference(position) for position in positions.tolist())

    def gray(self, size_px: int = 48) -> NDArray[np.uint8]:
        """All crops in gray and of one size, for what compares pictures: uint8 of shape (N, size_px, size_px).

        What the crops are themselves where they are so already; else fitted as a model's input is.
        """
        return fit_crops(self.crops, Preprocessing(size_px, size_px, "gray", mean=(0.0,), std=(1.0,)))

    def majority(self) -> NDArray[np.int64]:
        """Class position in `FERPLUS8` by the FER+ majority rule, or `NO_LABEL` where it does not decide."""
        return majority(self.votes)

    def consensus_core4(self) -> NDArray[np.int64]:
        """Class position in `CORE4` where the FER+ majority is one of the four, else `NO_LABEL`."""
        return _narrow(self.majority(), core4_positions(FERPLUS8))

    def fer2013_core4(self) -> NDArray[np.int64]:
        """Class position in `CORE4` where FER2013's label is one of the four, else `NO_LABEL`."""
        return _narrow(self.fer7, core4_positions(FER7))

    def vote_distribution(self, *, outliers: bool = False) -> NDArray[np.float64]:
        """Share of each of the eight expressions among the votes, single ones only if asked for; shape (N, 8).

        Rows without a vote for any of the eight are zero.
        """
        votes = self.votes if outliers else without_outliers(self.votes)
        kept = votes[:, : len(FERPLUS8)].astype(np.float64)
        shares: NDArray[np.float64] = kept / np.maximum(kept.sum(axis=1, keepdims=True), 1)
        return shares

    def with_votes_from_labels(self) -> Self:
        """The same faces; where none of them has votes, all ten go to what each face's label means in FER+.

        They are stand-ins, so that whatever learns or is fitted by votes can do so by the labels. Nothing measured
        against them may be called a consensus.
        """
        if self.votes.any():
            return self
        votes = np.zeros_like(self.votes)
        labelled = np.flatnonzero(self.fer7 != NO_LABEL)
        votes[labelled, np.array(FERPLUS8_OF_FER7)[self.fer7[labelled]]] = VOTERS
        return replace(self, votes=votes)


def without_outliers(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """Votes of shape (N, 10) with single votes set to 0, as published with FER+.

    Source: Barsoum et al., "Training Deep Networks for Facial Expression Recognition with Crowd-Sourced Label
    Distribution", ICMI 2016.
    """
    return np.where(votes <= 1, 0, votes)


def majority(votes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The FER+ majority rule: class position in `FERPLUS8`, or `NO_LABEL`; votes of shape (N, 10).

    Single votes do not count. An image counts where one of the eight expressions has most votes (a plurality): strictly
    more than every other column, `unknown` and `nf` included. FER+'s published code (mode `majority`) further asks for
    more than half of the votes that count. Source: Barsoum et al., ICMI 2016.
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
