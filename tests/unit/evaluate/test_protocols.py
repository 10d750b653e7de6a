"""Which faces each protocol counts, and as what."""

from pathlib import Path

import numpy as np
import pytest

from mien.data.dataset import open_dataset
from mien.data.labelled_faces import NO_LABEL, VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split
from mien.errors import MienError
from mien.evaluate.protocols import P1, P1C, P2, P2B, P3, P4, PROTOCOLS, measurable, protocols_named
from mien.expressions import CORE4, FER7, FERPLUS8


def faces(*rows: tuple[str, dict[str, int]]) -> LabelledFaces:
    """Blank faces with a FER2013 label and FER+ votes each."""
    votes = np.array([[given.get(name, 0) for name in VOTE_COLUMNS] for _, given in rows])
    labels = np.array([FER7.index(label) for label, _ in rows])
    return LabelledFaces(np.zeros((len(rows), 48, 48), dtype=np.uint8), labels, votes, np.arange(len(rows)))


FOUR = faces(
    ("sad", {"neutral": 6, "sadness": 4}),
    ("angry", {"happiness": 3, "anger": 7}),
    ("fear", {"surprise": 4, "fear": 3, "neutral": 1, "happiness": 2}),
    ("happy", {"happiness": 5, "neutral": 5}),
)


def test_truths_of_four_faces() -> None:
    assert P1.target(FOUR).tolist() == [CORE4.index("sad"), NO_LABEL, NO_LABEL, CORE4.index("happy")]
    assert P2.target(FOUR).tolist() == [CORE4.index("neutral"), NO_LABEL, CORE4.index("surprise"), NO_LABEL]
    assert P2B.target(FOUR).tolist() == P2.target(FOUR).tolist()
    assert P3.target(FOUR).tolist() == [FER7.index(label) for label in ("sad", "angry", "fear", "happy")]
    assert P4.target(FOUR).tolist() == [*map(FERPLUS8.index, ("neutral", "anger", "surprise")), NO_LABEL]
    assert [p.counts(FOUR).sum() for p in PROTOCOLS] == [2, 2, 2, 2, 4, 3]


def test_votes_of_the_core_are_shares_among_the_core_without_single_votes() -> None:
    assert P2.votes is not None
    counted = FOUR[P2.counts(FOUR)]
    assert P2.votes(counted) == pytest.approx(np.array([[0, 0.4, 0, 0.6], [2 / 6, 0, 4 / 6, 0]]))


def test_votes_of_the_eight_are_shares_without_single_votes() -> None:
    assert P4.votes is not None
    third = P4.votes(FOUR)[2]
    assert third[FERPLUS8.index("surprise")] == pytest.approx(4 / 9)
    assert third[FERPLUS8.index("neutral")] == 0
    assert third.sum() == pytest.approx(1)


def test_protocols_are_found_by_code_and_name() -> None:
    assert protocols_named(["P2", "fer7/fer2013"]) == (P2, P3)
    assert protocols_named(["P1c", "core4/fer2013"]) == (P1C, P1)
    assert protocols_named(["P1", "core4/fer2013", "P1"]) == (P1,)
    with pytest.raises(MienError, match=r"no protocol 'core4/fer13' \(did you mean 'core4/fer2013'\?\)"):
        protocols_named(["P1", "core4/fer13"])


def test_without_votes_only_fer2013_labels_can_be_measured() -> None:
    assert measurable(FOUR) == PROTOCOLS
    assert measurable(faces(("sad", {}), ("fear", {}))) == (P1, P1C, P3)


@pytest.mark.data
def test_counts_of_public_test(shared_data: Path) -> None:
    public = open_dataset(shared_data / "fer2013").read(Split.VALIDATION)
    assert [int(p.counts(public).sum()) for p in PROTOCOLS] == [2570, 2570, 2958, 2958, 3589, 3396]
    one, two = P1.target(public), P2.target(public)
    both = P1.counts(public) & P2.counts(public)
    assert both.sum() == 2427
    assert (one != two)[both].sum() == 529
