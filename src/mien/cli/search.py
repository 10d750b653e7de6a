"""`mien search`: the configuration that trains best, found by many short trainings."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.train import quiet_lightning

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from mien.search.config import SearchConfig


def search(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="What to search, such as configs/search/base.toml.", show_default=False),
    ],
    data: Annotated[
        Path, typer.Option(help="fer2013.csv, or a folder of it, of Parquet files or of pictures (docs/data.md).")
    ] = Path("data/fer2013"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the results.", show_default="runs/search- and the file's name")
    ] = None,
    trials: Annotated[int, typer.Option(help="Trials in all, including those stored already.", min=1)] = 20,
    storage: Annotated[
        str | None,
        typer.Option(help="Optuna's storage URL, for several processes.", show_default="an SQLite file in the folder"),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads to use.", min=1, show_default="all")] = None,
) -> None:
    """Search for the training configuration that is best on the validation split; run again to continue."""
    from rich.console import Console

    from mien.errors import MissingExtra

    try:
        import optuna

        from mien.search import Search, SearchOptions, best_of, load_search
        from mien.search.report import BEST
    except ImportError as missing:
        raise MissingExtra.for_feature("a search", "search", missing) from missing
    from mien.data.dataset import open_dataset

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    quiet_lightning()
    config = load_search(file)
    folder = output or Path("runs") / f"search-{file.stem}"
    with Console(stderr=True).status("Reading faces"):
        named = config.base.data
        faces = open_dataset(data, named.classes, name=named.name).read_for_training()
        found = Search(file.stem, config, faces, folder, SearchOptions(storage=storage, threads=threads))
    try:
        found.run(trials, lambda trial, study: _tell(trial, study, config))
    except KeyboardInterrupt as interrupted:
        typer.echo(f"Finished trials are kept in {folder}; the same command continues.", err=True)
        raise typer.Exit(130) from interrupted
    best = best_of(found.study)
    if best is None:
        typer.echo(f"{folder}: no trial has finished; raise --trials to continue")
        return
    typer.echo(
        f"{folder}: best is trial {best.number}, {config.metric} {best.value:.4f}, selected on {found.selection.split}"
    )
    typer.echo(f"Next: mien train --config {folder / BEST} --data {data}")


def _tell(trial: "FrozenTrial | None", study: "Study", config: "SearchConfig") -> None:
    from mien.search.report import STATES, best_of
    from mien.search.trial import REASON

    if trial is None:
        typer.echo("Waiting for trials of other processes; a trial silent for two minutes is retried.")
        return
    words = f"trial {trial.number} {STATES[trial.state]}"
    if trial.intermediate_values:
        last = max(trial.intermediate_values)
        words += f" after {last} epoch{'s' if last > 1 else ''}: {config.metric} {trial.intermediate_values[last]:.4f}"
    if REASON in trial.user_attrs:
        words += f": {trial.user_attrs[REASON]}"
    best = best_of(study)
    typer.echo(words + (f" (best {best.value:.4f}, trial {best.number})" if best else ""))
