"""The command `mien`: one file per subcommand, each of which parses, calls the library and prints.

Subcommands import what they need when they run, so that `mien --help` stays quick.
"""

import logging
import os
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from mien._version import __version__
from mien.cli.audit import data
from mien.cli.evaluate import evaluate
from mien.cli.export import export
from mien.cli.info import info
from mien.cli.recognize import recognize
from mien.cli.search import search
from mien.cli.show import model
from mien.cli.study import study
from mien.cli.train import train
from mien.errors import MienError

app = typer.Typer(
    name="mien",
    help="Reads the apparent facial expression of every face in a picture.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_FIRST_HAS_SPOKEN_S = 60.0

READ, MODELS = "Read expressions", "Make and measure models"

app.command(rich_help_panel=READ)(recognize)
app.command(rich_help_panel=READ)(info)
app.command(rich_help_panel=MODELS)(train)
app.command(rich_help_panel=MODELS)(search)
app.command(rich_help_panel=MODELS)(export)
app.command(rich_help_panel=MODELS)(evaluate)
app.command(rich_help_panel=MODELS)(study)
app.add_typer(data, name="data", rich_help_panel=MODELS)
app.add_typer(model, name="model", rich_help_panel=MODELS)


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
    """Runs the command and exits: 0 done, 1 a `MienError` or an `OSError`, 2 wrong usage, 130 interrupted.

    For the whole process, it silences what Pillow says of damaged pictures, which would go between the command's lines.

    Args:
        arguments: What follows the command's name; None takes them from `sys.argv`.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    _replace_closed_streams()
    sys.stderr = cast(TextIO, BestEffort(sys.stderr))
    if sys.stdout is None:
        sys.exit("mien: error: standard output is closed; open it, or send it to a file or to /dev/null")
    # A terminal or pipe may be unable to show every character; better an escape than no answer.
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        app(args=arguments)
    except MienError as error:
        _complain(f"mien: error: {error}")
        sys.exit(1)
    except MemoryError:
        _complain("mien: error: memory ran out; free some, or ask for less at once")
        sys.exit(1)
    except OSError as error:  # such as a full disk; not a pipe whose reader has left, which Typer ends without a word
        where = f": {error.filename!r}" if error.filename else ""
        _complain(f"mien: error: {error.strerror or error}{where}")
        _give_up_output()
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == 130:
            _complain("mien: interrupted")
        raise


class BestEffort:
    """Standard error as a stream that may fail: results do not depend on whether complaints can be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flushes what can be flushed."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _replace_closed_streams() -> None:
    """Reads nothing where standard input is closed, and drops what would go to a standard error that is."""
    # In this order each takes the place it stands for, so that no file opened later does.
    if sys.stdin is None:
        sys.stdin = Path(os.devnull).open(encoding="utf-8")  # noqa: SIM115  open to the end, as these streams are
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115


def _complain(line: str) -> None:
    """Prints why the command ends; of several processes that torchrun has started, the first does so for all."""
    if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("RANK") != "0":
        # Where the first has failed, too, torchrun now ends this one. If it does not, nobody else has said anything.
        time.sleep(_FIRST_HAS_SPOKEN_S)
    typer.echo(line, err=True)


def _give_up_output() -> None:
    """Drops what cannot be written, which Python would try once more on its way out, and fail with other words."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
