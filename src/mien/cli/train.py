"""`mien train`: one training run, from labelled faces to a checkpoint."""

import logging
from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Option(help="The configuration, such as configs/teacher.toml.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="fer2013.csv, or a folder of it, of Parquet files or of pictures (docs/data.md).")
    ] = Path("data/fer2013"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/ and the configuration's name")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last finished epoch.")] = False,
    threads: Annotated[int | None, typer.Option(help="Processor threads to use.", min=1, show_default="all")] = None,
) -> None:
    """Train a network on a data set's training split and measure it on validation; then see `mien export`."""
    from rich.console import Console

    from mien.errors import MissingExtra

    try:
        from mien.train.config import load_config
        from mien.train.device import Machine
        from mien.train.training import FitOptions, fit
    except ImportError as missing:
        raise MissingExtra.for_feature("training", "train", missing) from missing
    from mien.data.dataset import open_dataset
    from mien.data.split import Split
    from mien.report.format import percent_sign

    quiet_lightning()
    settings = load_config(config)
    is_first = Machine.found().is_first
    with Console(stderr=True, quiet=not is_first).status("Reading faces"):
        dataset = open_dataset(data, settings.data.classes, name=settings.data.name)
        training, validation = dataset.read_for_training()
    options = FitOptions(resume=resume, threads=threads)
    run = fit(training, validation, settings, output or Path("runs") / config.stem, options)
    if not is_first:
        return
    if run.epochs < settings.epochs:
        typer.echo(f"Stopped early after {run.epochs} of {settings.epochs} epochs, by {settings.early_stop.monitor}.")
    measured_on = dataset.splits[Split.VALIDATION]
    shares = ", ".join(f"{name} {percent_sign(share)}" for name, share in sorted(run.accuracy.items()))
    typer.echo(
        f"{run.folder}: trained in {run.elapsed_s / 60:.0f} min; {measured_on}, each from its own head: {shares}"
    )
    typer.echo(f"Next: mien export {run.folder} --data {data} --output {config.stem}.onnx")


def quiet_lightning() -> None:
    """Keeps what Lightning says of itself, and of devices that are not there, from between the command's own lines."""
    for part in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(part).setLevel(logging.WARNING)
