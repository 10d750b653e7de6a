from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.crops import Crops
from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint, manifest

FACES = drawn_faces(8, seed=0)
VALIDATION = drawn_faces(4, seed=1)


def test_a_manifest_counts_what_is_trained_on() -> None:
    keep, left_out = training_rows_to_keep(FACES, VALIDATION)
    assert keep.all()
    found = manifest(replace(FACES, source="drawn"), VALIDATION, left_out)
    assert (found.source, found.training, found.with_votes, found.held_out) == ("drawn", 8, 8, 4)
    assert found.training_by_label == dict.fromkeys(found.training_by_label, 0) | dict.fromkeys(
        ("happy", "sad", "surprise", "neutral"), 2
    )
    assert sum(found.training_by_majority.values()) == 8
    assert (found.left_out.total, found.left_out.kept) == (8, 8)
    assert (found.training_sha256, found.held_out_sha256) == (fingerprint(FACES), fingerprint(VALIDATION))


def test_without_votes_labels_stand_in_for_them() -> None:
    unvoted = replace(FACES, votes=np.zeros_like(FACES.votes))
    found = manifest(unvoted, VALIDATION, training_rows_to_keep(unvoted, VALIDATION)[1])
    assert found.with_votes == 0
    assert found.training_by_majority["happiness"] == 2


@pytest.mark.parametrize(
    "other",
    [
        FACES[::-1],
        FACES[:-1],
        replace(FACES, fer7=FACES.fer7[::-1]),
        replace(FACES, votes=FACES.votes + 1),
        replace(FACES, crops=Crops([*FACES.crops[:-1], np.zeros((48, 48), dtype=np.uint8)])),
    ],
    ids=["another order", "fewer", "other labels", "other votes", "another picture"],
)
def test_a_fingerprint_changes_with_all_that_is_learned_from(other: LabelledFaces) -> None:
    assert fingerprint(other) != fingerprint(FACES)
    assert fingerprint(FACES) == fingerprint(replace(FACES, source="elsewhere"))


def test_a_fingerprint_knows_the_shapes_of_crops() -> None:
    crop = np.arange(12, dtype=np.uint8)
    tall, wide = crop.reshape(4, 3), crop.reshape(3, 4)
    one, other = (replace(FACES[:2], crops=Crops(crops)) for crops in ([tall, wide], [wide, tall]))
    assert fingerprint(one) != fingerprint(other)
