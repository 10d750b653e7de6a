"""Labelled faces in memory, and the rules by which labels and votes become truth."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError
from mien.expressions import CORE4, FER7, FERPLUS8, FERPLUS8_OF_FER7, core4_positions

VOTE_COLUMNS = (*FERPLUS8.labels, "unknown", "nf")
"""Order of the ten columns of FER+ votes."""

NO_LABEL = -1
"""Stands for "no label" wherever a class position is expected."""

FER2013 = "FER2013"
"""The name of the data set that most of this is about."""

VOTERS = 10
"""How many people FER+ asked about each face."""

_ARRAYS = ("pixels", "fer7", "votes", "rows")
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32)


@dataclass(frozen=True, slots=True)
class LabelledFaces:
    """Face crops with one of FER2013's labels each and the FER+ votes, where there are any.

    Attributes:
        pixels: uint8 of shape (N, 48, 48), grayscale; or (N, 3, 48, 48), RGB, where color was asked for. It may be
            mapped from a file of the cache.
        fer7: int64 of shape (N,), class position in `FER7`, or `NO_LABEL`.
        votes: int64 of shape (N, 10), votes by `VOTE_COLUMNS`; a row of zeros has none.
        rows: int64 of shape (N,), row in the source (in `fer2013.csv` where that is the source), 0-based.
        source: Name of the data set that they are of; empty if it is not known.
        files: str of shape (N,), each face's picture within the data set; None where faces are rows of a file.
    """

    pixels: NDArray[np.uint8]
    fer7: NDArray[np.int64]
    votes: NDArray[np.int64]
    rows: NDArray[np.int64]
    source: str = ""
    files: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        lengths = {name: len(getattr(self, name)) for name in _ARRAYS}
        if self.files is not None:
            lengths["files"] = len(self.files)
        if len(set(lengths.values())) != 1:
            raise DataError(f"labelled faces must have as many labels as pictures; got {lengths}")

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, chosen: NDArray[np.bool_] | NDArray[np.int64] | slice) -> Self:
        """The chosen faces, in the chosen order."""
        files = None if self.files is None else self.files[chosen]
        return replace(self, **{name: getattr(self, name)[chosen] for name in _ARRAYS}, files=files)

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """All faces of several collections, one after the other."""
        if len(parts) == 1:
            return parts[0]  # not a copy: its pixels may be mapped from a file
        arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _ARRAYS}
        files = [part.files for part in parts if part.files is not None]
        return cls(
            **arrays,
            source=" and ".join(dict.fromkeys(part.source for part in parts if part.source)),
            files=np.concatenate(files) if len(files) == len(parts) else None,
        )

    def gray(self) -> NDArray[np.uint8]:
        """The pixels in grayscale (ITU-R 601 luma), of shape (N, 48, 48)."""
        if self.pixels.ndim == 3:
            return self.pixels
        gray: NDArray[np.uint8] = np.rint(np.einsum("nchw,c->nhw", self.pixels, _LUMA)).astype(np.uint8)
        return gray

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
