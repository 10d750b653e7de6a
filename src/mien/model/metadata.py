"""What a model file says of itself: written by the export, read at inference; one home for the format."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mien.errors import ModelError
from mien.expressions import EXPRESSION_SETS
from mien.model.calibration import HEADS, Calibration
from mien.preprocess import Framing, Preprocessing

METADATA_KEY = "mien"
FORMAT_VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """Everything a model package declares.

    Attributes:
        name: The model's name.
        preprocessing: What its input is made of.
        calibration: How its logits become probabilities.
        licence: Licence of the weights and what is known of the data's.
        selected_on: The split on which the model was chosen or calibrated, if any.
        training: Facts about the training run: data, configuration, commit, time.
        metrics: Accuracy and other figures by protocol, with n and intervals; how far answers may be relied on.
        export: Precision, opset, dimensions of inputs and outputs, and how the file compares with its network.
    """

    name: str
    preprocessing: Preprocessing
    calibration: Calibration
    licence: str
    selected_on: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    export: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        """The text stored in the model file."""
        labels = {expressions.name: expressions.labels for expressions in EXPRESSION_SETS}
        heads = [head.name for head in HEADS]
        table = {"format_version": FORMAT_VERSION, "heads": heads, "labels": labels, **asdict(self)}
        return json.dumps(table, sort_keys=True)


def parse_metadata(text: str, path: Path) -> ModelMetadata:
    """Reads the text stored in the model file at `path`.

    Raises:
        ModelError: If it is of another format version, incomplete, or its classes differ from mien's.
    """
    try:
        table = json.loads(text)
        version = table["format_version"]
        if version != FORMAT_VERSION:
            raise ModelError(f"{path} has format version {version}; this mien reads {FORMAT_VERSION}: update mien")
        if table["heads"] != [head.name for head in HEADS]:
            raise ModelError(f"{path} has heads for {table['heads']}, which this mien cannot read; export it again")
        for expressions in EXPRESSION_SETS:
            if tuple(table["labels"][expressions.name]) != expressions.labels:
                raise ModelError(f"{path} has other {expressions.name} classes than this mien; export it again")
        preprocessing = table["preprocessing"]
        framing = Framing(**preprocessing.pop("framing"))
        return ModelMetadata(
            name=table["name"],
            preprocessing=Preprocessing(**preprocessing, framing=framing),
            calibration=_calibration(table["calibration"]),
            licence=table["licence"],
            selected_on=table["selected_on"],
            training=table["training"],
            metrics=table["metrics"],
            export=table.get("export", {}),  # not in the files of the first version
        )
    except (ValueError, KeyError, TypeError, AttributeError) as fault:
        raise ModelError(f"{path} has damaged metadata ({fault!r}); export it again") from fault


def _calibration(table: Mapping[str, Any]) -> Calibration:
    calibration = Calibration(**table)
    for expressions in EXPRESSION_SETS:
        if not calibration.temperature[expressions.name] > 0:
            raise ValueError(f"temperature of {expressions.name} is not above 0")
        float(calibration.least_support[expressions.name])
    return calibration
