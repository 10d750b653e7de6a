"""`mien info`: what is installed here, for a look and for reports of faults."""

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mien._version import __version__
from mien.cli.table import printable
from mien.errors import MienError, ModelError
from mien.results import to_jsonable

if TYPE_CHECKING:
    from mien.model.calibration import Answer
    from mien.model.facts import ModelMetrics
    from mien.model.metadata import ModelMetadata

PACKAGES = ("numpy", "onnxruntime", "pillow", "typer", "rich", "torch")


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
    """Show versions, shipped models with their checksums, detectors and ONNX Runtime's providers.

    Exits with 1 where a model or a detector is broken; the rest is shown all the same.
    """
    facts = _facts(model, yunet_model)
    if as_json:
        typer.echo(json.dumps(to_jsonable(facts), indent=2))
    else:
        _print(facts)
    if any("error" in shown for shown in (*facts["models"], *facts["detectors"].values())):
        raise typer.Exit(1)


def _facts(model: str | None, yunet_model: Path | None) -> dict[str, Any]:
    import platform

    from mien.detect import DETECTORS
    from mien.model.session import providers

    return {
        "mien": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": {package: _version(package) for package in (*PACKAGES, *_opencv())},
        "providers": providers(),
        "detectors": {name: _detector(name, yunet_model) for name in DETECTORS},
        "models": _models(model),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _opencv() -> Sequence[str]:
    """The packages that OpenCV comes from here; there are several of the same."""
    return packages_distributions().get("cv2", ("opencv-python-headless",))


def _detector(name: str, yunet_model: Path | None) -> dict[str, str]:
    """Whether a detector runs here, and what it needs if not; loading it verifies its files."""
    from mien.detect import YuNet, load_detector

    if name == "yunet" and yunet_model is None:
        extra = "" if find_spec("cv2") else "pip install 'mien[yunet]' and "
        return {"state": f"needs {extra}--yunet-model"}
    try:
        detector = YuNet(yunet_model) if name == "yunet" and yunet_model else load_detector(name, threads=1)
    except MienError as error:
        return {"error": str(error)}
    checksum = getattr(detector, "sha256", None)
    return {"state": f"ready with {yunet_model}, SHA-256 {checksum}" if checksum else "ready"}


def _models(model: str | None) -> list[dict[str, Any]]:
    """The models that come with mien, and the one asked for."""
    from mien.model.package import shipped_models

    asked = [model] if model else []
    try:
        names = dict.fromkeys([*shipped_models(), *asked])
    except ModelError as error:
        return [{"name": "shipped", "error": str(error)}]
    return [_model(name) for name in names]


def _model(name: str) -> dict[str, Any]:
    from mien.model.package import load_model

    try:
        model = load_model(name)
    except ModelError as error:
        return {"name": name, "error": str(error)}
    file = model.file
    return {
        "name": file.name,
        "path": str(file.path),
        "size_bytes": len(file.content),
        "sha256": file.sha256,
        "metadata": model.metadata,
    }


def _print(facts: dict[str, Any]) -> None:
    _line("mien", facts["mien"])
    _line("Python", f"{facts['python']} on {facts['platform']}")
    for package, installed in facts["packages"].items():
        _line(package, installed or "not installed")
    _line("providers", ", ".join(facts["providers"]))
    for detector, state in facts["detectors"].items():
        _line(f"detector {detector}", state["state"] if "state" in state else f"error: {state['error']}")
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
    metadata: ModelMetadata = model["metadata"]
    asked = metadata.input
    sides = f"{asked.width} px" if asked.width == asked.height else f"{asked.width} × {asked.height} px"
    _line("  input", f"{sides}, {'grayscale' if asked.channels == 'gray' else 'RGB'}")
    if metadata.export:
        facts = metadata.export
        _line("  graph", f"{facts.precision}, ONNX opset {facts.opset}, any number of faces at once")
    for name, answer in metadata.answers.items():
        _line(f"  set {name}", ", ".join(answer.labels))
        _line("    by default", _terms(answer))
    _line("  license", metadata.license or "not stated")
    chosen = f", selected on {metadata.selected_on}" if metadata.selected_on else ""
    for name, figure in _metrics(metadata.metrics):
        _line(f"  {name}", figure + chosen)


def _terms(answer: "Answer") -> str:
    """By what prior an answer is given, and how many are certain at what risk, where nothing else is asked for."""
    from mien.model.priors import prior_words
    from mien.report.format import percent_sign

    prior = f"prior {prior_words(answer.prior, answer.labels)}"
    if answer.coverage is None:
        return prior
    certain = percent_sign(answer.coverage, 0) if answer.coverage else "none"
    return f"{prior}; risk {percent_sign(answer.risk, 0)}: {certain} of the faces calibrated on are certain"


def _metrics(metrics: "ModelMetrics | None") -> Iterator[tuple[str, str]]:
    """Accuracy by protocol, of single faces and on all images."""
    from mien.report.format import share_sign

    if metrics is None:
        return
    for result in metrics.plain:
        figure = f"{share_sign(result.accuracy)} of {result.n:,} images of {metrics.split}"
        yield f"{result.protocol} {result.name}", figure


def _line(name: str, value: str) -> None:
    typer.echo(f"{name:<24}{printable(value)}")
