"""`mien evaluate`: how often a model is right, by protocol, on labelled faces that you have."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from mien.data.faces import LabelledFaces
    from mien.evaluate.evaluation import Evaluation, Result
    from mien.metadata import ModelMetadata


def evaluate(  # noqa: PLR0913 - one parameter per option
    data: Annotated[
        Path,
        typer.Argument(help="fer2013.csv, a Parquet file, or a folder of either or of pictures.", show_default=False),
    ],
    *,
    model: Annotated[str, typer.Option(help="A shipped model, or the path of a model file.")] = "base",
    split: Annotated[str, typer.Option(help="Training, PublicTest or PrivateTest.")] = "PublicTest",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="P1, P1c, P2, P3 or P4; may be repeated. Without it, all that the data has truth for.",
            show_default=False,
        ),
    ] = None,
    training: Annotated[
        Path | None,
        typer.Option(help="What the model was trained on: measures once more without duplicates of it."),
    ] = None,
    selected_on: Annotated[
        str | None,
        typer.Option(help="Split the model was chosen on. Without it, what the model says.", show_default=False),
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file as JSON.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Write the report to this file.")] = None,
) -> None:
    """Measure a model by the protocols of docs/evaluation.md, with 95 % intervals."""
    import json

    from rich.console import Console

    from mien.data.faces import FER2013
    from mien.data.readers import read_faces, read_seen
    from mien.evaluate.classifier import classifier_of
    from mien.evaluate.evaluation import Evaluation
    from mien.evaluate.evaluation import evaluate as measure
    from mien.evaluate.protocols import PROTOCOLS, measurable, protocols_named
    from mien.evaluate.report import markdown
    from mien.model import load_model

    loaded = load_model(model)
    protocols = protocols_named(protocol or ())
    classes = loaded.metadata.training.get("config", {}).get("data", {}).get("classes")
    with Console(stderr=True).status("Reading faces") as status:
        faces = read_faces(data, split=split, classes=classes)
        seen = read_seen(training, split, classes=classes) if training else None
        status.update("Measuring")
        results = measure(classifier_of(loaded), faces, protocols or measurable(faces), seen=seen)
    if not protocols and len(measurable(faces)) < len(PROTOCOLS):
        typer.echo("mien: no FER+ votes in this data: P2 and P4 are not measured", err=True)
    if faces.source != FER2013:
        typer.echo(f"mien: the truth is the labels of {faces.source}, not FER2013's", err=True)
    selected_on = selected_on or _selected_on(loaded.metadata, faces)
    evaluation = Evaluation(loaded.file.name, split, selected_on, results)
    _print(evaluation)
    if json_file:
        _write(json_file, json.dumps(evaluation.to_dict(), indent=2) + "\n")
    if markdown_file:
        _write(markdown_file, markdown(evaluation))


def _selected_on(metadata: "ModelMetadata", faces: "LabelledFaces") -> str | None:
    """The split that the model was chosen on, if `faces` may be of the same data set; a split of another is no matter.

    A data set may have been given another name in training, but not other faces.
    """
    from mien.data.faces import FER2013
    from mien.data.manifest import fingerprint

    facts = metadata.training.get("data", {})
    same = facts.get("source", FER2013) == faces.source or facts.get("held_out_sha256") == fingerprint(faces)
    return metadata.selected_on if same else None


def _print(evaluation: "Evaluation") -> None:
    from rich.console import Console

    from mien.evaluate.report import FLIP

    console = Console()
    for without_duplicates in (False, True):
        results = [result for result in evaluation.results if result.without_duplicates is without_duplicates]
        if results:
            images = "images without a duplicate among those seen before" if without_duplicates else "all images"
            console.print(f"{evaluation.model} on {evaluation.split}, {images}:")
            console.print(_table(results))
    console.print(f"Per cent, with 95 % intervals. {FLIP}")
    if evaluation.caution:
        console.print(f"[yellow]{evaluation.caution}[/yellow]")


def _table(results: "Sequence[Result]") -> "Table":
    from rich import box
    from rich.table import Table

    from mien.evaluate.report import interval, percent

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Protocol", no_wrap=True)
    for name in ("n", "Accuracy", "Balanced", "Macro F1", "ECE"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        m = result.metrics
        figures = (m.accuracy, m.balanced_accuracy, m.macro_f1, m.calibration_error)
        protocol = "   flip" if result.flip_averaged else f"{result.protocol.code} {result.protocol.name}"
        cells = (f"{percent(figure.value)}\n[dim]{interval(figure)}[/dim]" for figure in figures)
        table.add_row(protocol, str(m.n), *cells)
    return table


def _write(path: Path, text: str) -> None:
    from mien.errors import OutputError

    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise OutputError(f"cannot write to {path}: {error.strerror}; name a file in a folder that exists") from error
