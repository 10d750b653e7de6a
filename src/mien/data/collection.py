"""The splits of a data set side by side, and how one of their faces is named."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.dataset import read_faces, split_name
from mien.data.image_folder import find_split, split_folders
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.data.split import Split
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


@dataclass(frozen=True, slots=True)
class Collection:
    """All faces of a data set, one split after the other.

    Attributes:
        source: The path they were read from.
        splits: Names of the splits, in order.
        faces: The N faces of all splits.
        split: int64 of shape (N,), position in `splits` of each face.
        absent: Why a split is not among them, by name.
        files: The picture of each face, by split, where the splits are folders of pictures.
    """

    source: str
    splits: tuple[str, ...]
    faces: LabelledFaces
    split: NDArray[np.int64]
    absent: dict[str, str]
    files: dict[str, tuple[Path, ...]]

    def __len__(self) -> int:
        return len(self.faces)

    def within(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """Which faces are of one of these splits; shape (N,)."""
        return np.isin(self.split, [self.splits.index(name) for name in names])

    def reference(self, position: int) -> Reference:
        """The face at `position`, as it is named in reports."""
        label = int(self.faces.fer7[position])
        split, row = self.splits[self.split[position]], int(self.faces.rows[position])
        return Reference(
            position=int(position),
            split=split,
            row=row,
            label=None if label == NO_LABEL else FER7.labels[label],
            file=self.files[split][row].relative_to(self.source).as_posix() if split in self.files else None,
        )

    def references(self, positions: NDArray[np.int64]) -> tuple[Reference, ...]:
        """The faces at `positions`, in that order."""
        return tuple(self.reference(position) for position in positions)


def collection_of(
    parts: Mapping[str, LabelledFaces],
    *,
    source: str = "",
    absent: Mapping[str, str] | None = None,
    files: Mapping[str, tuple[Path, ...]] | None = None,
) -> Collection:
    """The collection of some splits, by name; at least one."""
    split = np.repeat(np.arange(len(parts)), [len(part) for part in parts.values()])
    faces = LabelledFaces.concatenate(list(parts.values()))
    return Collection(source, tuple(parts), faces, split, dict(absent or {}), dict(files or {}))


def read_collection(
    path: Path, splits: Sequence[Split] = (), *, classes: Mapping[str, str] | None = None
) -> Collection:
    """Reads a data set, split by split.

    Args:
        path: As for `mien.data.dataset.read_faces`.
        splits: The splits to read; each must be there. None given reads those that can be read, and keeps for
            each other split why it could not.
        classes: As for `read_faces`.

    Raises:
        DataError: If a split that was asked for cannot be read, or none can.
        MissingExtra: As for `read_faces`.
    """
    parts: dict[str, LabelledFaces] = {}
    absent: dict[str, str] = {}
    read: list[Split] = []
    for split in splits or Split:
        name = split_name(path, split)
        try:
            parts[name] = read_faces(path, split=split, classes=classes)
            read.append(split)
        except DataError as fault:
            if splits:
                raise
            absent[name] = str(fault)
    if not parts:
        raise DataError(next(iter(absent.values())))
    files: dict[str, tuple[Path, ...]] = {}
    if path.is_dir() and split_folders(path):
        files = {split_name(path, split): find_split(path, split, classes or {}).paths for split in read}
    return collection_of(parts, source=str(path), absent=absent, files=files)
