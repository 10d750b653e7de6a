"""What a model was trained and watched on: counts, hashes and rules, saved with the model."""

from dataclasses import dataclass
from hashlib import sha256

from mien.data.duplicates import FLAT_BELOW, NEAR_DUPLICATE, NOT_A_FACE, LeftOut
from mien.data.labelled_faces import LabelledFaces
from mien.expressions import FER7


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about the data behind a model.

    Attributes:
        source: Name of the data set; empty if it is not known.
        training: Faces trained on.
        with_votes: How many of these have FER+ votes; where none has, the labels stood in for them.
        held_out: Faces that training was watched on.
        training_sha256: Hash of the crops, labels and votes trained on, in order.
        held_out_sha256: Likewise for the faces watched.
        training_by_label: Faces trained on by label.
        left_out: What was left out of training, by reason.
        near_duplicate_correlation: From which correlation on two pictures count as the same.
        flat_below: Under which standard deviation of pixels, in gray levels, a face counts as flat.
        not_a_face: When a face counts as none, in words.
    """

    source: str
    training: int
    with_votes: int
    held_out: int
    training_sha256: str
    held_out_sha256: str
    training_by_label: dict[str, int]
    left_out: LeftOut
    near_duplicate_correlation: float = NEAR_DUPLICATE
    flat_below: float = FLAT_BELOW
    not_a_face: str = NOT_A_FACE


def manifest(training: LabelledFaces, held_out: LabelledFaces, left_out: LeftOut) -> Manifest:
    """The facts about `training` (after `left_out` was left out) and `held_out`."""
    counts = {label: int((training.fer7 == position).sum()) for position, label in enumerate(FER7.labels)}
    return Manifest(
        source=training.source,
        training=len(training),
        with_votes=int(training.votes.any(axis=1).sum()),
        held_out=len(held_out),
        training_sha256=fingerprint(training),
        held_out_sha256=fingerprint(held_out),
        training_by_label=counts,
        left_out=left_out,
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
