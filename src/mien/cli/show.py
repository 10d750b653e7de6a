"""`mien model show`: what a model is built of."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.files import check_outputs, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from mien.model.layers import Architecture

model = typer.Typer(help="Look into a model.", no_args_is_help=True)


@model.callback()
def _model() -> None:
    """Keeps `show` a command of its own while it is the only one."""


@model.command()
def show(
    name: Annotated[
        str, typer.Argument(metavar="[MODEL]", help="A shipped model, or the path of a model file.")
    ] = "base",
    *,
    svg_file: Annotated[Path | None, typer.Option("--svg", help="Draw the network into this file.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the layers to this file as JSON.")] = None,
) -> None:
    """Print the layers with their shapes, weights and multiply-adds, and draw them."""
    import json

    from rich.console import Console

    from mien.errors import MissingExtra
    from mien.model.package import find_model

    check_outputs((svg_file, json_file), Path(name))
    try:
        from mien.model.onnx_layers import read_architecture
    except ImportError as missing:
        raise MissingExtra.for_feature("a look into a model", "evaluate", missing) from missing
    from mien.model.drawing import svg

    architecture = read_architecture(find_model(name))
    Console().print(_table(architecture))
    if svg_file:
        write_text(svg_file, svg(architecture))
    if json_file:
        write_text(json_file, json.dumps(architecture.to_dict(), indent=1) + "\n")


def _table(architecture: "Architecture") -> "Table":
    from rich import box
    from rich.table import Table

    precision = f", weights stored in {architecture.precision}" if architecture.precision else ""
    table = Table(title=f"{architecture.name}{precision}", title_justify="left", box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("Block", footer="all")
    table.add_column("Layer", footer="for one face")
    table.add_column("Output", justify="right")
    table.add_column("Weights", footer=f"{architecture.weights:,}", justify="right")
    table.add_column("Multiply-adds", footer=f"{architecture.multiply_adds:,}", justify="right")
    table.add_row("", "face", _compact(architecture.input_shape), "", "")
    for block, layers in groupby(architecture.layers, key=lambda layer: layer.block):
        for number, layer in enumerate(layers):
            words = f"{layer.part}: {layer.text}" if layer.part not in ("", "residual") else layer.text
            costs = (f"{cost:,}" if cost else "" for cost in (layer.weights, layer.multiply_adds))
            table.add_row("" if number else block, words, _compact(layer.shape), *costs)
    return table


def _compact(shape: tuple[int, ...]) -> str:
    """A shape without spaces, so that the table fits 80 columns."""
    return "×".join(map(str, shape))
