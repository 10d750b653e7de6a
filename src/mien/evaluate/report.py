"""An evaluation as a report: its sections, for one HTML page or for Markdown."""

from collections.abc import Mapping
from functools import partial

import numpy as np

from mien.evaluate.analysis.confusions import Confusions, confusions, happy_position
from mien.evaluate.analysis.examples import Gallery, Shown
from mien.evaluate.analysis.invariance import Invariance
from mien.evaluate.analysis.leakage import Duplicates
from mien.evaluate.analysis.robustness import SEVERITIES, Robustness
from mien.evaluate.analysis.selective import Certainty, UncertainMark
from mien.evaluate.analysis.slices import Part, Slices
from mien.evaluate.comparison import Comparison
from mien.evaluate.evaluation import Analysis, Evaluation, Result
from mien.evaluate.protocols import P2, P2B
from mien.report import html, plots
from mien.report import markdown as as_markdown
from mien.report.document import Block, Card, Draw, Faces, Heading, Items, Plot, Section, Table, Text
from mien.report.format import (
    count,
    first_upper,
    nats,
    nats_difference,
    p_value,
    percent,
    percent_sign,
    points_with_interval,
    share,
    share_sign,
)
from mien.report.pictures import heat_map, png
from mien.report.plots import Curve

FLIP = "flip: probabilities averaged over the face and its mirror image."
"""Explains the word in every table."""

_HEAD = ("Accuracy %", "Balanced accuracy %", "Macro-F1 %", "Calibration error %", "NLL", "KL to votes")
_MOST_PAIRS = 12


def html_page(evaluation: Evaluation) -> str:
    """The report as one HTML file."""
    return html.page(title(evaluation), lead(evaluation), sections(evaluation))


def markdown(evaluation: Evaluation) -> str:
    """The report as Markdown: its words and tables, without the pictures."""
    return as_markdown.markdown(title(evaluation), lead(evaluation), sections(evaluation))


def title(evaluation: Evaluation) -> str:
    """What was measured on what: `base on FER2013, PublicTest`."""
    return f"{evaluation.model} on {', '.join(filter(None, (evaluation.data, evaluation.split)))}"


def lead(evaluation: Evaluation) -> tuple[Text, ...]:
    """What nobody may overlook."""
    return (Text(first_upper(f"{evaluation.caution}."), caution=True),) if evaluation.caution else ()


def sections(evaluation: Evaluation) -> tuple[Section, ...]:
    """All sections, in order; those of what was not asked for are left out."""
    plain = {result.protocol.code: result for result in evaluation.plain_results}
    parts = [
        _metrics(evaluation),
        *(_protocol(analysis, plain[analysis.protocol]) for analysis in evaluation.analyses),
        _faces(evaluation.gallery),
        _robustness(evaluation.robustness),
        _leakage(evaluation),
        _comparison(evaluation),
        _invariance(evaluation.invariance),
    ]
    return tuple(part for part in parts if part)


def notes(evaluation: Evaluation) -> list[str]:
    """What else is to be known of the figures, a sentence each, beginning with what they rest on."""
    found = evaluation.leakage
    lines = [never_learned(found.never_learned)] if found.never_learned else []
    lines += [nothing_left(evaluation.only_duplicates)] if evaluation.only_duplicates else []
    lines += [_precision_note(result) for result in evaluation.plain_results if result.protocol in (P2, P2B)]
    lines += [_mark_note(code, mark) for code, mark in evaluation.marks.items()]
    lines += [_comparison_note(evaluation, compared) for compared in evaluation.comparisons]
    if worse := evaluation.robustness:
        lines.append(
            f"{worse.protocol}, {count(worse.images)} faces: {share_sign(worse.clean)} as they are, "
            f"{percent_sign(worse.mean)} on average when made worse in {len(worse.corruptions)} ways"
        )
    if same := evaluation.invariance:
        lines.append(
            f"Invariance: greatest difference {same.greatest_difference:.2g} over {len(same.rows)} ways of asking "
            f"about {same.images} faces; {'within' if same.holds else 'OVER'} {same.tolerance:g}"
        )
    return lines


def _precision_note(result: Result) -> str:
    """Share of the answers of each class that are right."""
    classes = confusions(result.metrics.labels, np.array(result.metrics.confusion.value)).classes
    return f"{result.protocol.code}, precision: {', '.join(f'{c.label} {share_sign(c.precision)}' for c in classes)}"


def _mark_note(code: str, mark: UncertainMark) -> str:
    promised = f"; at most {percent_sign(mark.promised, 0)} are promised" if mark.promised is not None else ""
    if not mark.certain.count:
        return f"{code}: all answers are marked uncertain{promised}"
    wrong = share_sign(mark.certain_accuracy.complement)
    return f"{code}: {share_sign(mark.certain)} of the answers are not uncertain, of which {wrong} are wrong{promised}"


