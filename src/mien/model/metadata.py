"""What a model file says of itself: written by the export, read at inference; one home for the format."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien._version import __version__
from mien.errors import ModelError, UnknownExpressionSet, choose_from
from mien.model.calibration import Answer
from mien.model.facts import ExportFacts, ModelMetrics, TrainingFacts
from mien.model.layers import Layer
from mien.model.records import from_jsonable
from mien.preprocess import Preprocessing
from mien.results import to_jsonable

METADATA_KEY = "mien"
FORMAT_VERSION = 2


@dataclass(frozen=True, slots=True)
class ModelMetadata:
    """Everything a model file declares.

    Attributes:
        name: The model's name.
        input: What its input is made of.
        heads: Labels of each of the network's outputs, by the name of the head; the output `{head}_logits` has as many.
        answers: What the model can be asked for, by name, one or more; the first is the default.
        license: License of the weights and what is known of the data's.
        selected_on: The split on which the model was chosen or calibrated, if any.
        version: The version of mien that wrote the file.
        training: The training it comes from, if that is known.
        metrics: Accuracy and other metrics by protocol, if they were measured.
        export: How the file was made of its network, if it was.
        layers: The network's layers, each after those that it reads; none if they are not known.

    Raises:
        ValueError: If its parts do not fit together.
    """

    name: str
    input: Preprocessing
    heads: Mapping[str, tuple[str, ...]]
    answers: Mapping[str, Answer]
    license: str = ""
    selected_on: str | None = None
    version: str = __version__
    training: TrainingFacts | None = None
    metrics: ModelMetrics | None = None
    export: ExportFacts | None = None
    layers: tuple[Layer, ...] = ()

    def __post_init__(self) -> None:
        if not (self.heads and self.answers):
            raise ValueError("heads and answers must be one or more")
        for name, answer in self.answers.items():
            labels = self.heads.get(answer.head)
            if labels is None:
                raise ValueError(f"answers.{name}: there is no head {answer.head!r}; heads are {', '.join(self.heads)}")
            if not all(0 <= position < len(labels) for position in answer.positions):
                raise ValueError(f"answers.{name}: positions {answer.positions} are not all among {len(labels)} labels")

    @property
    def default_answer(self) -> str:
        """The name of the first answer, which is given where none is asked for."""
        return next(iter(self.answers))

    def answer(self, name: str) -> Answer:
        """The answer called `name`; raises `UnknownExpressionSet`, naming those of this model, for any other name."""
        if name not in self.answers:
            raise UnknownExpressionSet(choose_from("set of expressions", name, tuple(self.answers)))
        return self.answers[name]

    def to_json(self) -> str:
        """The text stored in the model file."""
        return json.dumps({"format_version": FORMAT_VERSION, **to_jsonable(self)}, separators=(",", ":"))


def parse_metadata(text: str, path: Path) -> ModelMetadata:
    """Reads the text stored in the model file at `path`.

    What it says is taken as it is: labels and sets of expressions that this version has never heard of are as good as
    its own.

    Raises:
        ModelError: If it is of another format version, or incomplete or contradictory.
    """
    try:
        table: dict[str, Any] = dict(json.loads(text))
        version = table.pop("format_version")
    except (ValueError, KeyError, TypeError) as fault:
        raise ModelError(f"{path} has damaged metadata ({fault!r}); export it again") from fault
    if version != FORMAT_VERSION:
        remedy = "update mien" if isinstance(version, int) and version > FORMAT_VERSION else "export it again"
        raise ModelError(f"{path} has format version {version}; this mien reads {FORMAT_VERSION}: {remedy}")
    try:
        return from_jsonable(ModelMetadata, table)
    except ValueError as fault:
        raise ModelError(f"{path} has damaged metadata ({fault}); export it again") from fault
