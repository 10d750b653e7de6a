"""Answers of another tool as CSV."""

from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.errors import DataError, ModelError
from mien.evaluate.findings import Wanted, find_out
from mien.evaluate.load import load_subject
from mien.evaluate.protocols import P1, P2, P3, P4
from mien.expressions import FER7

FACES = drawn_faces(8, seed=10)
HEAD = "row," + ",".join(FER7.labels)


def line(row: int, label: int, probability: float = 0.7) -> str:
    shares = np.full(7, (1 - probability) / 6)
    shares[label] = probability
    return f"{row}," + ",".join(f"{share:.4f}" for share in shares)


def write(folder: Path, *lines: str, head: str = HEAD) -> str:
    path = folder / "theirs.csv"
    path.write_text("\n".join([head, *lines]) + "\n", "utf-8")
    return str(path)


def test_answers_are_found_by_row_in_any_order(tmp_path: Path) -> None:
    lines = [line(row, int(FACES.fer7[row]) if row else 4) for row in range(8)]
    subject = load_subject(write(tmp_path, *lines[::-1], line(99, 0)))
    assert set(subject.sets) == {"fer7", "core4-fer2013", "core4"}
    assert [protocol.code for protocol in subject.able((P1, P2, P3, P4))] == ["P1", "P2", "P3"]
    found = find_out(subject, FACES, (P1, P3))
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
    found = find_out(load_subject(write(tmp_path, *lines)), FACES, (P3,))
    assert found.results[0].metrics.accuracy.value == 1


def test_it_can_be_compared_with_but_not_asked(tmp_path: Path) -> None:
    subject = load_subject(write(tmp_path, *(line(row, 3) for row in range(8))))
    found = find_out(subject, FACES, (P3,), wanted=Wanted(against=subject, gallery=2))
    assert found.comparisons[0].p_value == 1
    assert found.gallery is not None
    assert found.gallery.wrong[0].occlusion is None
    for wanted in (Wanted(robustness=1), Wanted(parity=2)):
        with pytest.raises(ModelError, match="answers given before"):
            find_out(subject, FACES, (P3,), wanted=wanted)
    with pytest.raises(ModelError, match="theirs knows no expressions"):
        find_out(subject, FACES, ())
    with pytest.raises(ModelError, match="no probabilities for ferplus8"):
        find_out(subject, FACES, (P4,))


@pytest.mark.parametrize(
    ("lines", "head", "message"),
    [
        ([line(0, 1)], HEAD, "has no answer for 7 of 8 faces, such as row 1"),
        ([line(0, 1), line(0, 2)], HEAD, "has row 0 twice"),
        ([line(0, 1)], HEAD.replace("row", "id"), "needs the columns row and"),
        (["0,1"], "row,happy", "its columns are row, happy"),
        ([], HEAD, "holds no answers"),
        (["0," + ",".join("1" * 7)], HEAD, "line 2 of .*sum to 1; they sum to 7"),
        ([line(0, 1), "1,x,0,0,0,0,0,1"], HEAD, "line 3 of .*could not convert"),
        (["1,nan,0,0,0,0,0,1"], HEAD, "0 or more"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, lines: list[str], head: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_subject(write(tmp_path, *lines, head=head)).answers(FACES, [P3])


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as CSV"):
        load_subject(str(tmp_path / "none.csv"))
