"""The splits of a data set side by side, and how one of their faces is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.faces import NO_LABEL, LabelledFaces
from mien.data.readers import FILE_OF_SPLIT, read_faces
from mien.errors import DataError
from mien.expressions import FER7


@dataclass(frozen=True, slots=True)
class Reference:
    """One face of the data.

    Attributes:
        position: Where it stands in the collection.
        split: Name of its split.
        row: Its row in the source, 0-based.
        label: Its label, or None if it has none.
    """

    position: int
    split: str
    row: int
    label: str | None

    def to_dict(self) -> dict[str, Any]:
        """Split, row and label, by which the face is found in the source."""
        return {"split": self.split, "row": self.row, "label": self.label}


@dataclass(frozen=True, slots=True)
class Collection:
    """All faces of a data set, one split after the other.

    Attributes:
        source: The path they were read from.
        splits: Names of the splits, in order.
        faces: The N faces of all splits.
        split: int64 of shape (N,), position in `splits` of each face.
        absent: Why a split is not among them, by name.
    """

    source: str
    splits: tuple[str, ...]
    faces: LabelledFaces
    split: NDArray[np.int64]
    absent: dict[str, str]

    def __len__(self) -> int:
        return len(self.faces)

    def within(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which faces are of one of these splits; shape (N,)."""
        return np.isin(self.split, [self.splits.index(name) for name in names])

    def reference(self, position: int) -> Reference:
        """The face at `position`, as it is named in reports."""
        label = int(self.faces.fer7[position])
        return Reference(
            position=int(position),
            split=self.splits[self.split[position]],
            row=int(self.faces.rows[position]),
            label=None if label == NO_LABEL else FER7.labels[label],
        )

    def references(self, positions: NDArray[np.int64]) -> tuple[Reference, ...]:
        """The faces at `positions`, in that order."""
        return tuple(self.reference(position) for position in positions)


def collection_of(
    parts: dict[str, LabelledFaces], *, source: str = "", absent: dict[str, str] | None = None
) -> Collection:
    """The collection of some splits, by name; at least one."""
    split = np.repeat(np.arange(len(parts)), [len(part) for part in parts.values()])
    return Collection(source, tuple(parts), LabelledFaces.concatenate(list(parts.values())), split, absent or {})


def read_collection(path: Path, splits: Sequence[str] = ()) -> Collection:
    """Reads a data set, split by split.

    Args:
        path: As for `mien.data.readers.read_faces`.
        splits: Names of the splits to read; each must be there. None given reads those that can be read, and keeps for
            each other split why it could not.

    Raises:
        DataError: If a split that was asked for cannot be read, or none can.
        MissingExtra: As for `read_faces`.
    """
    parts: dict[str, LabelledFaces] = {}
    absent: dict[str, str] = {}
    for name in splits or FILE_OF_SPLIT:
        try:
            parts[name] = read_faces(path, split=name)
        except DataError as fault:
            if splits:
                raise
            absent[name] = str(fault)
    if not parts:
        raise DataError(next(iter(absent.values())))
    return collection_of(parts, source=str(path), absent=absent)
