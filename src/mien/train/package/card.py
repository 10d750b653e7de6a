"""The model card in Markdown, made from the facts in the model file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mien.metadata import ModelMetadata
from mien.model import load_model
from mien.train.package.passages import about_certainty, about_export, about_failures, percent, table
from mien.train.package.plots import write_plots
from mien.train.run.provenance import about_data, about_labels, about_models

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
Input: one grayscale face of {size_px} × {size_px} pixels, framed as in FER2013. Two heads: FER2013's seven labels and
FER+'s eight. The four core expressions (happy, sad, surprise, neutral) are a head narrowed to the four: FER+'s for
`core4` (the default, meant for what most people see), FER2013's for `core4-fer2013` (meant for FER2013's own label).
Probabilities are calibrated by temperature.

{export}

## Data
{about_data}

{licence}

## Figures
Protocols as in `docs/evaluation.md`, on {split}, without flip averaging, 95 % bootstrap intervals. **Selected on
{selected_on}**: hyperparameters were chosen and calibration was fitted there, so these figures flatter the model a
little.

{figures}

P1c are the default answers, `core4`, measured by FER2013's label; the other rows measure the answers meant for their
truth (P1: `core4-fer2013`).

### Recall by class
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
    """Writes the card of the model at `path` and its plots beside it and returns where the card lies."""
    model = load_model(path)
    card = path.with_suffix(".md")
    card.write_text(card_text(model.metadata, model.file.sha256, len(model.file.content) / 1e6), "utf-8")
    if model.metadata.metrics["certainty"]:
        plots_folder(card).mkdir()
        write_plots(model.metadata.metrics["certainty"], plots_folder(card))
    return card


def plots_folder(card: Path) -> Path:
    """Where the plots of a card lie: `base-card` beside `base.md`."""
    return card.with_name(f"{card.stem}-card")


def card_text(metadata: ModelMetadata, sha256: str, size_mb: float) -> str:
    """The card of a model that `mien export` wrote.

    Args:
        metadata: What the file says of itself.
        sha256: The file's checksum.
        size_mb: The file's size in millions of bytes.
    """
    data, config = metadata.training["data"], metadata.training["config"]
    models = about_models(metadata.training)
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
        export=about_export(metadata.export),
        about_data="\n\n".join(filter(None, (about_data(data), models))),
        about_labels=about_labels(data),
        licence=metadata.licence,
        split=metadata.metrics["split"],
        selected_on=metadata.selected_on,
        figures=_figures(plain),
        recall=_recall(plain),
        certainty=about_certainty(
            metadata.metrics["certainty"], metadata.calibration.least_support, f"{metadata.name}-card"
        ),
        failures=about_failures(metadata.metrics["failures"]),
        epochs=metadata.training.get("epochs_done", config["epochs"]),  # fewer where a run was stopped early
        seed=config["seed"],
        minutes=metadata.training["elapsed_s"] / 60,
        alone=" for this run alone, without the models it learnt from" if models else "",
    )


def _figures(results: list[Mapping[str, Any]]) -> str:
    keys = ("accuracy", "balanced_accuracy", "macro_f1", "calibration_error")
    rows = [
        (f"{result['protocol']} `{result['name']}`", str(result["n"]), *(percent(result[key]) for key in keys))
        for result in results
    ]
    return table(("protocol", "n", "accuracy", "balanced accuracy", "macro-F1", "ECE"), rows)


def _recall(results: list[Mapping[str, Any]]) -> str:
    rows = [
        (result["protocol"], label, percent(result["recall"][label]))
        for result in results
        for label in result["labels"]
        if label in result["recall"]
    ]
    return table(("protocol", "class", "recall"), rows)
