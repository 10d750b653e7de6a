"""What the network of one run predicts for each validation face, kept beside the run."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.errors import MienError
from mien.evaluate.protocols import P1, P2, P3, P4, Protocol
from mien.export.calibrate import best_temperature
from mien.export.onnx_graph import network_logits, trained_network
from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet
from mien.files import replace_file
from mien.model.calibration import Logits, scores, softmax
from mien.model.layers import total_multiply_adds, total_weights
from mien.results import to_jsonable
from mien.train.config import FACE_PX, LossConfig
from mien.train.dataloaders import fitted, stacked
from mien.train.heads import ANSWERS as HEAD_ANSWERS
from mien.train.heads import HEADS
from mien.train.run_record import read_record

PREDICTIONS, RESULT = "predictions.npz", "result.json"
PROTOCOLS = (P1, P2, P3, P4)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What is kept of a run beside its predictions.

    Attributes:
        weights: Number of weights of the network as it is exported, with blocks and normalizations merged.
        multiply_adds: Of the same network, for one face.
        elapsed_s: Wall-clock seconds of the training.
        commit: Of the source that trained it; several, with commas between, where it was continued by another; None if
            it is not known.
        sources: Checksums of the models and weights that it started from or was taught by, by their names in the
            configuration.
    """

    weights: int
    multiply_adds: int
    elapsed_s: float
    commit: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)


def keep_predictions(run: Path, faces: LabelledFaces) -> None:
    """Keeps what the network of a finished run predicts for `faces` in the folder of the run.

    Raises:
        MienError: If a prediction is NaN or infinite.
    """
    record = read_record(run)
    module = trained_network(run, record)
    logits = network_logits(module, stacked(fitted(faces, module.network.channels)))
    if not all(np.isfinite(values).all() for values in logits.values()):
        raise MienError("the trained network predicts NaN or infinite values; lower optimizer.peak_learning_rate")
    module.network.merge()
    layers = module.network.layers(FACE_PX)
    result = RunResult(
        weights=total_weights(layers),
        multiply_adds=total_multiply_adds(layers),
        elapsed_s=record.elapsed_s,
        commit=record.commits,
        sources=record.sources,
    )
    content = BytesIO()
    np.savez_compressed(content, fer7=logits[FER7.name], ferplus8=logits[FERPLUS8.name])
    replace_file(run / PREDICTIONS, content.getvalue())
    replace_file(run / RESULT, json.dumps(to_jsonable(result)) + "\n")  # last: where it is, all else is complete


def kept_result(run: Path) -> RunResult | None:
    """What `keep_predictions` kept, or None if the run is not complete."""
    try:
        return RunResult(**json.loads((run / RESULT).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as fault:
        raise MienError(f"{run / RESULT} is damaged; remove the folder {run} to train it again") from fault


def kept_predictions(run: Path) -> Logits:
    """The logits of both heads that a complete run has kept, float32 of shape (N, 7) and (N, 8)."""
    try:
        # Opened here, since numpy leaves a file open in which it finds no archive.
        with (run / PREDICTIONS).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {head.name: kept[head.name] for head in HEADS}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as fault:
        raise MienError(f"{run / PREDICTIONS} is damaged; remove the folder {run} to train it again") from fault


def correct_and_loss(
    logits: Logits, faces: LabelledFaces, protocols: Sequence[Protocol], loss: LossConfig
) -> dict[str, tuple[Floats, Floats]]:
    """By protocol: 1 for each labelled face that is predicted correctly, else 0; and its negative log-likelihood.

    Each protocol is predicted by the head that is trained on its labels. Where the weight of that head in `loss` is 0,
    the other head predicts the core four, and the protocol of all its expressions is left out. The likelihood, in nats,
    is at the temperature that is best on these faces, since calibration would remove that difference anyway.
    """
    found = {}
    for protocol in protocols:
        expressions = _expressions_of(protocol, loss)
        if expressions is None:
            continue
        counts = protocol.counts(faces)
        raw, target = scores(logits, HEAD_ANSWERS[expressions.name])[counts], protocol.target(faces)[counts]
        probabilities = softmax(raw / best_temperature(raw, target))
        likelihood = probabilities[np.arange(len(target)), target]
        found[protocol.code] = (
            (probabilities.argmax(axis=1) == target).astype(np.float64),
            -np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)),
        )
    return found


def _expressions_of(protocol: Protocol, loss: LossConfig) -> ExpressionSet | None:
    """The set of expressions whose head predicts by a protocol; None if no head is trained for it."""
    other = {P1.code: CORE4, P2.code: CORE4_FER2013}
    weight = loss.fer7_weight if protocol in (P1, P3) else loss.ferplus8_weight
    return protocol.expressions if weight else other.get(protocol.code)
