"""What the page of an audit says, section by section."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np

from mien.audit.agreement import Agreement
from mien.audit.class_balance import SQUEEZED, UNLABELLED, Composition
from mien.audit.duplicates import Copies, CopyCount, CopyGroup
from mien.audit.label_errors import LabelErrors, Suspect
from mien.audit.pipeline import SEED, Audit
from mien.data.duplicates import FLAT_BELOW, NEAR_DUPLICATE
from mien.data.image_quality import MEASURES
from mien.data.labelled_faces import LabelledFaces, Reference
from mien.expressions import FER7
from mien.report.document import Block, Card, Draw, Faces, Heading, Items, Plot, Section, Table, Text
from mien.report.format import NONE, counted, percent, percent_sign, share_sign
from mien.report.html import page
from mien.report.pictures import SHEET_COLUMNS, SHEET_ROWS, class_sheet, png
from mien.report.plots import boxes, grouped_bars
from mien.stats import Proportion

SHOWN = 48
"""The most faces of a list that the page shows; the JSON has all."""

SHOWN_GROUPS = 24
"""The most groups of copies that the page shows."""

SHOWN_COPIES = 6
"""The most faces of a group that the page shows."""

_T = TypeVar("_T")


def lead(audit: Audit) -> tuple[Text, ...]:
    """What comes before all sections."""
    width, height = audit.composition.size_px
    words = (
        f"{len(audit.faces):,} faces, {width} × {height} pixels as read, of "
        f"{counted(len(_present(audit)), 'class', 'es')}, in {', '.join(audit.faces.splits)}. Labels name the apparent "
        "expression: what a face looks like to people, not what the person feels."
    )
    absent = audit.absent.items()
    return Text(words), *(Text(f"{name} is not part of this audit: {reason}.") for name, reason in absent)


def sections(audit: Audit, seed: int) -> tuple[Section, ...]:
    """All sections, in order; those of what the data lacks are left out."""
    parts: dict[str, Sequence[Block]] = {
        "What was found": [Items(findings(audit))],
        "Class balance": _balance(audit.composition),
        "Classes": _classes(audit.faces, seed),
        "Sizes of the pictures": _sizes(audit.composition),
        "Brightness, contrast and sharpness": _light(audit.composition),
        "Copies": _copies(audit.faces, audit.copies),
        "Pictures that may show no face": _odd(audit),
        "Likely label errors": _labels(audit),
        "Labels and FER+ votes": _votes(audit.agreements),
    }
    return tuple(Section(title, tuple(blocks)) for title, blocks in parts.items() if blocks)


def _present(audit: Audit) -> list[str]:
    return [light.group for light in audit.composition.light_by_label if light.group != UNLABELLED]


def _balance(found: Composition) -> list[Block]:
    totals = {split: sum(counts.values()) for split, counts in found.counts.items()}
    rows = [
        (label, *(cell for split, counts in found.counts.items() for cell in _part(counts[label], totals[split])))
        for label in found.labels
    ]
    rows.append(("all", *(cell for total in totals.values() for cell in (f"{total:,}", ""))))
    head = ("Class", *(name for split in totals for name in (split, "%")))
    draw = partial(grouped_bars, found.counts, "share of the split, %; number of faces at the bar")
    return [Plot(draw, "Share of each class in each split"), Table(head, tuple(rows))]


def _part(count: int, total: int) -> tuple[str, str]:
    return f"{count:,}", percent(count / total)


def _classes(faces: LabelledFaces, seed: int) -> list[Block]:
    """Each class that occurs."""
    rng = np.random.default_rng(seed)
    blocks: list[Block] = [
        Text(
            "The mean face of each split, its contrast stretched, and below it a sample drawn by chance from all "
            "splits."
        )
    ]
    for position, label in enumerate(FER7.labels):
        chosen = np.flatnonzero(faces.fer7 == position)
        sample = np.sort(rng.permutation(chosen)[: SHEET_COLUMNS * SHEET_ROWS])
        by_split = {name: chosen[faces.within([name])[chosen]] for name in faces.splits}
        means = {name: faces[part].gray() for name, part in by_split.items() if len(part)}
        if means:
            draw = partial(class_sheet, list(means.values()), faces[sample].gray())
            caption = (
                f"{label}, {counted(len(chosen), 'face')}: the mean of {' and of '.join(means)}; {len(sample)} of them"
            )
            blocks.append(Plot(draw, caption))
    return blocks


def _sizes(found: Composition) -> list[Block]:
    if not found.sizes:
        return []
    width, height = found.size_px
    words = (
        f"Before they were made {width} × {height} pixels. Those that were smaller were enlarged and lack detail; "
        f"those that are not square, by a ratio of {SQUEEZED} or more, were squeezed."
    )
    rows = tuple(
        (s.split, _middle(s.width), _middle(s.height), f"{s.enlarged.count:,}", f"{s.squeezed.count:,}")
        for s in found.sizes
    )
    head = ("Split", "Width", "Height", "too small", "not square")
    return [Text(words), Table(head, rows, "Median, and 5 to 95 per cent, in pixels")]


def _light(found: Composition) -> list[Block]:
    words = (
        "Brightness is the mean gray level of a face, contrast the standard deviation of its gray levels, sharpness "
        "that of its Laplacian (blurred or enlarged faces have little). Boxes hold the middle half of the faces, the "
        "thick line is the median, whiskers end at 5 and 95 per cent. Splits come first, then classes."
    )
    rows = tuple(
        (group.group, *(_middle(getattr(group, measure)) for measure in MEASURES))
        for group in found.light_by_split + found.light_by_label
    )
    head = ("Faces", *(measure.capitalize() for measure in MEASURES))
    plots = (Plot(_boxes(found, m), f"{m.capitalize()} by split and class") for m in MEASURES)
    return [Text(words), *plots, Table(head, rows, "Median, and 5 to 95 per cent, in gray levels")]


def _boxes(found: Composition, measure: str) -> Draw:
    groups = {group.group: getattr(group, measure) for group in (*found.light_by_split, *found.light_by_label)}
    return partial(boxes, groups, f"{measure}, gray levels", apart=len(found.light_by_split))


def _copies(faces: LabelledFaces, found: Copies) -> list[Block]:
    words = (
        f"Two faces are copies where their pixels are the same, or correlate by {NEAR_DUPLICATE} or more (another "
        "brightness, contrast or compression of one picture). Flat pictures are left out, and mirrored copies are not "
        "looked for. A copy has another label where the nearest one has, of equally near ones the first. Test images "
        "that stand in the training data make figures too good."
    )
    if not found.groups:
        return [Text(words), Text("There are none.")]
    rows = tuple(
        (
            f"{c.split}, in {'itself' if c.other == c.split else c.other}",
            *(f"{n:,}" for n in (c.exact, c.exact_other_label, c.near, c.near_other_label)),
        )
        for c in found.counts
    )
    head = ("Faces of, with a copy", "same pixels", "other label", "same or nearly", "other label")
    conflicting = [group for group in found.groups if group.conflicting]
    groups = (
        f"They form {len(found.groups):,} groups, {sum(group.across for group in found.groups):,} of them across "
        f"splits and {len(conflicting):,} with more than one label. Without all but one face of each group, "
        f"{len(faces) - found.spare:,} faces are left."
    )
    several = _gallery("One picture, several labels", conflicting, partial(_group, faces), SHOWN_GROUPS)
    return [Text(words), Table(head, rows), Text(groups), *(several if conflicting else [])]


def _odd(audit: Audit) -> list[Block]:
    odd, picture = audit.oddities, partial(_face, audit.faces)
    unlike = (
        f"The {len(odd.unlike)} pictures whose edges and shades are farthest from those of all others: some show no "
        "face, others a profile, a hand before the face, writing or a bad crop."
    )
    blocks = _gallery(f"Flat: a contrast below {FLAT_BELOW:g} gray level", odd.flat, picture)
    if odd.not_a_face is not None:
        blocks += _gallery("Called no face by more FER+ voters than anything else", odd.not_a_face, picture)
        unlike += f" Voters call {odd.unlike_called_no_face} of them no face."
    heading, *faces = _gallery("Least like the others", odd.unlike, picture)
    return [*blocks, heading, Text(unlike), *faces]


def _labels(audit: Audit) -> list[Block]:
    blocks: list[Block] = [
        Text(
            "A judge that has not seen the faces gives each a probability for each label. A label is suspect where "
            "another one is confident (at least as probable as it is, on average, for the faces that carry it) and "
            "the face's own is not the most probable (confident learning; Northcutt et al., 2021). The likeliest "
            "errors come first."
        )
    ]
    if audit.unjudged:
        blocks.append(Text(f"The labels of the splits that no model judged were not judged: {audit.unjudged}."))
    for errors in audit.label_errors:
        blocks += _judged(audit, errors)
    return blocks


def _judged(audit: Audit, errors: LabelErrors) -> list[Block]:
    words = (
        f"Judge: {errors.judge}. It gives {_share(errors.right)} of {errors.right.n:,} faces the label they have. The "
        "lower that share, the more of its suspects are its own errors: read them from the top, and let people decide."
    )
    present = _present(audit)
    pairs = {
        label: {other: row[other] for other in present} for label, row in errors.by_pair.items() if label in present
    }
    title = f"{', '.join(errors.splits)}: {len(errors.suspects):,} suspects"
    heading, *cards = _gallery(title, errors.suspects, partial(_suspect, audit.faces, voted=bool(errors.checks)))
    crossed = [_crossed(pairs, "Suspects by label (row) and suggestion (column)")] if errors.suspects else []
    return [heading, Text(words), *_checks(errors), *crossed, *cards]


def _checks(errors: LabelErrors) -> list[Table]:
    if not errors.checks:
        return []
    names = [*["first {:,} suspects"] * (len(errors.checks) - 2), "all {:,} suspects", "all {:,} judged"]
    rows = tuple(
        (
            name.format(check.faces),
            f"{check.differs.n:,}",
            _share(check.differs),
            _share(check.suggested),
        )
        for name, check in zip(names, errors.checks, strict=True)
    )
    head = ("Faces", "with majority", "it is not the label", "it is the suggestion")
    return [Table(head, rows, "What the FER+ majority says, where there is one, and 95 % interval")]


def _votes(found: Sequence[Agreement]) -> list[Block]:
    if not found:
        return []
    words = (
        "Ten people voted on each face of FER2013 for FER+ (Barsoum et al., 2016). Single votes do not count; a face "
        'has a majority where one expression has strictly more votes than every other answer, "unknown" and "no face" '
        "included."
    )
    return [Text(words), *(block for agreement in found for block in _agreement(agreement))]


def _agreement(found: Agreement) -> list[Block]:
    words = (
        f"Label and majority agree for {_share(found.overall)} of {found.overall.n:,} faces; where both are one of the "
        f"core four, for {_share(found.core4)} of {found.core4.n:,}."
    )
    nobody = Proportion.of(0, 0)
    rows = tuple(
        (label, *_counted(share), *_counted(found.core4_by_label.get(label, nobody)))
        for label, share in found.by_label.items()
    )
    caption = "Share of each label's faces whose majority agrees and 95 % interval"
    return [
        Heading(found.split),
        Text(words),
        Table(("Label", "all seven", "n", "core four", "n"), rows, caption),
        _crossed(found.table, "Faces by label (row) and majority (column)"),
    ]


def _crossed(table: Mapping[str, Mapping[str, int]], caption: str) -> Table:
    """Counts by two things; each cell is as dark as its share of its row."""
    rows = tuple((name, *(f"{count:,}" if count else "" for count in row.values())) for name, row in table.items())
    shades = tuple(tuple(count / (sum(row.values()) or 1) for count in row.values()) for row in table.values())
    return Table(("Label", *next(iter(table.values()))), rows, caption, shades)


def _gallery(title: str, found: Sequence[_T], card: Callable[[_T], Card], shown: int = SHOWN) -> list[Block]:
    """A heading, then the first of what was found."""
    if not found:
        return [Heading(title), Text("None.")]
    more = [Text(f"The first {shown} of {len(found):,}; the JSON has all.")] if len(found) > shown else []
    return [Heading(title), Faces(tuple(map(card, found[:shown]))), *more]


def _face(faces: LabelledFaces, face: Reference) -> Card:
    return Card((partial(png, faces.crops[face.position]),), face.label or UNLABELLED, (face.split, face.place))


def _group(faces: LabelledFaces, group: CopyGroup) -> Card:
    shown, rest = group.faces[:SHOWN_COPIES], len(group.faces) - SHOWN_COPIES
    labels = ", ".join(f"{label} × {count}" for label, count in group.labels.items())
    places = [f"{face.split} {face.place}: {face.label or UNLABELLED}" for face in shown]
    pictures = (partial(png, faces.crops[face.position]) for face in shown)
    return Card(tuple(pictures), labels, (*places, *([f"and {rest} more"] if rest > 0 else [])))


def _suspect(faces: LabelledFaces, suspect: Suspect, *, voted: bool) -> Card:
    face = _face(faces, suspect.face)
    votes = [f"votes: {suspect.majority or 'undecided'}"] if voted else []
    judged = f"not {suspect.face.label} {percent_sign(suspect.p_label, 0)}"
    return Card(
        face.pictures, f"{suspect.suggested} {percent_sign(suspect.p_suggested, 0)}", (judged, *votes, *face.details)
    )


def _counted(share: Proportion) -> tuple[str, str]:
    return (_share(share), f"{share.n:,}") if share.n else (NONE, NONE)


def _share(share: Proportion | None) -> str:
    return share_sign(share if share and share.n else None)


def _middle(percentiles: Sequence[float]) -> str:
    return f"{percentiles[2]:.0f} ({percentiles[0]:.0f} to {percentiles[4]:.0f})"


def html_page(audit: Audit, *, seed: int = SEED) -> str:
    """The audit as an HTML document; `seed` chooses the sample of each class."""
    return page(f"Audit of {Path(audit.source).name}", lead(audit), sections(audit, seed))


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
            yield _copy_count(count)
    if not audit.copies.groups:
        yield "No face stands in the data twice."
    odd = audit.oddities
    yield f"Flat pictures: {_by_split(odd.flat)}."
    if odd.not_a_face is not None:
        yield f"Pictures that FER+ voters call no face: {_by_split(odd.not_a_face)}."
    for errors in audit.label_errors:
        yield (
            f"Suspect labels in {', '.join(errors.splits)}: {len(errors.suspects):,}, to a judge ({errors.judge}) that "
            f"finds {percent_sign(errors.right.value)} of the labels right."
        )
    if audit.unjudged:
        yield f"Labels were not judged: {audit.unjudged}."
    for agreement in audit.agreements:
        overall, core4 = agreement.overall, agreement.core4
        yield (
            f"Label and FER+ majority agree for {percent_sign(overall.value)} of {overall.n:,} faces of "
            f"{agreement.split}, and for {percent_sign(core4.value)} of the {core4.n:,} where both are one of the core "
            "four."
        )


def _by_split(faces: tuple[Reference, ...]) -> str:
    counts = Counter(face.split for face in faces)
    return ", ".join(f"{count:,} in {split}" for split, count in counts.items()) or "none"


def _copy_count(count: CopyCount) -> str:
    place = "the same split" if count.split == count.other else count.other
    return (
        f"Faces of {count.split} with a copy in {place}: {count.near:,}, of them {count.exact:,} pixel for pixel. "
        f"Copies with another label: {count.near_other_label:,}, of them {count.exact_other_label:,} pixel for pixel."
    )
