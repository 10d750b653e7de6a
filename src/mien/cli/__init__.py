"""The command `mien`: one file per subcommand, each of which parses, calls the library and prints.

Subcommands import what they need when they run, so that `mien --help` stays quick.
"""

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from mien._version import __version__
from mien.cli.evaluate import evaluate
from mien.cli.export import export
from mien.cli.info import info
from mien.cli.recognize import recognize
from mien.cli.train import train
from mien.errors import MienError

app = typer.Typer(
    name="mien",
    help="Reads the apparent facial expression of every face in a picture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

READ, MODELS = "Read expressions", "Make and measure models"

app.command(rich_help_panel=READ)(recognize)
app.command(rich_help_panel=READ)(info)
app.command(rich_help_panel=MODELS)(train)
app.command(rich_help_panel=MODELS)(export)
app.command(rich_help_panel=MODELS)(evaluate)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mien {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command and exits: 0 done, 1 a `MienError`, 2 wrong usage, 130 interrupted.

    Args:
        arguments: What follows the command's name; None takes them from `sys.argv`.
    """
    try:
        app(args=arguments)
    except MienError as error:
        typer.echo(f"mien: error: {error}", err=True)
        sys.exit(1)
