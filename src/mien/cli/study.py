"""`mien study`: many trainings compared."""

from pathlib import Path
from typing import Annotated

import typer

from mien.cli.train import quiet_lightning


def study(
    file: Annotated[
        str,
        typer.Argument(
            metavar="STUDY", help="A study file, or the name of a shipped study (docs/study.md).", show_default=False
        ),
    ],
    data: Annotated[
        Path, typer.Option(help="fer2013.csv, or a folder of it, of Parquet files or of pictures (docs/data.md).")
    ] = Path("data/fer2013"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the study.", show_default="studies/ and the study's name")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Processor threads to use.", min=1, show_default="all")] = None,
) -> None:
    """Train the arms of a study over its seeds, and say which differences are beyond noise; run again to continue."""
    from rich.console import Console

    from mien.errors import MissingExtra

    try:
        from mien.study import load_study, read_study_faces, run_study, verdicts
        from mien.study.report import REPORT
        from mien.study.run import done
    except ImportError as missing:
        raise MissingExtra.for_feature("a study", "train", missing) from missing

    quiet_lightning()
    wanted = load_study(file)
    folder = output or Path("studies") / wanted.name
    with Console(stderr=True).status("Reading faces"):
        faces = read_study_faces(wanted, data)
    try:
        result = run_study(wanted, faces, folder, threads=threads, tell=lambda line: typer.echo(line, err=True))
    except KeyboardInterrupt:
        finished, planned = done(wanted, folder)
        typer.echo(
            f"mien: {finished} of {planned} trainings are finished and kept in {folder}; the same command continues",
            err=True,
        )
        raise
    for verdict in verdicts(result):
        typer.echo(verdict)
    typer.echo(f"The report: {folder / REPORT}.md")
    if any(arm.failed for arm in result.arms.values()):
        raise typer.Exit(1)
