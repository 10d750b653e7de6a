"""What the network of one run answers to each measured face, kept beside the run."""

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
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
from mien.model.calibration import HEADS, Logits, scores, softmax
from mien.train.config import FACE_PX, LossConfig
from mien.train.dataloaders import fitted, stacked
from mien.train.networks.expression import multiply_adds
from mien.train.run.files import replace_file
from mien.train.run_record import run_facts

ANSWERS, RESULT = "answers.npz", "result.json"
PROTOCOLS = (P1, P2, P3, P4)

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run gave beside its answers.

    Attributes:
        weights: How many numbers the network that answers has; blocks that an export merges are merged.
        multiply_adds: Likewise, for one face.
        elapsed_s: Wall-clock seconds of the training.
        commit: That of the source that trained it; those, with commas between, where it went on by another; None if it
            is not known.
        learnt_from: Checksums of the models and weights it learnt from, by the names the configuration has.
    """

    weights: int
    multiply_adds: int
    elapsed_s: float
    commit: str | None = None
    learnt_from: Mapping[str, str] = field(default_factory=dict)


def keep_answers(run: Path, faces: LabelledFaces) -> None:
    """Has the network of a finished run answer `faces`, and keeps that in the run's folder.

    Raises:
        MienError: If an answer is not a number.
    """
    facts = run_facts(run)
    module = trained_network(run, facts)
    logits = network_logits(module, stacked(fitted(faces, module.network.channels)))
    if not all(np.isfinite(values).all() for values in logits.values()):
        raise MienError("the training came to no finite answers; lower optimizer.peak_learning_rate")
    module.network.merge()
    weights = sum(weight.numel() for weight in module.network.parameters())
    result = RunResult(
        weights=weights,
        multiply_adds=multiply_adds(module.network, FACE_PX),
        elapsed_s=facts["elapsed_s"],
        commit=", ".join(dict.fromkeys(start["commit"] for start in facts["starts"] if start["commit"])) or None,
        learnt_from=facts["learnt_from"],
    )
    content = BytesIO()
    np.savez_compressed(content, fer7=logits[FER7.name], ferplus8=logits[FERPLUS8.name])
    replace_file(run / ANSWERS, content.getvalue())
    replace_file(run / RESULT, json.dumps(asdict(result)) + "\n")  # last: where it is, all else is complete


def kept_result(run: Path) -> RunResult | None:
    """What `keep_answers` kept, or None if the run is not complete."""
    try:
        return RunResult(**json.loads((run / RESULT).read_text("utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError) as fault:
        raise MienError(f"{run / RESULT} is damaged; remove the folder {run} to train that run again") from fault


def kept_answers(run: Path) -> Logits:
    """The logits of both heads that a complete run has kept, float32 of shape (N, 7) and (N, 8)."""
    try:
        # Opened here, since numpy leaves a file open in which it finds no archive.
        with (run / ANSWERS).open("rb") as file, np.load(file, allow_pickle=False) as kept:
            return {head.name: kept[head.name] for head in HEADS}
    except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as fault:
        raise MienError(f"{run / ANSWERS} is damaged; remove the folder {run} to train that run again") from fault


def scored(
    logits: Logits, faces: LabelledFaces, protocols: Sequence[Protocol], loss: LossConfig
) -> dict[str, tuple[Floats, Floats]]:
    """By protocol's code: whether each face that counts is answered rightly, and its negative log-likelihood in nats.

    Each protocol is answered by the head that is trained for its truth, as in training. Where `loss` has it learn
    nothing, the other answers for the core four, and the head's own protocol is left out. The likelihood is that of the
    temperature which suits these faces best: what a later calibration mends is no difference between networks.
    """
    found = {}
    for protocol in protocols:
        expressions = _answering(protocol, loss)
        if expressions is None:
            continue
        counts = protocol.counts(faces)
        raw, truth = scores(logits, expressions)[counts], protocol.truth(faces)[counts]
        given = softmax(raw / best_temperature(raw, truth))
        likelihood = given[np.arange(len(truth)), truth]
        found[protocol.code] = (
            (given.argmax(axis=1) == truth).astype(np.float64),
            -np.log(np.maximum(likelihood, np.finfo(np.float64).tiny)),
        )
    return found


def _answering(protocol: Protocol, loss: LossConfig) -> ExpressionSet | None:
    """The set of expressions whose head answers by a protocol; None if none has learnt to."""
    other = {P1.code: CORE4, P2.code: CORE4_FER2013}
    weight = loss.fer7_weight if protocol in (P1, P3) else loss.ferplus8_weight
    return protocol.expressions if weight else other.get(protocol.code)
