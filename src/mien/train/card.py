"""The model card in Markdown, made from the facts in the model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.metadata import ModelMetadata
from mien.model import load_model

_CARD = """\
# Model card: {name}

A small convolutional network that reads the **apparent** expression of a face: what its look suggests to people who see
it, not what the person feels. One file of {size_mb:.1f} MB, `{name}.onnx`, SHA-256 `{sha256}`.

## Intended use
Sorting and searching pictures, user interfaces, art, studies of how expressions are perceived; on people who know of it
and agree.

## Not for
- Inferring what someone feels, intends or is like. Appearance does not tell.
- Inferring emotions at work or in education: prohibited in the European Union (AI Act, Article 5(1)(f)).
- Any decision about a person, lie detection, medical or psychological diagnosis, surveillance.

## What it answers
Input: one grayscale face of {size_px} × {size_px} pixels, framed as in FER2013. Two heads: FER2013's seven labels and
FER+'s eight. The four core expressions (happy, sad, surprise, neutral) are a head narrowed to the four: FER+'s for
`core4` (the default, meant for what most people see), FER2013's for `core4-fer2013` (meant for FER2013's own label).
Probabilities are calibrated by temperature. A `core4` answer is marked uncertain where its support is under
{least_support:.2f}; a tenth of the calibration images with a consensus for one of the four fall short of it.

## Data
{training} faces of FER2013's Training split with FER2013's labels and the FER+ votes. Left out were {left_out} faces
that repeat one of PublicTest (correlation from {near} on), are flat, or are no face to FER+'s voters.

{licence}

FER2013 was gathered by web search; who is shown, from where and whether they agreed is not known. Ages, skin tones and
occasions are not balanced, and posed and drawn faces are among them.

## Figures
Protocols as in `docs/evaluation.md`, on {split}, without flip averaging, 95 % bootstrap intervals. **Selected on
{selected_on}**: hyperparameters were chosen and calibration was fitted there, so these figures flatter the model a
little.

{figures}

P1c are the default answers, `core4`, measured by FER2013's label; the other rows measure the answers meant for their
truth (P1: `core4-fer2013`).

### Recall by class
{recall}

## Limits
- One in several faces is a matter of opinion: FER2013's own label and ten people's majority differ on about a fifth of
  the faces with one of the four core labels. No single answer can be right by both.
- Sad and neutral are confused most; fear, disgust and contempt are rare in the data and read poorly.
- Small (under 32 px), blurred, turned, covered, very dark faces and drawings are read less well than the figures say.
- Accuracy by age, sex and skin tone has not been measured; the data carry no such labels.

## Training
{epochs} epochs, seed {seed}, {minutes:.0f} minutes by the clock. Configuration, data hashes and all figures are in
the file's metadata (`mien info --model PATH --json`).
"""


def write_card(path: Path) -> Path:
    """Writes the card of the model at `path` beside it and returns where it lies."""
    model = load_model(path)
    card = path.with_suffix(".md")
    card.write_text(card_text(model.metadata, model.file.sha256, len(model.file.content) / 1e6), "utf-8")
    return card


def card_text(metadata: ModelMetadata, sha256: str, size_mb: float) -> str:
    """The card of a model that `mien export` wrote.

    Args:
        metadata: What the file says of itself.
        sha256: The file's checksum.
        size_mb: The file's size in millions of bytes.
    """
    data, config = metadata.training["data"], metadata.training["config"]
    plain = [
        result
        for result in metadata.metrics["results"]
        if not result["flip_averaged"] and not result["without_duplicates"]
    ]
    return _CARD.format(
        name=metadata.name,
        size_mb=size_mb,
        sha256=sha256,
        size_px=metadata.preprocessing.size_px,
        least_support=metadata.calibration.least_support["core4"],
        training=f"{data['training']:,}",
        left_out=f"{data['left_out']['total'] - data['left_out']['kept']:,}",
        near=data["near_duplicate_correlation"],
        licence=metadata.licence,
        split=metadata.metrics["split"],
        selected_on=metadata.selected_on,
        figures=_figures(plain),
        recall=_recall(plain),
        epochs=config["epochs"],
        seed=config["seed"],
        minutes=metadata.training["elapsed_s"] / 60,
    )


def _figures(results: list[Mapping[str, Any]]) -> str:
    lines = ["| protocol | n | accuracy | balanced accuracy | macro-F1 | ECE |", "|---|---|---|---|---|---|"]
    for result in results:
        shares = [result[key] for key in ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")]
        cells = [f"{result['protocol']} `{result['name']}`", str(result["n"]), *map(_percent, shares)]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _recall(results: list[Mapping[str, Any]]) -> str:
    lines = ["| protocol | class | recall |", "|---|---|---|"]
    for result in results:
        recall = result["recall"]
        occurring = [label for label in result["labels"] if label in recall]
        lines += [f"| {result['protocol']} | {label} | {_percent(recall[label])} |" for label in occurring]
    return "\n".join(lines)


def _percent(estimate: Mapping[str, float]) -> str:
    return f"{estimate['value']:.1%} ({estimate['low']:.1%} to {estimate['high']:.1%})".replace("%", " %")
