"""The whole audit of a data set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._version import __version__
from mien.audit.agreement import Agreement, agreements
from mien.audit.class_balance import Composition, composition
from mien.audit.duplicates import Copies, copies, group_numbers
from mien.audit.label_errors import DIGITS, FOLDS, QUICK_CLASSIFIER, LabelErrors, LabelJudge, label_errors, out_of_fold
from mien.audit.outliers import Oddities, face_features, oddities
from mien.data.dataset import Dataset
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.data.split import Split
from mien.errors import DataError, choose_from
from mien.results import to_jsonable

SEED = 2013


@dataclass(frozen=True, slots=True)
class Audit:
    """What is in a data set and what is wrong with it.

    Attributes:
        faces: The faces themselves; not part of `to_dict`.
        source: Where they are from.
        absent: Why a split is not among them, by its name.
        composition: Classes and light.
        copies: Exact and near duplicates.
        oddities: Pictures that may show no face.
        label_errors: Likely wrong labels, by judge: of the splits that a model judged, then of the others.
        unjudged: Why nobody judged the labels of the others; None where they were judged or there are none.
        agreements: Labels against FER+ votes, of each split that has votes.
    """

    faces: LabelledFaces
    source: str
    absent: Mapping[str, str]
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
            "data": self.source,
            "faces": len(self.faces),
            "splits": list(self.faces.splits),
            "absent": dict(self.absent),
            "composition": self.composition.to_dict(),
            "copies": self.copies.to_dict(),
            "oddities": self.oddities.to_dict(),
            "label_errors": [errors.to_dict() for errors in self.label_errors],
            "unjudged": self.unjudged,
            "agreements": to_jsonable(self.agreements, DIGITS),
        }


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How a data set is looked at.

    Attributes:
        splits: Which splits to look at; each must be there. None looks at all that can be read, and keeps for each
            other why it could not.
        judge: Who judges the labels of the splits it has not seen. A quick classifier that is trained on the data
            itself, fold by fold, judges those of all others.
        seed: Of what the quick classifier is left to chance.
        on_step: Is told what comes next.
    """

    splits: tuple[Split, ...] = ()
    judge: LabelJudge | None = None
    seed: int = SEED
    on_step: Callable[[str], object] = str


def audit(dataset: Dataset, options: AuditOptions = AuditOptions()) -> Audit:
    """Looks at a data set from all sides.

    Raises:
        DataError: If a split that was asked for cannot be read, or none can; if there are fewer than two faces; or if
            the judge's unseen splits are not all among them.
        MissingExtra: As `mien.data.dataset.Dataset.read`.
    """
    parts: list[LabelledFaces] = []
    absent: dict[str, str] = {}
    options.on_step("Reading faces")
    for split in options.splits or tuple(dataset.splits) or (None,):
        try:
            parts.append(dataset.read(split))
        except DataError as fault:
            if options.splits or split is None:
                raise
            absent[dataset.splits[split]] = str(fault)
    if not parts:
        raise DataError(next(iter(absent.values())))
    if judge := options.judge:
        options = replace(options, judge=replace(judge, unseen=tuple(n for n in judge.unseen if n not in absent)))
    found = audit_faces(LabelledFaces.concatenate(parts), options, folder=dataset.path)
    return replace(found, source=str(dataset.path), absent=absent)


def audit_faces(faces: LabelledFaces, options: AuditOptions = AuditOptions(), *, folder: Path | None = None) -> Audit:
    """As `audit`, of faces that were read already.

    Args:
        faces: What to look at; their splits must be known.
        options: As for `audit`, but for `splits`: all are looked at.
        folder: Holds the files of the faces, where they have any; their sizes are then part of what is found.
    """
    if len(faces) < 2:
        raise DataError(f"{faces.source or 'the data'} has one face only; there is nothing to compare it with")
    judge, unseen = options.judge, options.judge.unseen if options.judge else ()
    for name in unseen:
        if name not in faces.splits:
            raise DataError(choose_from("split in this data", name, faces.splits))
    gray, rng = faces.gray(), np.random.default_rng(options.seed)
    options.on_step("Measuring light")
    composed = composition(faces, gray, folder)
    options.on_step("Looking for copies")
    found = copies(faces, gray)
    options.on_step("Looking for odd pictures")
    features = face_features(gray, rng)
    odd = oddities(faces, gray, features)
    judged: list[LabelErrors] = []
    if judge and unseen:
        options.on_step(f"Asking {judge.name} about labels")
        probabilities = judge.classify(faces.crops[faces.within(unseen)])
        judged.append(label_errors(faces, probabilities, judge.name, unseen))
    others = tuple(name for name in faces.splits if name not in unseen)
    groups = group_numbers(len(faces), found)
    unjudged = _why_not_out_of_fold(faces.fer7, groups) if others else None
    if others and unjudged is None:
        options.on_step("Judging labels fold by fold")
        probabilities = out_of_fold(features, faces.fer7, groups, rng)
        judged.append(label_errors(faces, probabilities[faces.within(others)], QUICK_CLASSIFIER, others))
    return Audit(faces, faces.source, {}, composed, found, odd, tuple(judged), unjudged, agreements(faces))


def _why_not_out_of_fold(labels: NDArray[np.int64], groups: NDArray[np.int64]) -> str | None:
    first = labels[np.unique(groups, return_index=True)[1]]
    faces = np.unique(first[first != NO_LABEL], return_counts=True)[1]
    if (faces >= 2 * FOLDS).sum() >= 2:
        return None
    return f"a classifier needs two classes of {2 * FOLDS} different faces or more to learn from"
