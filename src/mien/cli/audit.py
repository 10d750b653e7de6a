"""`mien data audit`: what is in a labelled data set, and what is wrong with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien.files import check_outputs, write_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from mien.audit.label_errors import LabelJudge
    from mien.data.dataset import Dataset
    from mien.data.split import Split
    from mien.model.package import ExpressionModel

data = typer.Typer(help="Look into labelled data.", no_args_is_help=True)


@data.callback()
def _data() -> None:
    """Keeps `audit` a command of its own while it is the only one."""


@data.command()
def audit(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="DATA",
            help="fer2013.csv, a Parquet file, or a folder of either or of pictures.",
            show_default=False,
        ),
    ],
    *,
    html: Annotated[Path, typer.Option(help="Write the page to this file.")] = Path("audit.html"),
    json_file: Annotated[Path | None, typer.Option("--json", help="Write everything to this file as JSON.")] = None,
    split: Annotated[
        list[str] | None,
        typer.Option(
            help="train, validation or test (or FER2013's names of them); may be repeated. Without it, all.",
            show_default=False,
        ),
    ] = None,
    class_: Annotated[
        list[str] | None,
        typer.Option(
            "--class",
            metavar="NAME=LABEL",
            help="What the data's own class name means, as joy=happy, or NAME= to leave it out; may be repeated.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, or the path of a model file: judges the labels of the splits it has not seen.",
            show_default=False,
        ),
    ] = None,
    unseen: Annotated[
        list[str] | None,
        typer.Option(
            help="A split that the model was not trained on; may be repeated. Without it, all but train.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Report balance, light, copies, odd pictures, likely label errors and FER+ votes on one HTML page."""
    import json

    from rich.console import Console

    from mien.cli.class_names import class_names
    from mien.data.split import split_named
    from mien.errors import MienError, MissingExtra

    try:
        from mien.audit.pipeline import AuditOptions
        from mien.audit.pipeline import audit as look
        from mien.audit.report import findings, html_page
        from mien.data.dataset import open_dataset
        from mien.report.plots import require_matplotlib
    except ImportError as missing:
        raise MissingExtra.for_feature("the audit", "evaluate", missing) from missing

    from mien.model.package import load_model

    require_matplotlib("the audit")
    if unseen and model is None:
        raise MienError("--unseen says what a model has not seen; name the model with --model")
    check_outputs((html, json_file), source)
    splits = tuple(split_named(name) for name in dict.fromkeys(split or ()))
    loaded = load_model(model) if model else None
    classes = class_names(class_ or (), loaded.metadata.training if loaded else None)
    with Console(stderr=True).status("Reading faces") as status:
        dataset = open_dataset(source, classes)
        never_seen = [split_named(name) for name in unseen or ()]
        judge = _judge(loaded, dataset, splits, never_seen) if loaded else None
        audited = look(dataset, AuditOptions(splits, judge, on_step=status.update))
        status.update("Drawing")
        page = html_page(audited)
    for name, reason in audited.absent.items():
        typer.echo(f"mien: {name} is not audited: {reason}", err=True)
    for finding in findings(audited):
        typer.echo(finding)
    write_text(html, page)
    if json_file:
        write_text(json_file, json.dumps(audited.to_dict(), indent=1) + "\n")
    typer.echo(f"The page: {html}")


def _judge(
    model: "ExpressionModel", dataset: "Dataset", splits: "Collection[Split]", unseen: "Collection[Split]"
) -> "LabelJudge":
    """The model as a judge of the splits that it has not seen: those in `unseen`, else all looked at but training."""
    from mien.audit.label_errors import LabelJudge
    from mien.data.split import Split, split_named
    from mien.errors import MienError
    from mien.expressions import FER7

    there = {split: name for split, name in dataset.splits.items() if not splits or split in splits}
    # A folder of classes alone has no training split, and one name.
    own: Mapping[Any, str] = there or {None: dataset.read().splits[0]}
    chosen = [split for split in own if split in unseen] if unseen else [split for split in own if split != Split.TRAIN]
    if lacking := [split for split in unseen if split not in own]:
        raise MienError(f"no split {lacking[0]} is looked at; the data has {', '.join(own.values())}")
    if not chosen:
        only = ", ".join(own.values())
        raise MienError(f"there is only {only} here; if the model was not trained on it, say --unseen {only}")
    chosen_on = model.metadata.selected_on
    # A split of another data set has the same name, and nothing to do with it.
    same_data = model.metadata.training is not None and model.metadata.training.data.source == dataset.name
    told = same_data and chosen_on is not None and split_named(chosen_on) in chosen
    return LabelJudge(
        f"model {model.file.name}" + (f", chosen on {own[split_named(chosen_on)]}" if told and chosen_on else ""),
        tuple(own[split] for split in chosen),
        lambda crops: model.probabilities(crops, FER7.name),
    )
