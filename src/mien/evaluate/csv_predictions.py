"""Answers of another tool, given as a CSV file.

Its columns are `row`, the face's row in the source (of `fer2013.csv`, from 0), and one for each class of a set of
expressions, by name, with the probability. Where a tool gives labels only, 1 for the label and 0 for the rest gives its
accuracy; calibration and likelihood then mean nothing.
"""

import csv
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.errors import DataError
from mien.evaluate.classifiers import Answers, with_core_answers
from mien.evaluate.subject import Subject
from mien.expressions import CORE4, FER7, FERPLUS8, ExpressionSet

_SETS = (FERPLUS8, FER7, CORE4)  # the widest first, whose columns may be a narrower set's as well


def read_predictions(path: Path) -> Subject:
    """The answers in the CSV file at `path`.

    Raises:
        DataError: If it cannot be read, lacks columns, or a row is there twice or has no probabilities.
    """
    expressions, by_row = _read(path)

    def recorded(faces: LabelledFaces) -> Answers:
        missing = [row for row in faces.rows.tolist() if row not in by_row]
        if missing:
            raise DataError(f"{path} has no answer for {len(missing)} of {len(faces)} faces, such as row {missing[0]}")
        return {expressions.name: np.array([by_row[row] for row in faces.rows.tolist()])}

    sets = tuple(with_core_answers({expressions.name: np.array(list(by_row.values()))}))
    return Subject(path.stem, sets, recorded=recorded)


def _read(path: Path) -> tuple[ExpressionSet, dict[int, NDArray[np.float64]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restval="", skipinitialspace=True)
            columns = list(reader.fieldnames or [])
            expressions = _set_of(columns, path)
            by_row: dict[int, NDArray[np.float64]] = {}
            for record in reader:
                row, given = _answer(record, expressions, path, reader.line_num)
                if row in by_row:
                    raise DataError(f"{path} has row {row} twice; a face has one answer")
                by_row[row] = given
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise DataError(f"{path} cannot be read as CSV: {fault}") from fault
    if not by_row:
        raise DataError(f"{path} holds no answers; it needs a line for each face")
    return expressions, by_row


def _set_of(columns: list[str], path: Path) -> ExpressionSet:
    for expressions in _SETS:
        if "row" in columns and set(expressions.labels) <= set(columns):
            return expressions
    wanted = "; or ".join(", ".join(expressions.labels) for expressions in _SETS)
    raise DataError(f"{path} needs the columns row and {wanted}; its columns are {', '.join(columns)}")


def _answer(
    record: dict[str, str], expressions: ExpressionSet, path: Path, line: int
) -> tuple[int, NDArray[np.float64]]:
    try:
        row = int(record["row"])
        given = np.array([float(record[label]) for label in expressions.labels])
    except ValueError as fault:
        raise DataError(f"line {line} of {path}: {fault}") from fault
    total = given.sum()
    if not (np.all(given >= 0) and abs(total - 1) <= 0.01):  # tools round what they write
        raise DataError(f"line {line} of {path}: probabilities must be 0 or more and sum to 1; they sum to {total:g}")
    return row, given / total
