"""Whether what a model is measured on is what it was trained on."""

from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.crops import Crops
from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.evaluate.analysis.leakage import Duplicates, leakage
from mien.model.facts import Manifest


def noise(count: int, seed: int) -> LabelledFaces:
    """Labels and votes of drawn faces, but pictures of which no two are alike."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)
    return replace(drawn_faces(count, seed), crops=Crops(pixels))


TRAINING, WATCHED, OTHERS = noise(40, seed=5), noise(12, seed=6), noise(10, seed=7)


def copied(faces: LabelledFaces, into: LabelledFaces, *, relabelled: bool = False) -> LabelledFaces:
    """`into`, whose first faces are copies of the first two of `faces`: one exactly, one nearly."""
    pixels, labels = into.gray().copy(), into.fer7.copy()
    pixels[0], pixels[1] = faces.gray()[0], faces.gray()[1]
    pixels[1, 0, 0] ^= 1
    labels[:2] = faces.fer7[:2]
    if relabelled:
        labels[1] = (labels[1] + 1) % 7
    return replace(into, crops=Crops(pixels), fer7=labels)


def facts(training: LabelledFaces, watched: LabelledFaces) -> Manifest:
    keep, left_out = training_rows_to_keep(training, watched)
    return manifest(training[keep], watched, left_out)


def test_the_images_behind_a_model_are_known_by_their_hash() -> None:
    known = facts(TRAINING, WATCHED)
    on_watched, _ = leakage(WATCHED, known)
    assert (on_watched.trained_on, on_watched.validated_on) == (False, True)
    on_training, _ = leakage(TRAINING, known)
    assert (on_training.trained_on, on_training.validated_on) == (True, False)
    on_others, duplicated = leakage(OTHERS, known)
    assert (on_others.trained_on, on_others.validated_on, on_others.verified, on_others.in_given) == (
        False,
        False,
        None,
        None,
    )
    assert duplicated is None


def test_a_model_that_says_nothing_is_not_known() -> None:
    found, duplicated = leakage(OTHERS, None, TRAINING)
    assert (found.trained_on, found.validated_on, found.verified, found.in_trained) == (None, None, None, None)
    assert found.in_given == Duplicates(0, 0, 0)
    assert duplicated is not None
    assert not duplicated.any()


def test_copies_that_were_left_out_of_training_are_in_the_data_but_not_in_what_was_trained_on() -> None:
    training = copied(WATCHED, TRAINING, relabelled=True)
    found, duplicated = leakage(WATCHED, facts(training, WATCHED), training)
    assert found.verified
    assert found.in_given == Duplicates(exact=1, near=1, conflicting=1)
    assert found.in_trained == Duplicates(0, 0, 0)
    assert duplicated is not None
    assert np.flatnonzero(duplicated).tolist() == [0, 1]


def test_images_not_watched_leak_where_training_did_not_know_them() -> None:
    training = copied(OTHERS, TRAINING)
    seen = LabelledFaces.concatenate([training, WATCHED])
    found, _ = leakage(OTHERS, facts(training, WATCHED), seen)
    assert found.verified
    assert found.in_given == found.in_trained == Duplicates(exact=1, near=1, conflicting=0)
    assert found.in_given is not None
    assert found.in_given.total == 2


@pytest.mark.parametrize("seen", [TRAINING[:-1], TRAINING[::-1], LabelledFaces.concatenate([WATCHED, TRAINING])])
def test_other_data_are_not_those_of_the_manifest(seen: LabelledFaces) -> None:
    found, _ = leakage(WATCHED, facts(TRAINING, WATCHED), seen)
    assert found.verified is False
    assert found.in_trained is None
    assert found.in_given is not None
