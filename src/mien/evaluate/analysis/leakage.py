"""Whether the images measured on are among those a model was trained or chosen on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.duplicates import Pairs, exact_duplicates, near_duplicates, training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint
from mien.expressions import FER7
from mien.model.facts import Manifest


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Images measured on that stand in other data, too.

    Attributes:
        exact: With the same pixels.
        near: With nearly the same pixels, and not exactly.
        conflicting: Of both, those of which any copy has another label.
    """

    exact: int
    near: int
    conflicting: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.exact + self.near


@dataclass(frozen=True, slots=True)
class Leakage:
    """What is known of how the images measured on relate to those behind the model.

    Attributes:
        images: Images measured on.
        trained_on: Whether exactly these images were trained on, by the model's manifest; None if it has none.
        validated_on: Whether exactly these images were validated on in training and may have served to choose; None
            likewise.
        verified: Whether the data given as the model's training data are those of its manifest, by hash; None if
            none were given or there is no manifest.
        in_given: Duplicates in the data given as training data; None if none were given.
        in_trained: Duplicates in what the model was trained on after it left some out; None unless `verified`.
        never_learned: Images measured on by label, of labels that no image trained on has; empty if there are none or
            there is no manifest.
    """

    images: int
    trained_on: bool | None
    validated_on: bool | None
    verified: bool | None
    in_given: Duplicates | None
    in_trained: Duplicates | None
    never_learned: Mapping[str, int]


def leakage(
    faces: LabelledFaces, manifest: Manifest | None, seen: LabelledFaces | None = None
) -> tuple[Leakage, NDArray[np.bool_] | None]:
    """Compares the images measured on with the model's manifest and with its training data.

    Args:
        faces: N images to measure on.
        manifest: What the model says of its data; None if it says nothing.
        seen: All that was there to train and choose on, before any was left out: what was trained on, then, where the
            images measured on are others, what was validated on.

    Returns:
        What is found, and which of `faces` have a duplicate in `seen`, of shape (N,); None without `seen`.
    """
    own = None if manifest is None else fingerprint(faces)
    used = None if seen is None or manifest is None else _trained_on(seen, faces, manifest)
    pairs = None if seen is None else _pairs(faces, seen)
    return (
        Leakage(
            images=len(faces),
            trained_on=None if manifest is None else own == manifest.training_sha256,
            validated_on=None if manifest is None else own == manifest.held_out_sha256,
            verified=None if seen is None or manifest is None else used is not None,
            in_given=None if seen is None or pairs is None else _count(faces, seen, pairs),
            in_trained=None if seen is None or pairs is None or used is None else _count(faces, seen, pairs, used),
            never_learned={} if manifest is None else _never_learned(faces, manifest.training_by_label),
        ),
        None if pairs is None else _marked(pairs, len(faces)),
    )


def _trained_on(seen: LabelledFaces, faces: LabelledFaces, manifest: Manifest) -> NDArray[np.bool_] | None:
    """Which of `seen` were trained on, where leaving out as the training did gives the manifest's hash; else None."""
    total = manifest.left_out.total
    if len(seen) < total:
        return None
    training, validation = seen[:total], seen[total:] if len(seen) > total else faces
    if fingerprint(validation) != manifest.held_out_sha256:
        return None
    keep, _ = training_rows_to_keep(training, validation)
    if fingerprint(training[keep]) != manifest.training_sha256:
        return None
    return np.concatenate([keep, np.zeros(len(seen) - total, dtype=np.bool_)])


def _never_learned(faces: LabelledFaces, learned: Mapping[str, int]) -> dict[str, int]:
    there = {label: int((faces.fer7 == position).sum()) for position, label in enumerate(FER7.labels)}
    return {label: count for label, count in there.items() if count and learned.get(label) == 0}


def _pairs(faces: LabelledFaces, others: LabelledFaces) -> tuple[Pairs, Pairs]:
    """Exact duplicates, and near ones, among which are most exact ones."""
    return exact_duplicates(faces.crops, others.crops), near_duplicates(faces.gray(), others.gray())


def _count(
    faces: LabelledFaces, others: LabelledFaces, pairs: tuple[Pairs, Pairs], among: NDArray[np.bool_] | None = None
) -> Duplicates:
    """Counts `faces` with a duplicate in `others`, or in the part `among` of them."""
    inside = [pair if among is None else _with(pair, among[pair.second]) for pair in pairs]
    conflicting = [_with(pair, faces.fer7[pair.first] != others.fer7[pair.second]) for pair in inside]
    is_exact, is_any = _marked(inside[:1], len(faces)), _marked(inside, len(faces))
    return Duplicates(
        exact=int(is_exact.sum()),
        near=int((is_any & ~is_exact).sum()),
        conflicting=int(_marked(conflicting, len(faces)).sum()),
    )


def _with(pairs: Pairs, chosen: NDArray[np.bool_]) -> Pairs:
    return Pairs(pairs.first[chosen], pairs.second[chosen])


def _marked(pairs: Sequence[Pairs], length: int) -> NDArray[np.bool_]:
    mask = np.zeros(length, dtype=np.bool_)
    for some in pairs:
        mask[some.first] = True
    return mask
