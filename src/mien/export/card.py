"""The model card in Markdown, made from the facts in the model file."""

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

from mien.data.labelled_faces import FER2013
from mien.errors import ModelError
from mien.model.calibration import Answer
from mien.model.facts import Certainty, ExportFacts, Failure, Manifest, ProtocolMetrics, TrainingFacts
from mien.model.metadata import ModelMetadata
from mien.model.package import load_model
from mien.model.priors import prior_words
from mien.model.risk import ALL_UNCERTAIN
from mien.report.format import percent_sign, share_sign
from mien.report.markdown import table
from mien.report.plots import Curve, reliability, require_matplotlib, risk_coverage
from mien.stats import Estimate
from mien.train.networks.pretrained import ORIGINS

CALIBRATION = "calibration.svg"
RISK = "risk-coverage.svg"

_FER2013_LICENSE = (
    "Weights: Apache-2.0. Trained on FER2013 (Goodfellow et al., 2013), whose images' licence is not clearly stated"
)
_FERPLUS_LICENSE = ", with FER+ votes (Barsoum et al., 2016; MIT)"
_NO_VOTES = (
    "There were no votes of several people: the labels stood in for them. So all answers, `core4` and `ferplus8` too, "
    "follow the labels, and P2 and P4 cannot be measured."
)
_FER2013_ORIGIN = (
    "FER2013 was gathered by web search; who is shown, from where and whether they agreed is not known. Ages, skin "
    "tones and occasions are not balanced, and posed and drawn faces are among them."
)
_FER2013_LIMITS = """\
- One in several faces is a matter of opinion: FER2013's own label and ten people's majority differ on about a fifth of
  the faces with one of the four core labels. No single answer can be right by both.
- Sad and neutral are confused most; fear, disgust and contempt are rare in the data and read poorly."""


def license_note(data: Manifest, network: Mapping[str, Any], stated: str = "") -> str:
    """License of the weights, and what is known of the data's.

    Args:
        data: What was trained on.
        network: The run's configuration of the network.
        stated: What whoever exports says of the license of the data's pictures; FER2013's is known.
    """
    begun = _begun_with(network)
    if data.source == FER2013:
        return f"{_FER2013_LICENSE}{_FERPLUS_LICENSE if data.with_votes else ''}.{begun}"
    return (
        f"Weights: as whoever trained them says. Trained on {_name(data)}; licence of its pictures: "
        f"{stated or 'not stated'}.{begun}"
    )


def about_data(data: Manifest) -> str:
    """What was trained on and what was left out, as paragraphs of Markdown."""
    left_out = data.left_out.total - data.left_out.kept
    if data.source == FER2013:
        votes = " and the FER+ votes" if data.with_votes else ""
        trained = f"{data.training:,} faces of FER2013's Training split with FER2013's labels{votes}."
    else:
        trained = f"{data.training:,} faces of {_name(data)} with its labels: {_counts(data)}."
    paragraphs = [
        f"{trained} Left out were {left_out:,} faces that repeat a held-out one "
        f"(correlation from {data.near_duplicate_correlation} on), are flat (standard deviation of gray levels below "
        f"{data.flat_below:g}), or are no face to voters ({data.not_a_face})."
    ]
    if not data.with_votes:
        paragraphs.append(_NO_VOTES)
    if data.source == FER2013:
        paragraphs.append(_FER2013_ORIGIN)
    return "\n\n".join(paragraphs)


def about_models(training: TrainingFacts) -> str:
    """Which models' answers were mixed into the targets, and whose weights came first; empty where there were none."""
    config, sums = training.config, training.sources
    distillation, family = config.get("distillation", {}), config.get("network", {}).get("family", "")
    sentences = []
    if teachers := distillation.get("teachers"):
        answers = "answers" if len(teachers) == 1 else "mean answers"
        sentences.append(
            f"Mixed into its targets, with a weight of {distillation['weight']:g}, were the {answers} of "
            f"{', '.join(_known_by(name, sums) for name in teachers)}."
        )
    if start := config.get("start_from"):
        sentences.append(f"Its first weights were those of the run {_known_by(start, sums)}.")
    elif family in ORIGINS and family in sums:
        sentences.append(f"Its first weights were those of {_known_by(family, sums)}, trained on ImageNet-1k.")
    return " ".join(sentences)


