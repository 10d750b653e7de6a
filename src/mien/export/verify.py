"""Whether an exported file answers as the network does: measured, and refused where it does not."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.errors import ModelError
from mien.evaluate.protocols import measurable
from mien.model.calibration import Logits, scores, softmax
from mien.model.facts import Parity, Precision
from mien.train.heads import ANSWERS


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is accepted of a file.

    Attributes:
        difference: Greatest difference of any logit; None where agreement and accuracy alone decide.
        agreement: Least share of faces with the same answer, for each answer.
        loss: Greatest loss of accuracy by any protocol.
        batch: Greatest difference of any probability between a face alone and in a batch.
    """

    difference: float | None
    agreement: float
    loss: float
    batch: float = 1e-5


BOUNDS: Mapping[Precision, Bounds] = {
    "fp32": Bounds(difference=1e-3, agreement=0.999, loss=0.001),
    "fp16": Bounds(difference=0.1, agreement=0.99, loss=0.005),
    "int8": Bounds(difference=None, agreement=0.95, loss=0.01),
}


def parity(exported: Logits, original: Logits, faces: LabelledFaces, alone: Logits) -> Parity:
    """Compares a file with its network.

    Args:
        exported: The file's logits of both heads for `faces`, run in batches.
        original: The network's logits for them.
        faces: The faces, with what truth they have.
        alone: The file's logits for the first of them, run one by one.
    """
    gaps = np.concatenate([np.abs(exported[head] - original[head]).ravel() for head in exported])
    batch_gaps = [
        np.abs(_softmax(logits) - _softmax(exported[head][: len(logits)])).max() for head, logits in alone.items()
    ]
    return Parity(
        greatest_difference=float(gaps.max()),
        mean_difference=float(gaps.mean()),
        batch_difference=float(max(batch_gaps)),
        agreement={
            name: float((scores(exported, answer).argmax(axis=1) == scores(original, answer).argmax(axis=1)).mean())
            for name, answer in ANSWERS.items()
        },
        accuracy=_accuracy(exported, faces),
        network_accuracy=_accuracy(original, faces),
    )


def check_parity(found: Parity, precision: Precision) -> None:
    """Raises `ModelError`, saying by how much, where a file is not within the bounds of its precision."""
    bounds = BOUNDS[precision]
    faults = []
    if bounds.difference is not None and not found.greatest_difference <= bounds.difference:
        faults.append(f"by {found.greatest_difference:.2g} in its logits (at most {bounds.difference:g} is accepted)")
    if not found.batch_difference <= bounds.batch:
        faults.append(f"by {found.batch_difference:.2g} from itself for a face in a batch (at most {bounds.batch:g})")
    faults += [
        f"in its {name} answers, of which {share:.2%} agree (at least {bounds.agreement:.1%})"
        for name, share in found.agreement.items()
        if not share >= bounds.agreement
    ]
    faults += [
        f"by {code}: {accuracy:.2%} for {found.network_accuracy[code]:.2%} (at most {bounds.loss:.1%} less)"
        for code, accuracy in found.accuracy.items()
        if found.network_accuracy[code] - accuracy > bounds.loss
    ]
    if faults:
        raise ModelError(f"the {precision} file differs from the network {'; '.join(faults)}; nothing was written")


def _accuracy(logits: Logits, faces: LabelledFaces) -> dict[str, float]:
    """Share right by each protocol; temperature changes no answer."""
    shares = {}
    for protocol in (each for each in measurable(faces) if each.expressions.name in ANSWERS):
        counts = protocol.counts(faces)
        predictions = scores(logits, ANSWERS[protocol.expressions.name])[counts].argmax(axis=1)
        shares[protocol.code] = float((predictions == protocol.target(faces[counts])).mean())
    return shares


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    return softmax(logits.astype(np.float64))
