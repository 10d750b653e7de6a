"""Labels against the votes of people."""

from drawn_faces import in_splits
from plain_faces import voted

from mien.audit.agreement import UNDECIDED, agreements, majority_fer7
from mien.data.labelled_faces import NO_LABEL
from mien.expressions import FER7
from mien.stats import Proportion

HAPPY, SAD, SURPRISE, NEUTRAL = (FER7.index(label) for label in ("happy", "sad", "surprise", "neutral"))


def test_labels_and_votes_are_compared() -> None:
    faces = voted(
        [HAPPY, HAPPY, SAD, SAD, SAD, SURPRISE, NEUTRAL],
        [
            {"happiness": 10},
            {"contempt": 6, "happiness": 4},
            {"sadness": 6, "neutral": 4},
            {"neutral": 10},
            {"neutral": 5, "sadness": 5},
            {"fear": 9, "surprise": 1},
            {},
        ],
    )
    (found,) = agreements(in_splits({"Training": faces}))
    assert (found.split, found.with_votes) == ("Training", 6)
    assert found.overall == Proportion.of(2, 5)
    assert {label: share for label, share in found.by_label.items() if share.n} == {
        "happy": Proportion.of(1, 2),
        "sad": Proportion.of(1, 2),
        "surprise": Proportion.of(0, 1),
    }
    assert found.core4 == Proportion.of(2, 3)
    assert found.core4_by_label["sad"] == Proportion.of(1, 2)
    assert {column: count for column, count in found.table["sad"].items() if count} == {
        "sadness": 1,
        "neutral": 1,
        UNDECIDED: 1,
    }
    assert sum(found.table["neutral"].values()) == 0


def test_splits_without_votes_have_no_agreement() -> None:
    assert agreements(in_splits({"Training": voted([HAPPY], [{}])})) == ()


def test_a_majority_for_contempt_is_none_of_the_seven() -> None:
    votes = voted([0, 0, 0], [{"contempt": 10}, {"anger": 10}, {"anger": 5, "fear": 5}]).votes
    meant, decided = majority_fer7(votes)
    assert meant.tolist() == [NO_LABEL, FER7.index("angry"), NO_LABEL]
    assert decided.tolist() == [True, True, False]
