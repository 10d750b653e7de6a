"""What an export is made of: the network of a finished run, or a model file in float32."""

from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint
from mien.errors import ConfigError
from mien.export.card import license_note
from mien.export.onnx_graph import network_logits, to_onnx, trained_network
from mien.model.calibration import Logits
from mien.model.facts import TrainingFacts
from mien.model.layers import Layer
from mien.model.package import ExpressionModel, load_model
from mien.preprocess import Framing, Preprocessing, fit_crops
from mien.train.heads import HEADS
from mien.train.run_record import read_record, refuse_unfinished

FRAMING = Framing(scale=1.05, upright=True)
"""How crops are framed as those of FER2013 are; see docs/decisions/0005-framing.md."""


@dataclass(frozen=True, slots=True)
class Source:
    """A network in float32, before it is calibrated and measured.

    Attributes:
        graph: As ONNX, without metadata.
        logits: What it gives for the held-out faces.
        input: What its input is made of.
        layers: Its layers.
        training: The training it comes from.
        license: License of the weights and what is known of the data's.
    """

    graph: onnx.ModelProto
    logits: Logits
    input: Preprocessing
    layers: tuple[Layer, ...]
    training: TrainingFacts
    license: str


def facts_of(source: Path) -> TrainingFacts:
    """What is known of the training of a finished run, or of a model file in float32.

    Raises:
        ConfigError: If there is no finished run in the folder, or the file is of another precision or has other heads
            than training gives.
        ModelError: If there is no such file, or it is damaged.
    """
    if _is_file(source):
        return _training_of(load_model(source))
    record = read_record(source)
    refuse_unfinished(source, record)
    return record.facts


def read_source(source: Path, validation: LabelledFaces, framing: Framing | None, data_license: str) -> Source:
    """The network of a finished run, or of a model file in float32.

    Args:
        source: The run's folder, or the file.
        validation: Faces to compare it on.
        framing: Where the crop lies around a detected face; None for `FRAMING`, or the file's own.
        data_license: License of the pictures trained on; empty if it is not stated, or as the file says.

    Raises:
        ConfigError: As for `facts_of`, or if the held-out faces are others than those of the training.
        ModelError: As for `facts_of`.
    """
    training = facts_of(source)
    if fingerprint(validation) != training.data.held_out_sha256:
        raise ConfigError(
            f"the validation faces are not those that {source} was validated on; name the data it was trained on"
        )
    note = license_note(training.data, training.config["network"], data_license)
    if _is_file(source):
        model = load_model(source)
        metadata = model.metadata
        return Source(
            graph=onnx.load_from_string(model.file.content),
            logits=model.logits(validation.crops),
            input=replace(metadata.input, framing=framing or metadata.input.framing),
            layers=metadata.layers,
            training=training,
            license=note if data_license else metadata.license,
        )
    network = trained_network(source, read_record(source))
    logits = network_logits(network, fit_crops(validation.crops, network.preprocessing))
    network.network.merge()
    asked = replace(network.preprocessing, framing=framing or FRAMING)
    layers = network.network.layers(asked.height)
    return Source(to_onnx(network), logits, asked, layers, training, note)


def _is_file(source: Path) -> bool:
    return source.suffix == ".onnx"


def _training_of(model: ExpressionModel) -> TrainingFacts:
    metadata, path = model.metadata, model.file.path
    if metadata.training is None or metadata.export is None or metadata.export.precision != "fp32":
        raise ConfigError(f"cannot export {path}: it must be in fp32 and say how it was trained")
    if dict(metadata.heads) != {head.name: head.labels for head in HEADS}:
        raise ConfigError(f"cannot export {path}: its heads are {', '.join(metadata.heads)}, not those of a training")
    return metadata.training
