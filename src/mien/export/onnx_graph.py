"""A trained network, and the same as an ONNX graph."""

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray

from mien.errors import ModelError
from mien.model.calibration import Logits
from mien.model.calibration_faces import CALIBRATION_KEY, CalibrationFaces
from mien.model.metadata import METADATA_KEY, ModelMetadata
from mien.train.dataloaders import with_channels
from mien.train.heads import HEADS
from mien.train.module import ExpressionTraining
from mien.train.run_record import RunRecord, refuse_unfinished
from mien.train.trainer import CHECKPOINT

OPSET = 18
_BATCH = 256


def trained_network(run: Path, record: RunRecord) -> ExpressionTraining:
    """The network of a finished run with its averaged weights, ready to answer; `ConfigError` if it is not finished."""
    refuse_unfinished(run, record)
    module = ExpressionTraining(record.config, record.input)
    module.load_weights(run / CHECKPOINT)
    return module.eval()


def network_logits(module: ExpressionTraining, pixels: NDArray[np.uint8]) -> Logits:
    """The network's own logits, for comparison with the exported file's."""
    with torch.inference_mode():
        parts = [module(batch) for batch in torch.split(torch.from_numpy(with_channels(pixels)), _BATCH)]
    return {head.name: torch.cat([part[i] for part in parts]).numpy() for i, head in enumerate(HEADS)}


def to_onnx(module: ExpressionTraining) -> onnx.ModelProto:
    """The network alone as ONNX: input `faces` of shape (batch, channels, height, width), one output for each head."""
    with warnings.catch_warnings():
        # The exporter warns of torch's own use of what torch has deprecated, and of torchvision, which is not needed.
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        warnings.simplefilter("ignore", FutureWarning)
        warnings.simplefilter("ignore", DeprecationWarning)
        program = torch.onnx.export(
            module.network,
            (torch.zeros(2, *module.preprocessing.input_shape),),
            dynamo=True,
            opset_version=OPSET,
            input_names=["faces"],
            output_names=[f"{head.name}_logits" for head in HEADS],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    if program is None:
        raise ModelError("the network could not be exported to ONNX")
    graph = program.model_proto
    _forget_the_exporter(graph)
    return graph


def opset_of(graph: onnx.ModelProto) -> int:
    """The version of ONNX's operators that a graph asks for."""
    return int(next(opset.version for opset in graph.opset_import if opset.domain in ("", "ai.onnx")))


def write_model(
    path: Path, graph: onnx.ModelProto, metadata: ModelMetadata, faces: CalibrationFaces | None = None
) -> None:
    """Writes the file, with the faces its calibration rests on; the same of all gives the same bytes."""
    del graph.metadata_props[:]
    texts = {METADATA_KEY: metadata.to_json()}
    if faces is not None:
        texts[CALIBRATION_KEY] = faces.to_text()
    onnx.helper.set_model_props(graph, texts)
    onnx.checker.check_model(graph, full_check=True)
    path.write_bytes(graph.SerializeToString(deterministic=True))


def _forget_the_exporter(graph: onnx.ModelProto) -> None:
    """Removes what torch notes of how each part came about: places on this machine, for the most part."""
    parts = graph.graph
    for part in (graph, parts, *parts.node, *parts.input, *parts.output, *parts.value_info, *parts.initializer):
        del part.metadata_props[:]
