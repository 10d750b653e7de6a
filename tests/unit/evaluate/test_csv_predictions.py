"""Predictions of another tool as CSV."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.errors import DataError, ModelError
from mien.evaluate import Evaluation, EvaluationOptions, RecordedPredictions, evaluate
from mien.evaluate.protocols import P1, P3, P4, Protocol
from mien.expressions import FER7

FACES = drawn_faces(8, seed=10)
HEAD = "row," + ",".join(FER7.labels)


def line(row: int, label: int, probability: float = 0.7) -> str:
    shares = np.full(7, (1 - probability) / 6)
    shares[label] = probability
    return f"{row}," + ",".join(f"{share:.4f}" for share in shares)


def write(folder: Path, *lines: str, head: str = HEAD) -> RecordedPredictions:
    path = folder / "theirs.csv"
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return RecordedPredictions.read(path)


def by(recorded: RecordedPredictions, *protocols: Protocol) -> Evaluation:
    return evaluate(recorded, FACES, EvaluationOptions(protocols=protocols, analyses=False))


def test_answers_are_found_by_row_in_any_order(tmp_path: Path) -> None:
    lines = [line(row, int(FACES.fer7[row]) if row else 4) for row in range(8)]
    recorded = write(tmp_path, *lines[::-1], line(99, 0))
    assert set(recorded.labels) == {"fer7", "core4-fer2013", "core4"}
    everything = evaluate(recorded, FACES, EvaluationOptions(analyses=False))
    assert [result.protocol.code for result in everything.results] == ["P1", "P1c", "P2", "P3"]
    assert everything.not_measured == {
        "P2b": "theirs does not say how frequent each expression was in its training",
        "P4": "theirs gives no probabilities for ferplus8",
    }
    found = by(recorded, P1, P3)
    # Nothing is averaged over flips, for nobody can be asked about these.
    assert [(r.protocol.code, r.flip_averaged, r.metrics.accuracy.value) for r in found.results] == [
        ("P1", False, 7 / 8),
        ("P3", False, 7 / 8),
    ]
    assert found.results[1].metrics.negative_log_likelihood.value == pytest.approx(
        -(7 * np.log(0.7) + np.log(0.05)) / 8, rel=1e-3
    )


def test_labels_alone_give_accuracy(tmp_path: Path) -> None:
    lines = [f"{row}," + ",".join(str(int(k == FACES.fer7[row])) for k in range(7)) for row in range(8)]
    found = by(write(tmp_path, *lines), P3)
    assert found.results[0].metrics.accuracy.value == 1


def test_it_can_be_compared_with_but_not_asked(tmp_path: Path) -> None:
    recorded = write(tmp_path, *(line(row, 3) for row in range(8)))
    options = EvaluationOptions(protocols=(P3,), against=recorded, gallery=2)
    found = evaluate(recorded, FACES, options)
    assert found.comparisons[0].p_value == 1
    assert found.gallery is not None
    assert found.gallery.wrong[0].occlusion is None
    assert found.analyses[0].certainty.mark is None
    for wanted in (replace(options, robustness=1), replace(options, invariance=2)):
        with pytest.raises(ModelError, match="predictions made before"):
            evaluate(recorded, FACES, wanted)
    with pytest.raises(ModelError, match="predictions made before"):
        recorded.predict_files([])
    unlabelled = replace(FACES, fer7=np.full(8, -1), votes=np.zeros_like(FACES.votes))
    with pytest.raises(ModelError, match="theirs knows no expressions that this data has truth for"):
        evaluate(recorded, unlabelled)
    with pytest.raises(ModelError, match="no probabilities for ferplus8"):
        by(recorded, P4)


def test_faces_of_folders_are_found_by_their_file(tmp_path: Path) -> None:
    names = np.array([f"test/sad/{row}.png" for row in range(8)])
    lines = [line(row, int(FACES.fer7[row])).replace(f"{row},", f"{names[row]},", 1) for row in range(8)]
    recorded = write(tmp_path, *lines, head=HEAD.replace("row", "file"))
    found = evaluate(recorded, replace(FACES, files=names), EvaluationOptions(protocols=(P3,), analyses=False))
    assert found.results[0].metrics.accuracy.value == 1
    with pytest.raises(DataError, match="names files, but the faces of the data have rows alone"):
        by(recorded, P3)
    with pytest.raises(DataError, match="such as elsewhere/sad/0"):
        evaluate(recorded, replace(FACES, files=np.strings.replace(names, "test", "elsewhere")))


@pytest.mark.parametrize(
    ("lines", "head", "message"),
    [
        ([line(0, 1)], HEAD, "has no prediction for 7 of 8 faces, such as row 1"),
        ([line(0, 1), line(0, 2)], HEAD, "has row 0 twice"),
        ([line(0, 1)], HEAD.replace("row", "id"), "needs the columns row or file, and"),
        (["0,1"], "row,happy", "its columns are row, happy"),
        ([], HEAD, "holds no predictions"),
        (["0," + ",".join("1" * 7)], HEAD, "line 2 of .*sum to 1; they sum to 7"),
        ([line(0, 1), "1,x,0,0,0,0,0,1"], HEAD, "line 3 of .*could not convert"),
        (["1,nan,0,0,0,0,0,1"], HEAD, "0 or more"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, lines: list[str], head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        by(write(tmp_path, *lines, head=head), P3)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as CSV"):
        RecordedPredictions.read(tmp_path / "none.csv")
