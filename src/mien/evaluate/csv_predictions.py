"""Predictions of another tool, given as a CSV file.

Its columns are `row`, the face's row in the source (of `fer2013.csv`, from 0), or `file`, its picture within a folder
of pictures, and one for each class of a set of expressions, by name, with the probability. Where a tool gives labels
only, 1 for the label and 0 for the rest gives its accuracy; calibration and likelihood then mean nothing.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Self

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.errors import DataError, ModelError
from mien.evaluate.classifiers import Predictions, Probabilities, checked, labels_with_core_sets, with_core_sets
from mien.expressions import CORE4, FER7, FERPLUS8, ExpressionSet
from mien.model.facts import TrainingFacts
from mien.preprocess import Crops

Key = int | str
"""By which a face is found: its row, or its file."""

_SETS = (FERPLUS8, FER7, CORE4)  # the widest first, whose columns may be a narrower set's as well
_KEYS = ("row", "file")


class RecordedPredictions:
    """Predictions that were made before, which are repeated and cannot be asked for anew.

    Args:
        name: What to call them.
        expressions: What they are about.
        by_key: Probabilities, of shape (K,), by row or file of a face; one or more, all of one kind of key.
    """

    is_recorded = True
    training: TrainingFacts | None = None
    selected_on: str | None = None
    sha256: str | None = None

    def __init__(self, name: str, expressions: ExpressionSet, by_key: Mapping[Key, NDArray[np.float64]]) -> None:
        self.name = name
        self.labels: Mapping[str, tuple[str, ...]] = labels_with_core_sets(expressions)
        self._expressions = expressions
        self._by_key = dict(by_key)

    @classmethod
    def read(cls, path: Path, *, name: str | None = None) -> Self:
        """The predictions in the CSV file at `path`.

        Raises:
            DataError: If it cannot be read, lacks columns, or a face is there twice or has no probabilities.
        """
        expressions, by_key = _read(path)
        return cls(name or path.stem, expressions, by_key)

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        """Raises `ModelError`."""
        del crops, batch
        raise self._cannot_be_asked()

    def predict_faces(self, faces: LabelledFaces) -> Predictions:
        """What was predicted for these faces; raises `DataError` if some are missing."""
        keys = self._keys(faces)
        missing = [key for key in keys if key not in self._by_key]
        if missing:
            what = f"row {missing[0]}" if isinstance(missing[0], int) else missing[0]
            raise DataError(f"{self.name} has no prediction for {len(missing)} of {len(faces)} faces, such as {what}")
        given = with_core_sets({self._expressions.name: np.array([self._by_key[key] for key in keys])})
        return Predictions(checked(given, len(faces), [self._expressions]) | given)

    def predict_files(self, paths: Sequence[Path]) -> Probabilities:
        """Raises `ModelError`."""
        del paths
        raise self._cannot_be_asked()

    def with_threads(self, threads: int | None) -> "RecordedPredictions":
        """Raises `ModelError`."""
        del threads
        raise self._cannot_be_asked()

    def _keys(self, faces: LabelledFaces) -> list[Key]:
        if isinstance(next(iter(self._by_key)), int):
            return list(faces.rows.tolist())
        if faces.files is None:
            raise DataError(f"{self.name} names files, but the faces of {faces.source or 'the data'} have rows alone")
        return [PurePath(file).as_posix() for file in faces.files.tolist()]

    def _cannot_be_asked(self) -> ModelError:
        return ModelError(f"{self.name} holds predictions made before; only a model can be asked about other pictures")


def _read(path: Path) -> tuple[ExpressionSet, dict[Key, NDArray[np.float64]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", skipinitialspace=True)
            column, expressions = _columns(list(reader.fieldnames or []), path)
            by_key: dict[Key, NDArray[np.float64]] = {}
            for record in reader:
                key, given = _prediction(record, column, expressions, f"line {reader.line_num} of {path}")
                if key in by_key:
                    raise DataError(f"{path} has {column} {key} twice; a face has one prediction")
                by_key[key] = given
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{path} cannot be read as CSV: {fault}") from fault
    if not by_key:
        raise DataError(f"{path} holds no predictions; it needs a line for each face")
    return expressions, by_key


def _columns(columns: list[str], path: Path) -> tuple[str, ExpressionSet]:
    column = next((key for key in _KEYS if key in columns), None)
    for expressions in _SETS:
        if column and set(expressions.labels) <= set(columns):
            return column, expressions
    wanted = "; or ".join(", ".join(expressions.labels) for expressions in _SETS)
    raise DataError(f"{path} needs the columns row or file, and {wanted}; its columns are {', '.join(columns)}")


def _prediction(
    record: dict[str, str], column: str, expressions: ExpressionSet, where: str
) -> tuple[Key, NDArray[np.float64]]:
    try:
        key = int(record[column]) if column == "row" else PurePath(record[column]).as_posix()
        given = np.array([float(record[label]) for label in expressions.labels])
    except ValueError as fault:
        raise DataError(f"{where}: {fault}") from fault
    total = given.sum()
    if not (np.all(given >= 0) and abs(total - 1) <= 0.01):  # tools round what they write
        raise DataError(f"{where}: probabilities must be 0 or more and sum to 1; they sum to {total:g}")
    return key, given / total
