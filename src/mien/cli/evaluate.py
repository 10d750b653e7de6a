"""`mien evaluate`: how often a model is right, by protocol, on labelled faces that you have."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from mien.data.labelled_faces import LabelledFaces
    from mien.evaluate.evaluation import Evaluation, Result
    from mien.evaluate.subject import Subject

GALLERY = 12  # faces of each kind
ROBUSTNESS = 500  # faces made worse, each in 45 ways
PARITY = 256  # faces asked about in many ways


def evaluate(
    given: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL] DATA",
            help="MODEL as for --model; DATA: fer2013.csv, a Parquet file, or a folder of either or of pictures.",
            show_default=False,
        ),
    ],
    *,
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model file, a TOML file about another's, or a CSV of answers; else base."
        ),
    ] = None,
    split: Annotated[str, typer.Option(help="train, validation or test, or FER2013's names of them.")] = "validation",
    protocol: Annotated[
        list[str] | None,
        typer.Option(
            help="P1, P1c, P2, P3 or P4; may be repeated. Without it, all that the data has truth for.",
            show_default=False,
        ),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=LABEL",
            help="What the data's own class name means, as joy=happy, or NAME= to leave it out; may be repeated. "
            "Without it, what the model was trained with.",
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
    html_file: Annotated[
        Path | None, typer.Option("--html", help="Write the report with drawings and faces to this file.")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Compare with this model, on the same images.")] = None,
    robustness: Annotated[
        int | None,
        typer.Option(min=0, help="Measure on so many faces made worse in nine ways; else 500 with --html."),
    ] = None,
    parity: Annotated[
        bool, typer.Option("--parity", help="Ask about the same faces in many ways and compare the answers.")
    ] = False,
) -> None:
    """Measure a model by the protocols of docs/evaluation.md, with 95 % intervals."""
    from dataclasses import replace

    from rich.console import Console

    from mien.cli.class_names import class_names
    from mien.cli.findings import print_findings, refuse_what_cannot_be_written, write_findings
    from mien.data.dataset import open_dataset
    from mien.data.labelled_faces import FER2013
    from mien.data.split import Split, split_named
    from mien.evaluate.evaluation import Evaluation
    from mien.evaluate.findings import Wanted, find_out
    from mien.evaluate.load import load_subject
    from mien.evaluate.protocols import measurable, protocols_named

    model, data = _model_and_data(given, model)
    files = {"json": json_file, "markdown": markdown_file, "html": html_file}
    refuse_what_cannot_be_written(files, [Path(path) for path in (data, training, model, against) if path])
    wanted_split = split_named(split)
    subject, other = load_subject(model), load_subject(against) if against else None
    if against and other and other.name == subject.name:  # two models that call themselves base, say
        subject, other = replace(subject, name=model), replace(other, name=against)
    protocols = protocols_named(protocol or ())
    classes = class_names(class_ or (), subject.training)
    with Console(stderr=True).status("Reading faces") as status:
        dataset = open_dataset(data, classes)
        faces = dataset.read(wanted_split)
        seen = open_dataset(training, classes).seen_before(wanted_split) if training else None
        status.update("Measuring")
        if robustness is None:
            robustness = ROBUSTNESS if html_file and subject.classifier else 0
        wanted = Wanted(other, robustness, GALLERY if html_file else 0, PARITY if parity else 0)
        findings = find_out(subject, faces, protocols or subject.able(measurable(faces)), seen=seen, wanted=wanted)
    if not protocols:
        _tell_left_out(subject, faces)
    if faces.source != FER2013:
        typer.echo(f"mien: the truth is the labels of {faces.source}, not FER2013's", err=True)
    own = _own_data(subject, faces)
    chosen_on = selected_on or (subject.selected_on if own else None)
    trained_on = own and bool(subject.training) and wanted_split == Split.TRAIN
    evaluation = Evaluation(
        subject.name,
        dataset.splits[wanted_split],
        dataset.splits.get(split_named(chosen_on), chosen_on) if chosen_on else None,
        findings.results,
        trained_on,
    )
    _print(evaluation)
    print_findings(evaluation.model, findings)
    write_findings(evaluation, findings, files)


def _model_and_data(given: Sequence[str], model: str | None) -> tuple[str, Path]:
    """What to measure, and on what: `DATA`, or `MODEL DATA`."""
    if len(given) > 2 or (len(given) == 2 and model is not None):
        raise typer.BadParameter("give one model, before the data or by --model, and one data set")
    *named, data = given
    return (named[0] if named else model or "base"), Path(data)


def _tell_left_out(subject: "Subject", faces: "LabelledFaces") -> None:
    """Says which protocols are not measured, and why, where none was asked for by name."""
    from mien.evaluate.protocols import PROTOCOLS, measurable

    with_truth = measurable(faces)
    by_votes = [p.code for p in PROTOCOLS if p not in with_truth and p.votes and not faces.votes.any()]
    without_truth = [p.code for p in PROTOCOLS if p not in with_truth and p.code not in by_votes]
    unknown = [p for p in with_truth if p not in subject.able(with_truth)]
    if by_votes:
        typer.echo(f"mien: no FER+ votes in this data: {' and '.join(by_votes)} are not measured", err=True)
    if without_truth:
        typer.echo(f"mien: no face has a truth for {', '.join(without_truth)}: not measured", err=True)
    if unknown:
        codes, sets = ", ".join(p.code for p in unknown), ", ".join(dict.fromkeys(p.expressions.name for p in unknown))
        typer.echo(f"mien: {subject.name} gives no probabilities for {sets}: {codes} not measured", err=True)


def _own_data(subject: "Subject", faces: "LabelledFaces") -> bool:
    """Whether `faces` may be of the data set that the model was trained and chosen on; a split of another is no matter.

    A data set may have been given another name in training, but not other faces.
    """
    from mien.data.labelled_faces import FER2013
    from mien.data.manifest import fingerprint

    facts = subject.training.get("data", {})
    return facts.get("source", FER2013) == faces.source or fingerprint(faces) in (
        facts.get("training_sha256"),
        facts.get("held_out_sha256"),
    )


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
