"""`mien info`."""

from typing import Annotated

import typer


def info(as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Show versions, shipped models with their checksums, detectors and ONNX Runtime's providers."""