def nothing_left(protocols: tuple[str, ...]) -> str:
    """What must be known where protocols, by their codes, have no image without a duplicate."""
    return (
        f"Every image of {', '.join(protocols)} has a duplicate in the data given as training data, "
        "so nothing is measured without duplicates."
    )


def never_learned(images: Mapping[str, int]) -> str:
    """What must be known where the model has learned nothing of some labels; images by label, not empty."""
    labels = ", ".join(f"{label} ({count(number)} images here)" for label, number in images.items())
    return f"By its manifest, the model was trained on no face labelled {labels}; it is unlikely to predict it."


def targets_note(evaluation: Evaluation) -> str:
    """What is taken as right."""
    if evaluation.is_of_fer2013:
        return (
            "P1 and P1c take FER2013's label as the truth, P2, P2b and P4 the majority of FER+'s voters, P3 FER2013's "
            "seven labels. P2b is P2 by a balanced prior, as if each expression were as frequent."
        )
    return f"The truth is the labels of {evaluation.data}, not FER2013's."


def _metrics(evaluation: Evaluation) -> Section:
    words = (
        f"{title(evaluation)}. In per cent, NLL and KL in nats, with 95 % intervals. {first_upper(FLIP)} "
        f"{targets_note(evaluation)} All further sections are of plain answers to all images."
    )
    left_out = [f"{code} is not measured: {reason}." for code, reason in evaluation.not_measured.items()]
    hashes = {"model": evaluation.model_sha256, "faces": evaluation.data_sha256}
    known = ", ".join(f"of the {what}: {value}" for what, value in hashes.items() if value)
    made = f"Measured by mien {evaluation.version}; SHA-256 {known}."
    return Section("Figures", (Text(words), *_results(evaluation), Items((*left_out, made))))


def _results(evaluation: Evaluation) -> tuple[Table, ...]:
    captions = {False: "All images", True: "Images without a duplicate among those seen before"}
    tables = []
    for without_duplicates, caption in captions.items():
        lines = tuple(
            ("flip" if r.flip_averaged else f"{r.protocol.code} {r.protocol.name}", *_cells(r))
            for r in evaluation.results
            if r.without_duplicates is without_duplicates
        )
        tables += [Table(("Protocol", "n", *_HEAD), lines, caption)] if lines else []
    return tuple(tables)


def _cells(result: Result) -> tuple[str, ...]:
    m = result.metrics
    shares = (m.accuracy, m.balanced_accuracy, m.macro_f1, m.calibration_error)
    return (count(m.n), *map(share, shares), nats(m.negative_log_likelihood), nats(m.kl_to_votes))


def _protocol(analysis: Analysis, result: Result) -> Section:
    matrix, found = result.metrics.confusion.value, analysis.confusions
    draw = partial(plots.confusion_matrix, np.array(matrix), result.metrics.labels)
    rows = tuple((label, *map(count, row)) for label, row in zip(result.metrics.labels, matrix, strict=True))
    numbers = Table(("Truth", *result.metrics.labels), rows, "Images by truth and answer")
    blocks: list[Block] = [
        Text(f"{count(analysis.images)} images."),
        Plot(partial(draw, normalized=False), "Images by truth and answer", numbers=numbers),
        Plot(partial(draw, normalized=True), "The same in per cent of each true class"),
        _classes(found, result),
        *_happy(found, result.metrics.labels),
        _pairs(found),
        *_certainty(analysis.certainty),
        *(_slices(some) for some in analysis.slices),
    ]
    return Section(f"{analysis.protocol} {analysis.name}", tuple(blocks))


def _classes(found: Confusions, result: Result) -> Table:
    rows = tuple(
        (c.label, count(c.images), count(c.called), share(result.metrics.recall.get(c.label)), share(c.precision))
        for c in found.classes
    )
    return Table(("Class", "Images", "Called so", "Recall %", "Precision %"), rows, "Classes")


def _pairs(found: Confusions) -> Table:
    lines = tuple(
        (
            f"{way.truth} → {way.answer}",
            count(way.images),
            share(way.share),
            share(pair.share_of_errors) if first else "",
        )
        for pair in found.pairs[:_MOST_PAIRS]
        for first, way in zip((True, False), pair.ways, strict=False)
        if way.images
    )
    head = ("Truth → answer", "Images", "Of the class %", "Pair, of all errors %")
    caption = "What is taken for what: sad and neutral, then by number"
    cut = f"; {_MOST_PAIRS} of {len(found.pairs)} pairs" if len(found.pairs) > _MOST_PAIRS else ""
    return Table(head, lines, caption + cut)