def about_labels(data: Manifest) -> str:
    """How far the labels, and so the answers, are to be trusted: items of a Markdown list."""
    if data.source == FER2013 and data.with_votes:
        return _FER2013_LIMITS
    items = [f"- How far people agree with the labels of {_name(data)} has not been measured."]
    unseen = [label for label, count in data.training_by_label.items() if not count]
    if unseen:
        items.append(f"- It was shown no face for {', '.join(unseen)}: what it says of these means nothing.")
    return "\n".join(items)


def _known_by(name: str, sums: Mapping[str, str]) -> str:
    """The last part of a path, and the beginning of the checksum."""
    checksum = f" (SHA-256 {sums[name][:12]}…)" if name in sums else ""
    return f"`{PurePath(name).name}`{checksum}"


def _begun_with(network: Mapping[str, Any]) -> str:
    """Whose weights a published network started from; nothing where there were none."""
    origin = ORIGINS.get(network.get("family", ""))
    if origin is None or network["published"]["weights"] == "random":
        return ""
    return (
        f" It started from the weights of {origin.name} ({origin.license}), trained on ImageNet-1k, whose pictures are "
        "for non-commercial research."
    )


def _name(data: Manifest) -> str:
    return data.source or "a data set without a name"


def _counts(data: Manifest) -> str:
    return ", ".join(f"{label} {count:,}" for label, count in data.training_by_label.items() if count)


_PRECISIONS = {
    "fp32": "Weights and arithmetic are in float32",
    "fp16": "Weights are stored in float16; arithmetic is in float32",
    "int8": "Convolutions are in 8-bit integers (weights in 7 bits, by channel; activations in the ranges that "
    "{range_faces} faces of the training set gave them), the two heads in float32",
}
_COVERAGES = (0.95, 0.9, 0.8)


def about_export(export: ExportFacts) -> str:
    """Precision and form of the file, and how it compares with the network it was made of."""
    precision = _PRECISIONS[export.precision].format(range_faces=export.range_faces)
    form = f"{precision}; ONNX opset {export.opset}; any number of faces at once."
    found = export.parity
    if found is None:
        return form
    agreement = ", ".join(f"{percent_sign(share)} (`{name}`)" for name, share in found.agreement.items())
    rows = [
        (code, percent_sign(found.network_accuracy[code]), percent_sign(accuracy))
        for code, accuracy in found.accuracy.items()
    ]
    return (
        f"{form} Logits differ from the trained network's by at most "
        f"{found.greatest_difference:.2g} (mean {found.mean_difference:.1g}), and the answers are the same "
        f"on {agreement} of the held-out faces. Share right:\n\n"
        f"{table(('protocol', 'network', 'this file'), rows)}"
    )


def about_certainty(certainty: Mapping[str, Certainty], answers: Mapping[str, Answer], plots: str) -> str:
    """ECE, risk by coverage and the mark `uncertain`, with both plots.

    Args:
        certainty: By answer.
        answers: The model's, for their priors, risks and thresholds.
        plots: Name of the folder beside the card that has the plots.
    """
    if not certainty:
        return "There were too few faces to measure it."
    ranked = [
        (
            f"`{name}`",
            str(c.n),
            f"{percent_sign(c.calibration_error)} ({percent_sign(c.error_by_chance)})",
            percent_sign(c.wrong.value),
            *(percent_sign(c.risk_at(coverage)) for coverage in _COVERAGES),
            f"{c.aurc:.4f}",
        )
        for name, c in certainty.items()
    ]
    marked = [
        (
            f"`{name}`",
            prior_words(answers[name].prior, answers[name].labels),
            percent_sign(answers[name].risk, 0),
            "all uncertain" if answers[name].threshold >= ALL_UNCERTAIN else f"{answers[name].threshold:.2f}",
            share_sign(c.certain),
            share_sign(c.certain_wrong if c.certain.value else None),
        )
        for name, c in certainty.items()
    ]
    outside = [
        (f"`{name}`", label, str(n), share_sign(share))
        for name, c in certainty.items()
        for label, (n, share) in c.uncertain_outside.items()
    ]
    at = tuple(f"at {coverage:.0%}".replace("%", " %") for coverage in _COVERAGES)
    parts = [
        "Measured on the half of the held-out faces that calibration has not seen, by the priors that the answers have "
        "where no other is asked for.",
        f"![Share right by probability]({plots}/{CALIBRATION})",
        "ECE, in brackets what it would be if all probabilities were exactly right, since chance alone gives some; and "
        'wrong answers where only the best supported faces are answered: "at 90 %" leaves out a tenth of them.',
        table(("set", "n", "ECE", "all answered", *at, "AURC"), ranked),
        f"![Share of wrong answers by coverage]({plots}/{RISK})",
        "An answer is marked **uncertain** where its support is under a threshold: the least at which a share of wrong "
        "answers above the promised risk could be ruled out with 95 % confidence on the other half. Support is the "
        "probability; for the two core sets it is multiplied by that of the face showing one of the four at all. Other "
        "priors and risks can be asked for; the promise is for faces like those of the data, none of them outside the "
        "set.",
        table(("set", "prior", "risk promised", "threshold", "certain", "of these wrong"), marked),
    ]
    if outside:
        parts.append("Faces that show none of the four have no right answer there and should be uncertain. They are:")
        parts.append(table(("set", "truth", "n", "uncertain"), outside))
    return "\n\n".join(parts)


