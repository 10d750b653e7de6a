"""`mien train`: one training run, from labelled faces to a checkpoint."""

import logging
from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Option(help="The configuration, such as configs/base.toml.", show_default=False)],
    data: Annotated[
        Path, typer.Option(help="fer2013.csv, or a folder of it or of Parquet files (docs/evaluation.md).")
    ] = Path("data/fer2013"),
    output: Annotated[
        Path | None, typer.Option(help="Folder of the run.", show_default="runs/ and the configuration's name")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the run's last finished epoch.")] = False,
    threads: Annotated[int | None, typer.Option(help="Processor threads to use.", min=1, show_default="all")] = None,
) -> None:
    """Train a network on FER2013's Training split, watched on PublicTest; then see `mien export`."""
    from mien.errors import MissingExtra

    try:
        from mien.train.config import load_config
        from mien.train.fit import fit
    except ImportError as missing:
        raise MissingExtra.for_feature("training", "train", missing) from missing
    from mien.data.readers import read_faces

    # What Lightning says of itself and of devices that are not there would only stand between the progress.
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    settings = load_config(config)
    training, held_out = (read_faces(data, split=split) for split in ("Training", "PublicTest"))
    run = fit(training, held_out, settings, output or Path("runs") / config.stem, resume=resume, threads=threads)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in sorted(run.accuracy.items()))
    typer.echo(f"{run.folder}: trained in {run.elapsed_s / 60:.0f} min; PublicTest, each from its own head: {shares}")
    typer.echo(f"Next: mien export {run.folder} --data {data} --output {config.stem}.onnx")
