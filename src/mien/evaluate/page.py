"""What the full report says, section by section."""

from collections.abc import Mapping
from functools import partial

from mien.evaluate import plots
from mien.evaluate.analysis.confusions import Confusion, Mistakes
from mien.evaluate.analysis.examples import Gallery, Shown
from mien.evaluate.analysis.invariance import Parity
from mien.evaluate.analysis.leakage import Duplicates, Leakage
from mien.evaluate.analysis.robustness import SEVERITIES, Robustness
from mien.evaluate.analysis.slices import Part, Slices
from mien.evaluate.evaluation import Evaluation, Result
from mien.evaluate.findings import Analysis, Findings
from mien.evaluate.report import FIGURES, FLIP, figures, percent, share
from mien.report.document import Block, Card, Draw, Faces, Heading, Items, Plot, Section, Table, Text
from mien.report.pictures import png
from mien.stats import Estimate

_MOST_PAIRS = 12


def sections(evaluation: Evaluation, findings: Findings) -> tuple[Section, ...]:
    """All sections, in order; those of what was not asked for are left out."""
    plain = {r.protocol.code: r for r in findings.results if not r.flip_averaged and not r.without_duplicates}
    parts = [
        _figures(evaluation),
        *(_protocol(analysis, plain[analysis.protocol]) for analysis in findings.analyses),
        _faces(findings.gallery),
        _robustness(findings.robustness),
        _leakage(findings.leakage, findings.only_duplicates),
        _comparison(evaluation.model, findings),
        _parity(findings.parity),
    ]
    return tuple(part for part in parts if part)


def _figures(evaluation: Evaluation) -> Section:
    words = (
        f"{evaluation.model} on {evaluation.split}. In per cent, NLL and KL in nats, with 95 % intervals. "
        f"{FLIP[0].upper()}{FLIP[1:]} P1 and P1c take FER2013's label as the truth, P2 and P4 the majority of "
        "FER+'s voters, P3 FER2013's seven labels. All further sections are of plain answers to all images."
    )
    return Section("Figures", (Text(words), *_results(evaluation)))


def _results(evaluation: Evaluation) -> tuple[Table, ...]:
    captions = {False: "All images", True: "Images without a duplicate among those seen before"}
    tables = []
    for without_duplicates, caption in captions.items():
        lines = tuple(
            ("flip" if r.flip_averaged else f"{r.protocol.code} {r.protocol.name}", str(r.metrics.n), *figures(r))
            for r in evaluation.results
            if r.without_duplicates is without_duplicates
        )
        tables += [Table(("Protocol", "n", *FIGURES), lines, caption)] if lines else []
    return tuple(tables)


def _protocol(analysis: Analysis, result: Result) -> Section:
    found = analysis.mistakes
    blocks: list[Block] = [
        Text(f"{analysis.images} images."),
        Plot(partial(plots.confusion, result.metrics, normalized=False), "Images by truth and answer"),
        Plot(partial(plots.confusion, result.metrics, normalized=True), "The same in per cent of each true class"),
        _classes(found, result),
        *_happy(found),
        _pairs(found),
        *_certainty(analysis),
        *(_slices(some) for some in analysis.slices),
    ]
    return Section(f"{analysis.protocol} {analysis.name}", tuple(blocks))


def _classes(found: Mistakes, result: Result) -> Table:
    figures = tuple(
        (c.label, str(c.images), str(c.called), share(result.metrics.recall.get(c.label)), share(c.precision))
        for c in found.classes
    )
    return Table(("Class", "Images", "Called so", "Recall %", "Precision %"), figures, "Classes")


def _pairs(found: Mistakes) -> Table:
    lines = tuple(
        (_way(way), str(way.images), share(way.share), share(pair.share_of_errors) if first else "")
        for pair in found.pairs[:_MOST_PAIRS]
        for first, way in zip((True, False), pair.ways, strict=False)
        if way.images
    )
    head = ("Truth → answer", "Images", "Of the class %", "Pair, of all errors %")
    caption = "What is taken for what: sad and neutral, then by number"
    cut = f"; {_MOST_PAIRS} of {len(found.pairs)} pairs" if len(found.pairs) > _MOST_PAIRS else ""
    return Table(head, lines, caption + cut)


def _happy(found: Mistakes) -> tuple[Block, ...]:
    lines = tuple((way.truth, str(way.images), share(way.share)) for way in found.wrongly_happy)
    if not lines:
        return (Text("Nothing is wrongly called happy."),)
    return (Table(("Truth", "Images", "Of the class %"), lines, "What is wrongly called happy"),)


def _certainty(analysis: Analysis) -> tuple[Block, ...]:
    curve = analysis.risk_coverage
    bins = tuple((percent(each.confidence), str(each.images), share(each.accuracy)) for each in analysis.reliability)
    points = tuple(
        (f"{point.coverage * 100:.0f}", percent(point.confidence), share(point.risk)) for point in curve.points[::2]
    )
    return (
        Heading("Certainty"),
        Plot(
            partial(plots.reliability, analysis.reliability),
            "Reliability: on the dashed line, confidence can be taken at its word",
        ),
        Plot(
            partial(plots.risk_coverage, curve),
            "Risk and coverage: how many answers are wrong where only the most certain are given",
        ),
        Text(f"Mean risk over all coverages: {share(curve.area)}\u00a0%."),
        Table(("Mean confidence %", "Images", "Accuracy %"), bins, "Reliability, in bins of equally many images"),
        Table(("Answered %", "Least confidence %", "Wrong %"), points, "Risk and coverage"),
    )