def about_failures(failures: Sequence[Failure]) -> str:
    """The surest wrong answers as a table of files or rows of the data; no pictures, which are not ours to give."""
    if not failures:
        return "It makes none on the held-out faces."
    by = "row" if failures[0].file is None else "file"
    where = "row of the held-out faces' source (from 0)" if by == "row" else "picture file"
    rows = [(str(getattr(f, by)), f.truth, f.answer, percent_sign(f.probability)) for f in failures]
    return (
        f"The wrong `core4` answers with the highest probability, by {where}. Labels are wrong, too. "
        "`mien export --failures` shows the pictures.\n\n"
        f"{table((by, 'truth', 'answer', 'probability'), rows)}"
    )


_CARD = """\
# Model card: {name}

A small convolutional network that reads the **apparent** expression of a face: what its look suggests to people who see
it, not what the person feels. One file of {size_mb:.2g} MB, `{name}.onnx`, SHA-256 `{sha256}`.

## Intended use
Sorting and searching pictures, user interfaces, art, studies of how expressions are perceived; on people who know of it
and agree.

## Not for
- Inferring what someone feels, intends or is like. Appearance does not tell.
- Inferring emotions at work or in education: prohibited in the European Union (AI Act, Article 5(1)(f)).
- Any decision about a person, lie detection, medical or psychological diagnosis, surveillance.

## What it answers
Input: one {color} face of {sides} pixels, framed as in FER2013. Two heads: FER2013's seven labels and
FER+'s eight. The four core expressions (happy, sad, surprise, neutral) are a head narrowed to the four: FER+'s for
`core4` (the default, meant for what most people see), FER2013's for `core4-fer2013` (meant for FER2013's own label).
Probabilities are calibrated by temperature. By default those of `core4` are given as if each of the four were as
frequent (a balanced prior), those of the other sets as frequent as in the training data; `--prior` asks for others.

{export}

## Data
{about_data}

{license}

## Figures
Protocols as in `docs/evaluation.md`, on {split}, without flip averaging, 95 % bootstrap intervals. **Selected on
{selected_on}**: hyperparameters were chosen and calibration was fitted there, so these figures flatter the model a
little.

{metrics}

P2b are the default answers, `core4` by a balanced prior; P2 are the same as trained, and P1c these by FER2013's label.
The other rows measure the answers meant for their truth (P1: `core4-fer2013`). Balanced accuracy is macro recall.

### Recall and precision by class
{recall}

## How sure it is
{certainty}

## Its surest mistakes
{failures}

## Limits
{about_labels}
- Small (under 32 px), blurred, turned, covered, very dark faces and drawings are read less well than the figures say.
- Accuracy by age, sex and skin tone has not been measured; the data carry no such labels.

## Training
{epochs} epochs, seed {seed}, {minutes:.0f} minutes by the clock{alone}; energy was not measured.
Configuration, data hashes and all figures are in the file's metadata (`mien info --model PATH --json`).
"""


