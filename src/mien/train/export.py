"""From a training run to a model package: one ONNX file that describes itself, checked against the network."""

import logging
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from mien.calibration import HEADS, Calibration, Logits
from mien.data.faces import LabelledFaces
from mien.errors import ConfigError, ModelError, first_line
from mien.evaluate.classifier import classifier_of
from mien.evaluate.evaluation import Result, evaluate
from mien.evaluate.protocols import measurable
from mien.metadata import METADATA_KEY, ModelMetadata
from mien.model import ExpressionModel, load_model
from mien.train.calibrate import calibrate, calibration_part
from mien.train.card import write_card
from mien.train.config import TrainingConfig
from mien.train.fit import CHECKPOINT, preprocessing_of, run_facts
from mien.train.module import ExpressionTraining

OPSET = 18
_BATCH = 256
GREATEST_DIFFERENCE = 1e-3
"""Greatest difference between the file's logits and the network's with which an export is accepted."""

HELD_OUT_SPLIT = "PublicTest"
"""The only split by which a model may be chosen and on which it is calibrated."""

LICENCE = (
    "Weights: Apache-2.0. Trained on FER2013 (Goodfellow et al., 2013), whose images' licence is not clearly stated, "
    "with FER+ votes (Barsoum et al., 2016; MIT)."
)


@dataclass(frozen=True, slots=True)
class Export:
    """A written model package.

    Attributes:
        path: The ONNX file.
        card: The model card in Markdown, beside it.
        greatest_difference: Greatest difference of any logit between the file and the network.
        agreement: Share of faces and heads for which both give the same answer.
        results: The file's figures on the held-out faces.
    """

    path: Path
    card: Path
    greatest_difference: float
    agreement: float
    results: tuple[Result, ...]


def export(run: Path, held_out: LabelledFaces, path: Path) -> Export:
    """Writes the model package of a finished run.

    Args:
        run: The run's folder.
        held_out: Faces to calibrate on (the part that `calibration_part` chooses) and to measure on (all).
        path: The file to write; its stem becomes the model's name.

    Raises:
        ConfigError: If there is no finished run in the folder, or the file cannot be written.
        ModelError: If the file's answers differ from the network's; nothing is written then.
    """
    if path.suffix != ".onnx":
        raise ConfigError(f"the model file must be named *.onnx, since its card gets the same name; got {path}")
    facts = run_facts(run)
    network = trained_network(run, facts)
    metadata = ModelMetadata(
        name=path.stem,
        preprocessing=network.preprocessing,
        calibration=Calibration.neutral(),
        licence=LICENCE,
        selected_on=HELD_OUT_SPLIT,
        training={key: facts[key] for key in ("config", "data", "elapsed_s", "commit", "torch", "mien")},
    )
    graph = to_onnx(network, metadata.preprocessing.size_px)
    original = network_logits(network, held_out.pixels)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place, so that it can be moved there in one step; never a half-written model.
        with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            return _export(graph, metadata, held_out, original, Path(folder) / path.name)
    except OSError as fault:
        raise ConfigError(f"cannot write {path}: {fault.strerror}; name another file") from fault


def _export(
    graph: onnx.ModelProto, metadata: ModelMetadata, held_out: LabelledFaces, original: Logits, draft: Path
) -> Export:
    """Checks, calibrates and measures the model in `draft`, and moves it and its card one folder up."""
    _write(draft, graph, metadata)
    logits = load_model(draft).logits(held_out.pixels)
    difference, agreement = parity(logits, original)
    part = calibration_part(held_out)
    calibration = calibrate({name: values[part] for name, values in logits.items()}, held_out[part])
    metadata = replace(metadata, calibration=calibration)
    _write(draft, graph, metadata)
    results = measured(load_model(draft), held_out)
    metrics = {"split": HELD_OUT_SPLIT, "results": [result.to_dict() for result in results]}
    _write(draft, graph, replace(metadata, metrics=metrics))
    card = write_card(draft)
    place = draft.parent.parent
    return Export(draft.replace(place / draft.name), card.replace(place / card.name), difference, agreement, results)


def trained_network(run: Path, facts: Mapping[str, Any]) -> ExpressionTraining:
    """The network of a finished run with its averaged weights, ready to answer."""
    module = ExpressionTraining(TrainingConfig.model_validate(facts["config"]), preprocessing_of(facts))
    if facts["epochs_done"] < module.config.epochs:
        raise ConfigError(f"the run in {run} is not finished; go on with: mien train --resume")
    try:
        checkpoint = torch.load(run / CHECKPOINT, map_location="cpu", weights_only=True)
        module.load_state_dict(checkpoint["state_dict"])
    except Exception as fault:  # torch's loader lets through whatever the damage leads to
        raise ConfigError(f"cannot load {run / CHECKPOINT}: {first_line(fault)}; train again") from fault
    return module.eval()


def to_onnx(module: ExpressionTraining, size_px: int) -> onnx.ModelProto:
    """The network alone as ONNX: input `faces` of shape (batch, 1, size_px, size_px), one output for each head."""
    with warnings.catch_warnings():
        # The exporter warns of torch's own use of what torch has deprecated, and of torchvision, which is not needed.
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            module.network,
            (torch.zeros(2, 1, size_px, size_px),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["faces"],
            output_names=[f"{head.name}_logits" for head in HEADS],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    if program is None:
        raise ModelError("the network could not be exported to ONNX")
    return program.model_proto


def network_logits(module: ExpressionTraining, pixels: NDArray[np.uint8]) -> Logits:
    """The network's own logits, for comparison with the exported file's."""
    with torch.inference_mode():
        parts = [module(batch) for batch in torch.split(torch.from_numpy(pixels[:, None]), _BATCH)]
    return {head.name: torch.cat([part[i] for part in parts]).numpy() for i, head in enumerate(HEADS)}


def parity(exported: Logits, original: Logits) -> tuple[float, float]:
    """Greatest difference of any logit, and the share of equal answers; `ModelError` if either is not good enough."""
    difference = max(float(np.abs(exported[head.name] - original[head.name]).max()) for head in HEADS)
    agreement = float(np.mean([exported[h.name].argmax(axis=1) == original[h.name].argmax(axis=1) for h in HEADS]))
    if difference > GREATEST_DIFFERENCE:
        raise ModelError(
            f"the exported file differs from the network by {difference:.2g} in its logits "
            f"(at most {GREATEST_DIFFERENCE:g} is accepted); nothing was written"
        )
    return difference, agreement


def measured(model: ExpressionModel, faces: LabelledFaces) -> tuple[Result, ...]:
    """The model's figures by every protocol that `faces` have truth for."""
    protocols = measurable(faces)
    return evaluate(classifier_of(model, dict.fromkeys(p.expressions for p in protocols)), faces, protocols)


def _write(path: Path, graph: onnx.ModelProto, metadata: ModelMetadata) -> None:
    del graph.metadata_props[:]
    onnx.helper.set_model_props(graph, {METADATA_KEY: metadata.to_json()})
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))
