"""Probabilities out of fold, confident learning, and suspects."""

import numpy as np
import pytest
from drawn_faces import in_splits
from plain_faces import voted

from mien.audit.label_errors import confident_labels, label_errors, out_of_fold
from mien.data.labelled_faces import NO_LABEL
from mien.expressions import FER7
from mien.stats import Proportion

HAPPY, SAD, SURPRISE, NEUTRAL = (FER7.index(label) for label in ("happy", "sad", "surprise", "neutral"))


def test_out_of_fold_probabilities_come_from_what_can_be_told() -> None:
    rng = np.random.default_rng(1)
    labels = np.array([HAPPY, SAD] * 40)
    features = rng.normal(0, 1, (80, 5)).astype(np.float32)
    features[:, 2] += np.where(labels == SAD, 3, -3)
    labels[7] = NO_LABEL  # of an odd position: sad
    given = out_of_fold(features, labels, np.arange(80), rng)
    assert np.allclose(given.sum(axis=1), 1)
    assert given[:, [HAPPY, SAD]].sum(axis=1) == pytest.approx(1)
    right = given.argmax(axis=1) == np.array([HAPPY, SAD] * 40)
    assert right.mean() > 0.95
    assert right[7]


@pytest.mark.parametrize("grouped", [True, False])
def test_a_face_is_not_judged_by_its_copy(grouped: bool) -> None:
    """Labels are noise, so that only who has seen a face's copy can tell its label."""
    rng = np.random.default_rng(2)
    labels = np.repeat(rng.integers(0, 2, 100), 2)
    features = np.repeat(rng.normal(0, 1, (100, 300)), 2, axis=0).astype(np.float32)
    groups = np.arange(200) // 2 if grouped else np.arange(200)
    right = (out_of_fold(features, labels, groups, rng).argmax(axis=1) == labels).mean()
    assert right < 0.65 if grouped else right > 0.8


def test_confident_labels_by_hand() -> None:
    # Means of the given labels: 0.6 for class 0 (0.9, 0.6, 0.3), 0.7 for class 1 (0.7).
    labels = np.array([0, 0, 0, 1])
    probabilities = np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7], [0.3, 0.7]])
    assert confident_labels(labels, probabilities).tolist() == [0, 0, 1, 1]
    # Neither class reaches its mean: nobody is confident. A class that nobody has cannot be confident either.
    probabilities = np.array([[0.9, 0.1, 0], [0.1, 0, 0.9], [0.5, 0.5, 0], [0.2, 0.8, 0]])
    assert confident_labels(labels, probabilities).tolist() == [0, NO_LABEL, 0, 1]
    # Nor can one that the judge knows nothing of, whose mean is 0; those of the others are 0.7 and 0.8.
    probabilities = np.array([[0.9, 0.1, 0], [0.5, 0.5, 0], [0.2, 0.8, 0], [0.6, 0.4, 0]])
    assert confident_labels(np.array([0, 0, 1, 2]), probabilities).tolist() == [0, NO_LABEL, 1, NO_LABEL]


def test_a_class_of_few_faces_makes_no_suspects() -> None:
    rng = np.random.default_rng(3)
    labels = np.array([HAPPY, SAD] * 40 + [NEUTRAL] * 4)
    features = rng.normal(0, 1, (84, 5)).astype(np.float32)
    features[:80, 2] += np.where(labels[:80] == SAD, 1, -1)
    given = out_of_fold(features, labels, np.r_[:81, 80, 80, 81], rng)
    assert not given[:, NEUTRAL].any()
    data = in_splits({"Training": voted(labels.tolist(), [{}] * 84)})
    found = label_errors(data, given, "judge", ("Training",))
    assert found.suspects
    assert NEUTRAL not in {FER7.index(suspect.suggested) for suspect in found.suspects}
    assert sum(found.by_pair["neutral"].values()) == 0


def test_suspects_are_ordered_and_checked_by_votes() -> None:
    faces = voted(
        [HAPPY, HAPPY, SAD, SAD, SAD, HAPPY, NO_LABEL],
        [
            {"happiness": 10},
            {"sadness": 10},
            {"sadness": 10},
            {"neutral": 10},
            {"happiness": 5, "neutral": 5},
            {"happiness": 10},
            {},
        ],
    )
    probabilities = np.zeros((7, len(FER7)))
    happy = np.array([0.9, 0.2, 0.1, 0.7, 0.95, 0.9, 0.5])
    probabilities[:, HAPPY], probabilities[:, SAD] = happy, 1 - happy
    found = label_errors(in_splits({"PublicTest": faces}), probabilities, "a judge", ("PublicTest",))
    assert found.right == Proportion.of(3, 6)
    assert [(s.face.row, s.face.label, s.suggested, s.majority) for s in found.suspects] == [
        (4, "sad", "happy", None),
        (1, "happy", "sad", "sadness"),
        (3, "sad", "happy", "neutral"),
    ]
    assert found.suspects[0].p_suggested == pytest.approx(0.95)
    assert found.suspects[0].p_label == pytest.approx(0.05)
    assert (found.by_pair["sad"]["happy"], found.by_pair["happy"]["sad"]) == (2, 1)
    suspects, everybody = found.checks
    assert (suspects.faces, suspects.differs, suspects.suggested) == (3, Proportion.of(2, 2), Proportion.of(1, 2))
    assert (everybody.faces, everybody.differs, everybody.suggested) == (6, Proportion.of(2, 5), None)


def test_only_the_faces_of_the_judged_splits_are_suspect() -> None:
    parts = {"Training": voted([HAPPY] * 3, [{}] * 3), "PublicTest": voted([SAD, HAPPY, HAPPY], [{}] * 3)}
    probabilities = np.zeros((3, len(FER7)))
    probabilities[:, HAPPY] = [0.9, 0.8, 0.7]
    probabilities[:, SAD] = [0.1, 0.2, 0.3]
    found = label_errors(in_splits(parts), probabilities, "a judge", ("PublicTest",))
    assert [(suspect.face.split, suspect.face.row) for suspect in found.suspects] == [("PublicTest", 0)]
    assert found.checks == ()