def write_card(path: Path) -> Path:
    """Writes the card of the model at `path`, which has metrics, and its plots beside it; returns where it lies."""
    model = load_model(path)
    card = path.with_suffix(".md")
    card.write_text(card_text(model.metadata, model.file.sha256, len(model.file.content) / 1e6), "utf-8")
    metrics = model.metadata.metrics
    if metrics and metrics.certainty:
        plots_folder(card).mkdir(exist_ok=True)
        write_plots(metrics.certainty, plots_folder(card))
    return card


def write_plots(certainty: Mapping[str, Certainty], folder: Path) -> tuple[Path, Path]:
    """Draws what `certainty` says, by answer, into `folder`, which must exist, and returns the two files.

    Raises:
        MissingExtra: If matplotlib is not installed.
    """
    require_matplotlib("the model card's plots")
    paths = folder / CALIBRATION, folder / RISK
    paths[0].write_bytes(reliability({name: _reliability(found) for name, found in certainty.items()}))
    paths[1].write_bytes(risk_coverage({name: _risk(found) for name, found in certainty.items()}))
    return paths


def _reliability(found: Certainty) -> Curve:
    shares = [Estimate.of_proportion(right * images, images) for _, right, images in found.bins]
    confidence = [mean for mean, _, _ in found.bins]
    return Curve(confidence, shares, f"ECE {percent_sign(found.calibration_error)}")


def _risk(found: Certainty) -> Curve:
    answered = [coverage * found.n for coverage in found.coverage]
    shares = [Estimate.of_proportion(risk * n, n) for risk, n in zip(found.risk, answered, strict=True)]
    return Curve(found.coverage, shares)


def plots_folder(card: Path) -> Path:
    """Where the plots of a card lie: `base-card` beside `base.md`."""
    return card.with_name(f"{card.stem}-card")


def card_text(metadata: ModelMetadata, sha256: str, size_mb: float) -> str:
    """The card of a model that an export wrote.

    Args:
        metadata: What the file says of itself.
        sha256: The file's checksum.
        size_mb: The file's size in millions of bytes.

    Raises:
        ModelError: If it says nothing of its training, its metrics or its export.
    """
    training, metrics, export = metadata.training, metadata.metrics, metadata.export
    if training is None or metrics is None or export is None:
        raise ModelError(f"{metadata.name} does not say how it was trained, measured and exported; no card can be made")
    data, models, asked = training.data, about_models(training), metadata.input
    return _CARD.format(
        name=metadata.name,
        size_mb=size_mb,
        sha256=sha256,
        color="grayscale" if asked.channels == "gray" else "RGB",
        sides=f"{asked.width} × {asked.height}",
        export=about_export(export),
        about_data="\n\n".join(filter(None, (about_data(data), models))),
        about_labels=about_labels(data),
        license=metadata.license,
        split=metrics.split,
        selected_on=metadata.selected_on,
        metrics=_metrics_table(metrics.plain),
        recall=_recall(metrics.plain),
        certainty=about_certainty(metrics.certainty, metadata.answers, f"{metadata.name}-card"),
        failures=about_failures(metrics.failures),
        epochs=training.epochs_done,
        seed=training.config["seed"],
        minutes=training.elapsed_s / 60,
        alone=" for this run alone, without the models it learnt from" if models else "",
    )


def _metrics_table(results: Sequence[ProtocolMetrics]) -> str:
    rows = [
        (
            f"{result.protocol} `{result.name}`",
            str(result.n),
            *map(share_sign, (result.accuracy, result.balanced_accuracy, result.macro_f1, result.calibration_error)),
        )
        for result in results
    ]
    return table(("protocol", "n", "accuracy", "balanced accuracy", "macro-F1", "ECE"), rows)


def _recall(results: Sequence[ProtocolMetrics]) -> str:
    rows = [
        (result.protocol, label, share_sign(result.recall[label]), _precision(result, position))
        for result in results
        for position, label in enumerate(result.labels)
        if label in result.recall
    ]
    return table(("protocol", "class", "recall", "precision"), rows)


def _precision(result: ProtocolMetrics, position: int) -> str:
    """Share of the answers of one class that are right, with its score interval."""
    called = sum(row[position] for row in result.confusion)
    return share_sign(Estimate.of_proportion(result.confusion[position][position], called) if called else None)
