"""What a model was trained and validated on: counts, hashes and rules, saved with the model."""

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from mien.data.duplicates import FLAT_BELOW, NEAR_DUPLICATE, NOT_A_FACE
from mien.data.labelled_faces import LabelledFaces
from mien.expressions import FER7, FERPLUS8, ExpressionSet
from mien.model.facts import LeftOut, Manifest


def manifest(training: LabelledFaces, validation: LabelledFaces, left_out: LeftOut) -> Manifest:
    """The facts about `training` (after `left_out` was left out) and `validation`."""
    majority = training.with_votes_from_labels().majority()
    return Manifest(
        source=training.source,
        training=len(training),
        with_votes=int(training.votes.any(axis=1).sum()),
        held_out=len(validation),
        training_sha256=fingerprint(training),
        held_out_sha256=fingerprint(validation),
        training_by_label=_counts(FER7, training.fer7),
        training_by_majority=_counts(FERPLUS8, majority),
        left_out=left_out,
        near_duplicate_correlation=NEAR_DUPLICATE,
        flat_below=FLAT_BELOW,
        not_a_face=NOT_A_FACE,
    )


def fingerprint(faces: LabelledFaces) -> str:
    """SHA-256 over crops, labels and votes, in order; over the shapes of the crops, too, where they differ."""
    digest = sha256()
    shapes = faces.crops.shapes
    if len(set(shapes)) > 1:
        digest.update(repr(shapes).encode())
    for crop in faces.crops:
        digest.update(crop.tobytes())
    for array in (faces.fer7, faces.votes):
        digest.update(array.tobytes())
    return digest.hexdigest()


def _counts(expressions: ExpressionSet, positions: NDArray[np.int64]) -> dict[str, int]:
    return {label: int((positions == position).sum()) for position, label in enumerate(expressions.labels)}