def _happy(found: Confusions, labels: tuple[str, ...]) -> tuple[Block, ...]:
    if not found.wrongly_happy:
        return () if happy_position(labels) is None else (Text("Nothing is wrongly called happy."),)
    lines = tuple((way.truth, count(way.images), share(way.share)) for way in found.wrongly_happy)
    return (Table(("Truth", "Images", "Of the class %"), lines, "What is wrongly called happy"),)


def _certainty(found: Certainty) -> tuple[Block, ...]:
    curve, bins = found.risk_coverage, found.reliability
    reliability = Curve([each.confidence for each in bins], [each.accuracy for each in bins])
    risk = Curve([point.coverage for point in curve.points], [point.risk for point in curve.points])
    binned = tuple((percent(each.confidence), count(each.images), share(each.accuracy)) for each in bins)
    points = tuple(
        (f"{point.coverage * 100:.0f}", percent(point.support), share(point.risk)) for point in curve.points[::2]
    )
    return (
        Heading("Certainty"),
        Plot(
            partial(plots.reliability, {"": reliability}),
            "Reliability: on the dashed line, confidence can be taken at its word",
        ),
        Plot(
            partial(plots.risk_coverage, {"share wrong": risk}),
            "Risk and coverage: how many answers are wrong where only the most certain are given",
        ),
        Text(
            f"Mean risk over all coverages: {share_sign(curve.area)}. Calibration error "
            f"{percent_sign(found.calibration_error)}; {percent_sign(found.error_by_chance)} of it would be there by "
            "chance, if the probabilities were exactly right."
        ),
        *_mark(found.mark),
        Table(("Mean confidence %", "Images", "Accuracy %"), binned, "Reliability, in bins of equally many images"),
        Table(("Answered %", "Least support %", "Wrong %"), points, "Risk and coverage"),
    )


def _mark(mark: UncertainMark | None) -> tuple[Block, ...]:
    """What the model's own mark `uncertain` is worth."""
    if mark is None:
        return ()
    rows = [
        ("certain", count(mark.certain.count), share(mark.certain), share(mark.certain_accuracy)),
        (
            "marked uncertain",
            count(mark.certain.n - mark.certain.count),
            percent(1 - mark.certain.value),
            share(mark.uncertain_accuracy if mark.uncertain_accuracy.n else None),
        ),
    ]
    promised = f"; at most {percent_sign(mark.promised, 0)} of the others wrong" if mark.promised is not None else ""
    caption = f"The mark uncertain: support under {mark.threshold:.2f}{promised}"
    tables = [Table(("Answers", "Images", "Of all %", "Accuracy %"), tuple(rows), caption)]
    if mark.uncertain_outside:
        outside = tuple((label, count(each.n), share(each)) for label, each in mark.uncertain_outside.items())
        caption = "Faces that show none of the four, which should be marked"
        tables.append(Table(("They show", "Images", "Marked uncertain %"), outside, caption))
    return tuple(tables)


def _slices(some: Slices) -> Table:
    lines = tuple((_range(p), count(p.images), share(p.accuracy)) for p in some.parts)
    return Table((some.name.capitalize(), "Images", "Accuracy %"), lines, f"By {some.name}: {some.unit}")


def _range(part: Part) -> str:
    if part.low is None or part.high is None:
        return "no landmarks found"
    low, high = (f"{round(end, 3):.3g}" for end in (part.low, part.high))
    return low if low == high else f"{low} to {high}"


def _faces(found: Gallery | None) -> Section | None:
    if found is None:
        return None
    words = (
        f"By {found.protocol}. Beside each face is its occlusion map: light where covering the face makes its answer "
        "less probable. Each map has its own scale; under it stands by how many points the probability falls at most."
    )
    kinds = {
        "Right, drawn at random": found.right,
        "Wrong, with the most confidence": found.wrong,
        "Wrongly called happy, with the most confidence": found.wrongly_happy,
        "Least certain": found.least_certain,
    }
    blocks: list[Block] = [Text(words)]
    for kind, shown in kinds.items():
        blocks += [Heading(kind), Faces(tuple(map(_card, shown)))] if shown else []
    return Section("Faces", tuple(blocks))


def _card(shown: Shown) -> Card:
    example, pictures, details = shown.example, [partial[bytes](png, shown.crop)], list[str]()
    if example.answer != example.truth:
        details.append(f"truth {example.truth} {percent_sign(example.truth_probability, 0)}")
    place = example.place
    if shown.occlusion is not None:
        pictures.append(partial(heat_map, shown.occlusion))
        place += f"; falls by {max(shown.occlusion.max(), 0) * 100:.0f}"
    draws: tuple[Draw, ...] = tuple(pictures)
    return Card(draws, f"{example.answer} {percent_sign(example.confidence, 0)}", (*details, place))