def _slices(some: Slices) -> Table:
    lines = tuple((_range(p), str(p.images), share(p.accuracy)) for p in some.parts)
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
    pictures: list[Draw] = [partial(png, shown.pixels)]
    details, place = [], f"row {shown.row}"
    if shown.answer != shown.truth:
        details.append(f"truth {shown.truth} {shown.truth_probability * 100:.0f}\u00a0%")
    if shown.occlusion is not None:
        pictures.append(partial(plots.heat, shown.occlusion))
        place += f"; falls by {max(shown.occlusion.max(), 0) * 100:.0f}"
    return Card(tuple(pictures), f"{shown.answer} {shown.confidence * 100:.0f}\u00a0%", (*details, place))


def _robustness(found: Robustness | None) -> Section | None:
    if found is None:
        return None
    words = (
        f"By {found.protocol}, on {found.images} faces that were made worse in nine ways and five severities, in the "
        f"manner of ImageNet-C. Accuracy is {share(found.clean)} % on the faces as they are (dashed in the drawings) "
        f"and {percent(found.mean)} % on average when they are made worse."
    )
    lines = tuple(
        (each.corruption, *(share(estimate) for estimate in each.accuracy), percent(each.mean))
        for each in found.worsened
    )
    strengths = tuple((w.corruption, *(f"{value:g}" for value in w.strengths), w.unit) for w in found.worsened)
    drawings = (Plot(partial(plots.worsened, each, found), each.corruption, small=True) for each in found.worsened)
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


def _leakage(found: Leakage, only_duplicates: tuple[str, ...]) -> Section:
    lines = [
        _known(found.trained_on, "exactly the images the model was trained on"),
        _known(found.watched, "exactly the images the model was watched on in training and may have been chosen by"),
    ]
    if found.verified is not None:
        lines.append(
            "The data given as the model's training data are those of its manifest: the hash is the same."
            if found.verified
            else "The data given as the model's training data do not give its manifest's hash; nor does another "
            "selection, order or form of the same data."
        )
    if found.in_given:
        lines.append(f"In the data given as training data: {_duplicates(found.in_given, found.images)}.")
    if only_duplicates:
        lines.append(nothing_left(only_duplicates))
    if found.in_trained:
        lines.append(
            f"In what the model was trained on, after it left some out: {_duplicates(found.in_trained, found.images)}."
        )
    if found.never_learnt:
        lines.append(never_learnt(found.never_learnt))
    if found.in_given is None:
        lines.append("No training data were given, so single images were not looked for in them.")
    return Section("Leakage", (Items(tuple(lines)),))


def nothing_left(protocols: tuple[str, ...]) -> str:
    """What must be known where protocols, by their codes, have no image without a duplicate."""
    return (
        f"Every image of {', '.join(protocols)} has a duplicate in the data given as training data, "
        "so nothing is measured without duplicates."
    )


def never_learnt(images: Mapping[str, int]) -> str:
    """What must be known where the model has learnt nothing of some labels; images by label, not empty."""
    labels = ", ".join(f"{label} ({count} images here)" for label, count in images.items())
    return f"By its manifest, the model was trained on no face labelled {labels}; it can hardly answer so."


def _known(fact: bool | None, what: str) -> str:
    if fact is None:
        return f"The model does not say whether these are {what}."
    return f"By the model's manifest, these {'ARE' if fact else 'are not'} {what}{'' if fact else ' (a part may be)'}."


def _duplicates(found: Duplicates, images: int) -> str:
    if not found.total:
        return f"none of the {images} images measured on"
    return (
        f"{found.total} of the {images} images measured on ({found.exact} pixel for pixel, {found.near} nearly), "
        f"{found.conflicting} of them with another label"
    )


def _comparison(model: str, findings: Findings) -> Section | None:
    if not findings.comparisons:
        return None
    head = ("Protocol", "n", "Accuracy", "p", "Balanced", "Macro-F1", "NLL", "Both right", "Only first", "Only second")
    lines = tuple(
        (
            f"{c.protocol} {c.name}",
            str(c.images),
            _points(c.differences["accuracy"]),
            f"{c.p_value:.2g}",
            _points(c.differences["balanced_accuracy"]),
            _points(c.differences["macro_f1"]),
            _nats(c.differences["negative_log_likelihood"]),
            *map(str, (c.both_right, c.only_first_right, c.only_second_right)),
        )
        for c in findings.comparisons
    )
    words = (
        f"{model} (first) against {findings.against} (second) on the same images. Differences are first minus second, "
        "shares in percentage points, with 95 % intervals by paired bootstrap. p is that of McNemar's exact test on "
        "the images that only one of the two answers rightly, not corrected for the number of protocols."
    )
    return Section("Comparison", (Text(words), Table(head, lines)))


def _parity(found: Parity | None) -> Section | None:
    if found is None:
        return None
    words = (
        f"{found.images} faces, each asked about alone and then in other ways. The greatest difference of any "
        f"probability is {found.greatest_difference:.2g}, {'within' if found.holds else 'OVER'} the "
        f"{found.tolerance:g} that is allowed."
    )
    lines = tuple((row.way, f"{row.greatest_difference:.2g}", str(row.changed)) for row in found.rows)
    return Section("Parity", (Text(words), Table(("Way", "Greatest difference", "Answers changed"), lines)))


def _way(way: Confusion) -> str:
    return f"{way.truth} → {way.answer}"


def _points(difference: Estimate) -> str:
    return f"{difference.value * 100:+.1f} ({difference.low * 100:+.1f} to {difference.high * 100:+.1f})"


def _nats(difference: Estimate) -> str:
    return f"{difference.value:+.3f} ({difference.low:+.3f} to {difference.high:+.3f})"
