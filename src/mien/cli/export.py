"""`mien export`: from a training run to a model package with its card."""

from pathlib import Path
from typing import Annotated

import typer


def export(
    run: Annotated[Path, typer.Argument(help="Folder of the training run.", show_default=False)],
    output: Annotated[Path, typer.Option(help="The ONNX file to write; its card goes beside it.", show_default=False)],
    data: Annotated[Path, typer.Option(help="As for `mien train`; PublicTest is calibrated on.")] = Path(
        "data/fer2013"
    ),
) -> None:
    """Write the model package of a run: calibrated, checked against the network, with its model card."""
    from mien.errors import MissingExtra

    try:
        from mien.train.export import export as write_model
    except ImportError as missing:
        raise MissingExtra.for_feature("exporting", "train", missing) from missing
    from mien.data.readers import read_faces

    exported = write_model(run, read_faces(data, split="PublicTest"), output)
    size_mb = exported.path.stat().st_size / 1e6
    typer.echo(f"{exported.path}: {size_mb:.1f} MB; card: {exported.card}")
    typer.echo(f"against the network: logits differ by at most {exported.greatest_difference:.1e}, ", nl=False)
    typer.echo(f"answers agree on {exported.agreement:.2%}")
    for result in exported.results:
        if not result.flip_averaged:
            accuracy, n = result.metrics.accuracy, result.metrics.n
            interval = f"[{accuracy.low:.1%}, {accuracy.high:.1%}]"
            typer.echo(f"{result.protocol.code} {result.protocol.name}: {accuracy.value:.1%} {interval}, n = {n}")
