"""The whole audit of a data set."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._version import __version__
from mien.audit.agreement import Agreement, agreements
from mien.audit.class_balance import Composition, composition
from mien.audit.duplicates import Copies, copies, group_numbers
from mien.audit.label_errors import FOLDS, QUICK_CLASSIFIER, Judge, LabelErrors, label_errors, out_of_fold
from mien.audit.outliers import Oddities, face_features, oddities
from mien.data.collection import Collection
from mien.data.labelled_faces import NO_LABEL
from mien.errors import DataError, choose_from

SEED = 2013


@dataclass(frozen=True, slots=True)
class Audit:
    """What is in a data set and what is wrong with it.

    Attributes:
        data: The faces themselves; not part of `to_dict`.
        composition: Classes and light.
        copies: Exact and near duplicates.
        oddities: Pictures that may show no face.
        label_errors: Likely wrong labels, by judge: of the splits that a model judged, then of the others.
        unjudged: Why nobody judged the labels of the others; None where they were judged or there are none.
        agreements: Labels against FER+ votes, of each split that has votes.
    """

    data: Collection
    composition: Composition
    copies: Copies
    oddities: Oddities
    label_errors: tuple[LabelErrors, ...]
    unjudged: str | None
    agreements: tuple[Agreement, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts, ready for JSON."""
        return {
            "mien": __version__,
            "data": self.data.source,
            "faces": len(self.data),
            "splits": list(self.data.splits),
            "absent": self.data.absent,
            "composition": self.composition.to_dict(),
            "copies": self.copies.to_dict(),
            "oddities": self.oddities.to_dict(),
            "label_errors": [errors.to_dict() for errors in self.label_errors],
            "unjudged": self.unjudged,
            "agreements": [agreement.to_dict() for agreement in self.agreements],
        }


def audit(
    data: Collection, *, judge: Judge | None = None, seed: int = SEED, on_step: Callable[[str], object] = str
) -> Audit:
    """Looks at a data set from all sides.

    Args:
        data: What to look at.
        judge: Who judges the labels of the splits it has not seen. A quick classifier that is trained on the data
            itself, fold by fold, judges those of all others.
        seed: Of what the quick classifier is left to chance.
        on_step: Is told what comes next.

    Raises:
        DataError: If there are fewer than two faces, or the judge's unseen splits are not all among the data's.
    """
    if len(data) < 2:
        raise DataError(f"{data.source} has one face only; there is nothing to compare it with")
    unseen = judge.unseen if judge else ()
    for name in unseen:
        if name not in data.splits:
            raise DataError(choose_from("split in this data", name, data.splits))
    rng = np.random.default_rng(seed)
    on_step("Measuring light")
    composed = composition(data)
    on_step("Looking for copies")
    found = copies(data)
    on_step("Looking for odd pictures")
    features = face_features(data.faces.pixels, rng)
    odd = oddities(data, features)
    judged: list[LabelErrors] = []
    if judge and unseen:
        on_step(f"Asking {judge.name} about labels")
        probabilities = judge.classify(data.faces.pixels[data.within(unseen)])
        judged.append(label_errors(data, probabilities, judge.name, unseen))
    others = tuple(name for name in data.splits if name not in unseen)
    groups = group_numbers(data, found)
    unjudged = _why_not_out_of_fold(data.faces.fer7, groups) if others else None
    if others and unjudged is None:
        on_step("Judging labels fold by fold")
        probabilities = out_of_fold(features, data.faces.fer7, groups, rng)
        judged.append(label_errors(data, probabilities[data.within(others)], QUICK_CLASSIFIER, others))
    return Audit(data, composed, found, odd, tuple(judged), unjudged, agreements(data))


def _why_not_out_of_fold(labels: NDArray[np.int64], groups: NDArray[np.int64]) -> str | None:
    first = labels[np.unique(groups, return_index=True)[1]]
    faces = np.unique(first[first != NO_LABEL], return_counts=True)[1]
    if (faces >= 2 * FOLDS).sum() >= 2:
        return None
    return f"a classifier needs two classes of {2 * FOLDS} different faces or more to learn from"
