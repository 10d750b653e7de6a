"""`mien info`: what is installed here, for a look and for reports of faults."""

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from mien._version import __version__
from mien.cli.output.writers import printable
from mien.errors import ModelError

PACKAGES = ("numpy", "onnxruntime", "pillow", "typer", "rich", "opencv-python-headless", "torch")


def info(
    *,
    model: Annotated[
        str | None,
        typer.Option(help="Show this model file, too.", metavar="PATH", show_default=False),
    ] = None,
    yunet_model: Annotated[
        Path | None,
        typer.Option(help="Try this file for the detector yunet and show its checksum.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show versions, shipped models with their checksums, detectors and ONNX Runtime's providers."""
    facts = _facts(model, yunet_model)
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        _print(facts)
    if any("error" in shown for shown in facts["models"]):
        raise typer.Exit(1)


def _facts(model: str | None, yunet_model: Path | None) -> dict[str, Any]:
    import platform

    from mien.model import shipped_models
    from mien.runtime import providers

    models = dict.fromkeys([*shipped_models(), *([model] if model else [])])
    return {
        "mien": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: _version(package) for package in PACKAGES},
        "providers": providers(),
        "detectors": _detectors(yunet_model),
        "models": [_model(name) for name in models],
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _detectors(yunet_model: Path | None) -> dict[str, str]:
    """What each detector needs to run here."""
    from mien.detect import DETECTORS

    if yunet_model is not None:
        yunet = _tried(yunet_model)
    elif find_spec("cv2") is not None:
        yunet = "needs --yunet-model"
    else:
        yunet = "needs pip install 'mien[yunet]' and --yunet-model"
    return {name: yunet if name == "yunet" else "ready" for name in DETECTORS}


def _tried(yunet_model: Path) -> str:
    from mien.detect.yunet import YuNet

    return f"ready with {yunet_model}, SHA-256 {YuNet(yunet_model).sha256}"


def _model(name: str) -> dict[str, Any]:
    from mien.model import load_model

    try:
        model = load_model(name)
    except ModelError as error:
        return {"name": name, "error": str(error)}
    file, metadata = model.file, json.loads(model.metadata.to_json())
    return {
        "name": file.name,
        "path": str(file.path),
        "size_bytes": len(file.content),
        "sha256": file.sha256,
        "metadata": metadata,
    }


def _print(facts: dict[str, Any]) -> None:
    _line("mien", facts["mien"])
    _line("Python", f"{facts['python']} on {facts['platform']}")
    for package, installed in facts["packages"].items():
        _line(package, installed or "not installed")
    _line("providers", ", ".join(facts["providers"]))
    for detector, state in facts["detectors"].items():
        _line(f"detector {detector}", state)
    for model in facts["models"]:
        _print_model(model)


def _print_model(model: dict[str, Any]) -> None:
    typer.echo()
    _line("model", model["name"])
    if "error" in model:
        _line("  error", model["error"])
        return
    _line("  file", model["path"])
    _line("  size", f"{model['size_bytes'] / 1e6:.1f} MB")
    _line("  SHA-256", model["sha256"])
    metadata = model["metadata"]
    _line("  input", f"{metadata['preprocessing']['size_px']} px, grayscale")
    if metadata.get("export"):  # files of the first version do not say it
        _line("  graph", _graph(metadata["export"]))
    _line("  sets", ", ".join(metadata["labels"]))
    _line("  licence", metadata["licence"])
    chosen = f", selected on {metadata['selected_on']}" if metadata["selected_on"] else ""
    try:
        figures = dict(_figures(metadata["metrics"]))
    except (LookupError, TypeError, ValueError, AttributeError):  # models may hold any figures, also those of others
        figures = {"figures": "not in a form that can be shown here; see them with --json"}
    for name, figure in figures.items():
        _line(f"  {name}", figure + chosen)


def _graph(export: dict[str, Any]) -> str:
    batch = next(iter(export["inputs"].values()))[0]
    faces = "any number of faces" if isinstance(batch, str) else f"{batch} faces"
    return f"{export['precision']}, ONNX opset {export['opset']}, {faces} at once"


def _figures(metrics: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Accuracy by protocol, of single faces and on all images."""
    for result in metrics.get("results", ()):
        if not (result["flip_averaged"] or result["without_duplicates"]):
            value, low, high = (f"{result['accuracy'][end]:.1%}" for end in ("value", "low", "high"))
            figure = f"{value} ({low} to {high}) of {result['n']:,} images of {metrics['split']}"
            yield f"{result['protocol']} {result['name']}", figure


def _line(name: str, value: str) -> None:
    typer.echo(f"{name:<24}{printable(value)}")
