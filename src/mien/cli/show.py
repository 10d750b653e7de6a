"""`mien model show`: what a model is built of."""

from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.files import check_outputs, write_text

if TYPE_CHECKING:
    from rich.table import Table

    from mien.model.metadata import ModelMetadata

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

    from mien.errors import ModelError
    from mien.model.drawing import architecture_svg
    from mien.model.package import load_model
    from mien.results import to_jsonable

    check_outputs((svg_file, json_file), Path(name))
    found = load_model(name)
    if not found.metadata.layers:
        raise ModelError(f"{found.file.path} does not say what layers it has; export it again")
    drawing = architecture_svg(found.metadata).decode() if svg_file else ""
    Console().print(_table(found.metadata))
    if svg_file:
        write_text(svg_file, drawing)
    if json_file:
        write_text(json_file, json.dumps(to_jsonable(_facts(found.metadata)), indent=1) + "\n")


def _facts(model: "ModelMetadata") -> dict[str, object]:
    from mien.model.layers import total_multiply_adds, total_weights

    return {
        "name": model.name,
        "precision": model.export.precision if model.export else None,
        "input_shape": model.input.input_shape,
        "heads": model.heads,
        "weights": total_weights(model.layers),
        "multiply_adds": total_multiply_adds(model.layers),
        "layers": model.layers,
    }


def _table(model: "ModelMetadata") -> "Table":
    from rich import box
    from rich.table import Table

    from mien.model.layers import total_multiply_adds, total_weights

    precision = f", weights stored in {model.export.precision}" if model.export else ""
    table = Table(title=f"{model.name}{precision}", title_justify="left", box=box.SIMPLE_HEAD, show_footer=True)
    table.add_column("Block", footer="all")
    table.add_column("Layer", footer="for one face")
    table.add_column("Output", justify="right")
    table.add_column("Weights", footer=f"{total_weights(model.layers):,}", justify="right")
    table.add_column("Multiply-adds", footer=f"{total_multiply_adds(model.layers):,}", justify="right")
    table.add_row("", "face", _compact(model.input.input_shape), "", "")
    for block, layers in groupby(model.layers, key=lambda layer: layer.block):
        for number, layer in enumerate(layers):
            words = f"{layer.part}: {layer.text}" if layer.part not in ("", "residual") else layer.text
            costs = (f"{cost:,}" if cost else "" for cost in (layer.weights, layer.multiply_adds))
            table.add_row("" if number else block, words, _compact(layer.shape), *costs)
    return table


def _compact(shape: tuple[int, ...]) -> str:
    """A shape without spaces, so that the table fits 80 columns."""
    return "×".join(map(str, shape))
