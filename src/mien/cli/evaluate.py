"""`mien evaluate`: how often a model is right, by protocol, on labelled faces that you have."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.priors import PRIOR_HELP, RISK_HELP, prior_of
from mien.files import check_outputs, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from mien.evaluate import Classifier, Evaluation
    from mien.evaluate.evaluation import Result
    from mien.model.priors import Prior

GALLERY = 12  # faces of each kind
ROBUSTNESS = 500  # faces made worse, each in 45 ways
INVARIANCE = 256  # faces asked about in many ways


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
            help="P1, P1c, P2, P2b, P3 or P4; may be repeated. Without it, all that the data has truth for.",
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
    prior: Annotated[
        str | None, typer.Option(help=f"{PRIOR_HELP}. For P2 and P1c; P2b is balanced.", show_default="training")
    ] = None,
    risk: Annotated[
        float | None, typer.Option(help=f"{RISK_HELP}.", metavar="SHARE", show_default="the model's own")
    ] = None,
    against: Annotated[str | None, typer.Option(help="Compare with this model, on the same images.")] = None,
    robustness: Annotated[
        int | None,
        typer.Option(min=0, help="Measure on so many faces made worse in nine ways; else 500 with --html."),
    ] = None,
    invariance: Annotated[
        bool, typer.Option("--invariance", help="Ask about the same faces in many ways and compare the answers.")
    ] = False,
) -> None:
    """Measure a model by the protocols of docs/evaluation.md, with 95 % intervals."""
    import json

    from rich.console import Console

    from mien.cli.class_names import class_names
    from mien.data.dataset import open_dataset
    from mien.data.split import split_named
    from mien.evaluate import EvaluationOptions, html_page, markdown
    from mien.evaluate import evaluate as measure
    from mien.evaluate.protocols import protocols_named
    from mien.report.plots import require_matplotlib

    model, data = _model_and_data(given, model)
    files = {"json": json_file, "markdown": markdown_file, "html": html_file}
    check_outputs(files.values(), *(Path(path) for path in (data, training, model, against) if path))
    if html_file:
        require_matplotlib()
    part = split_named(split)
    classifier, other = _loaded(model, against, prior=prior_of(prior), risk=risk)
    classes = class_names(class_ or (), classifier.training)
    if robustness is None:
        robustness = ROBUSTNESS if html_file and not classifier.is_recorded else 0
    with Console(stderr=True).status("Reading faces") as status:
        faces = open_dataset(data, classes).read(part)
        options = EvaluationOptions(
            split=part,
            protocols=protocols_named(protocol or ()),
            selected_on=split_named(selected_on) if selected_on else None,
            seen=open_dataset(training, classes).seen_before(part) if training else None,
            analyses=any(files.values()),
            against=other,
            robustness=robustness,
            gallery=GALLERY if html_file else 0,
            invariance=INVARIANCE if invariance else 0,
        )
        status.update("Measuring")
        evaluation = measure(classifier, faces, options)
    forms = {
        "json": lambda: json.dumps(evaluation.to_dict(), indent=2) + "\n",
        "markdown": lambda: markdown(evaluation),
        "html": lambda: html_page(evaluation),
    }
    for form, path in files.items():
        if path:
            write_text(path, forms[form]())
    _print(evaluation)  # last: what is measured is in the files, whether or not this can be written


def _model_and_data(given: Sequence[str], model: str | None) -> tuple[str, Path]:
    """What to measure, and on what: `DATA`, or `MODEL DATA`."""
    if len(given) > 2 or (len(given) == 2 and model is not None):
        raise typer.BadParameter("give one model, before the data or by --model, and one data set")
    *named, data = given
    return (named[0] if named else model or "base"), Path(data)


def _loaded(
    model: str, against: str | None, *, prior: "Prior | None", risk: float | None
) -> "tuple[Classifier, Classifier | None]":
    """The classifier and the one to compare it with, each under a name of its own."""
    from mien.evaluate import load_classifier

    load = partial(load_classifier, model, prior=prior, risk=risk)
    classifier, other = load(), load_classifier(against) if against else None
    if against and other and other.name == classifier.name:  # two models that call themselves base, say
        return load(name=model), load_classifier(against, name=against)
    return classifier, other


def _print(evaluation: "Evaluation") -> None:
    from rich.console import Console

    from mien.evaluate.report import FLIP, notes, targets_note, title

    for reason, codes in _by_reason(evaluation).items():
        typer.echo(f"mien: {reason}: {codes} not measured", err=True)
    if not evaluation.is_of_fer2013:
        typer.echo(f"mien: the {targets_note(evaluation).removeprefix('The ')}", err=True)
    console = Console()
    for without_duplicates in (False, True):
        results = [result for result in evaluation.results if result.without_duplicates is without_duplicates]
        if results:
            images = "images without a duplicate among those seen before" if without_duplicates else "all images"
            console.print(f"{title(evaluation)}, {images}:", markup=False)
            console.print(_table(results))
    console.print(f"Per cent, with 95 % intervals. {FLIP}")
    if evaluation.caution:
        console.print(f"[yellow]{evaluation.caution}[/yellow]")
    for note in notes(evaluation):
        typer.echo(note)


def _by_reason(evaluation: "Evaluation") -> dict[str, str]:
    """Codes of the protocols that are not measured, by the reason."""
    reasons = dict.fromkeys(evaluation.not_measured.values())
    return {
        reason: ", ".join(code for code, other in evaluation.not_measured.items() if other == reason)
        for reason in reasons
    }


def _table(results: "Sequence[Result]") -> "Table":
    from rich import box
    from rich.table import Table

    from mien.report.format import count, interval, percent

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Protocol", no_wrap=True)
    for name in ("n", "Accuracy", "Balanced", "Macro F1", "ECE"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        m = result.metrics
        shares = (m.accuracy, m.balanced_accuracy, m.macro_f1, m.calibration_error)
        protocol = "   flip" if result.flip_averaged else f"{result.protocol.code} {result.protocol.name}"
        cells = (f"{percent(share.value)}\n[dim]{interval(share)}[/dim]" for share in shares)
        table.add_row(protocol, count(m.n), *cells)
    return table
