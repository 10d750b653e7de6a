"""What an audit found, in a sentence each."""

from collections import Counter
from collections.abc import Iterator

from mien.data.audit.audit import Audit
from mien.data.audit.collection import Reference
from mien.data.audit.copies import CopyCount


def findings(audit: Audit) -> tuple[str, ...]:
    """The findings in the order of the page."""
    return tuple(_findings(audit))


def _findings(audit: Audit) -> Iterator[str]:
    for split, counts in audit.composition.counts.items():
        present = {label: count for label, count in counts.items() if count}
        most, least = max(present, key=present.__getitem__), min(present, key=present.__getitem__)
        total, low, high = sum(present.values()), f"{present[least]:,} ({least})", f"{present[most]:,} ({most})"
        yield f"{split} has {total:,} faces; classes have {low} to {high}."
    for count in audit.copies.counts:
        if count.near:
            yield _copies(count)
    if not audit.copies.groups:
        yield "No face stands in the data twice."
    odd = audit.oddities
    yield f"Flat pictures: {_by_split(odd.flat)}."
    if odd.not_a_face is not None:
        yield f"Pictures that FER+ voters call no face: {_by_split(odd.not_a_face)}."
    for errors in audit.label_errors:
        yield (
            f"Suspect labels in {', '.join(errors.splits)}: {len(errors.suspects):,}, to a judge ({errors.judge}) that "
            f"finds {errors.right.value:.1%} of the labels right."
        )
    if audit.unjudged:
        yield f"Labels were not judged: {audit.unjudged}."
    for agreement in audit.agreements:
        overall, core4 = agreement.overall, agreement.core4
        yield (
            f"Label and FER+ majority agree for {overall.value:.1%} of {overall.n:,} faces of {agreement.split}, and "
            f"for {core4.value:.1%} of the {core4.n:,} where both are one of the core four."
        )


def _by_split(faces: tuple[Reference, ...]) -> str:
    counts = Counter(face.split for face in faces)
    return ", ".join(f"{count:,} in {split}" for split, count in counts.items()) or "none"


def _copies(count: CopyCount) -> str:
    place = "the same split" if count.split == count.other else count.other
    return (
        f"Faces of {count.split} with a copy in {place}: {count.near:,}, of them {count.exact:,} pixel for pixel. "
        f"Copies with another label: {count.near_other_label:,}, of them {count.exact_other_label:,} pixel for pixel."
    )