def _robustness(found: Robustness | None) -> Section | None:
    if found is None:
        return None
    words = (
        f"By {found.protocol}, on {count(found.images)} faces that were made worse in nine ways and five severities, "
        f"in the manner of ImageNet-C. Accuracy is {share_sign(found.clean)} on the faces as they are (dashed in the "
        f"drawings) and {percent_sign(found.mean)} on average when they are made worse."
    )
    lines = tuple((each.corruption, *map(share, each.accuracy), percent(each.mean)) for each in found.corruptions)
    strengths = tuple((w.corruption, *(f"{value:g}" for value in w.strengths), w.unit) for w in found.corruptions)
    drawings = (
        Plot(partial(plots.accuracy_by_severity, each.accuracy, found.clean.value), each.corruption, small=True)
        for each in found.corruptions
    )
    severities = tuple(map(str, SEVERITIES))
    return Section(
        "Robustness",
        (
            Text(words),
            *drawings,
            Table(("Severity", *severities, "Mean"), lines, "Accuracy %"),
            Table(("Severity", *severities, "Unit"), strengths, "Strengths"),
        ),
    )


def _leakage(evaluation: Evaluation) -> Section:
    found = evaluation.leakage
    lines = [
        _known(found.trained_on, "exactly the images the model was trained on"),
        _known(found.validated_on, "exactly the images the model was validated on and may have been chosen by"),
    ]
    if found.verified is not None:
        lines.append(
            "The data given as the model's training data are those of its manifest: the hash is the same."
            if found.verified
            else "The hash of the data given as the model's training data does not match its manifest (a subset, "
            "another order or another encoding does not match either)."
        )
    places = {
        "In the data given as training data": found.in_given,
        "In what the model was trained on, after it left some out": found.in_trained,
    }
    lines += [f"{place}: {_duplicates(some, found.images)}." for place, some in places.items() if some]
    if evaluation.only_duplicates:
        lines.append(nothing_left(evaluation.only_duplicates))
    if found.never_learned:
        lines.append(never_learned(found.never_learned))
    if found.in_given is None:
        lines.append("No training data were given, so single images were not looked for in them.")
    return Section("Leakage", (Items(tuple(lines)),))


def _known(fact: bool | None, what: str) -> str:
    if fact is None:
        return f"The model does not say whether these are {what}."
    return f"By the model's manifest, these {'ARE' if fact else 'are not'} {what}{'' if fact else ' (a part may be)'}."


def _duplicates(found: Duplicates, images: int) -> str:
    if not found.total:
        return f"none of the {count(images)} images measured on"
    return (
        f"{count(found.total)} of the {count(images)} images measured on ({count(found.exact)} pixel for pixel, "
        f"{count(found.near)} nearly), {count(found.conflicting)} of them with another label"
    )


def _comparison(evaluation: Evaluation) -> Section | None:
    if not evaluation.comparisons:
        return None
    head = ("Protocol", "n", "Accuracy", "p", "Balanced", "Macro-F1", "NLL", "Both right", "Only first", "Only second")
    lines = tuple(
        (
            f"{c.protocol} {c.name}",
            count(c.images),
            points_with_interval(c.differences["accuracy"]),
            p_value(c.p_value),
            points_with_interval(c.differences["balanced_accuracy"]),
            points_with_interval(c.differences["macro_f1"]),
            nats_difference(c.differences["negative_log_likelihood"]),
            *map(count, (c.both_right, c.only_first_right, c.only_second_right)),
        )
        for c in evaluation.comparisons
    )
    words = (
        f"{evaluation.model} (first) against {evaluation.against} (second) on the same images. Differences are first "
        "minus second, shares in percentage points, with 95 % intervals by paired bootstrap. p is that of McNemar's "
        "exact test on the images that only one of the two answers rightly, not corrected for the number of protocols."
    )
    return Section("Comparison", (Text(words), Table(head, lines)))


def _comparison_note(evaluation: Evaluation, compared: Comparison) -> str:
    return (
        f"{compared.protocol}: {evaluation.model} less {evaluation.against}: "
        f"{points_with_interval(compared.differences['accuracy'])} points of accuracy, n = {count(compared.images)}, "
        f"McNemar p = {p_value(compared.p_value)}: {'beyond noise' if compared.beyond_noise else 'within noise'}"
    )


def _invariance(found: Invariance | None) -> Section | None:
    if found is None:
        return None
    words = (
        f"{count(found.images)} faces, each asked about alone and then in other ways. The greatest difference of any "
        f"probability is {found.greatest_difference:.2g}, {'within' if found.holds else 'OVER'} the "
        f"{found.tolerance:g} that is allowed."
    )
    lines = tuple((row.way, f"{row.greatest_difference:.2g}", count(row.changed)) for row in found.rows)
    return Section("Invariance", (Text(words), Table(("Way", "Greatest difference", "Answers changed"), lines)))
