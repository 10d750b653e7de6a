"""How much accuracy is lost where pictures get worse."""

from dataclasses import dataclass, replace

import numpy as np

from mien.data.faces import LabelledFaces
from mien.evaluate.analysis.corruption import CORRUPTIONS, SEVERITIES, Corruption
from mien.evaluate.classifier import Classifier, checked_probabilities
from mien.evaluate.metrics import SEED, Estimate, proportion
from mien.evaluate.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Worsened:
    """Accuracy on faces that were made worse in one way.

    Attributes:
        corruption: The way.
        unit: What the strengths are.
        strengths: Strength at each severity, 1 to 5.
        accuracy: Accuracy at each severity.
    """

    corruption: str
    unit: str
    strengths: tuple[float, ...]
    accuracy: tuple[Estimate, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over the severities."""
        return sum(estimate.value for estimate in self.accuracy) / len(self.accuracy)


@dataclass(frozen=True, slots=True)
class Robustness:
    """Accuracy on the same faces as they are and made worse.

    Attributes:
        protocol: Code of the protocol.
        images: Faces measured.
        seed: Seed of what is random.
        clean: Accuracy on the faces as they are.
        worsened: Accuracy on them made worse, by corruption.
    """

    protocol: str
    images: int
    seed: int
    clean: Estimate
    worsened: tuple[Worsened, ...]

    @property
    def mean(self) -> float:
        """Mean accuracy over all corruptions and severities."""
        return sum(row.mean for row in self.worsened) / len(self.worsened)


def robustness(
    classifier: Classifier, faces: LabelledFaces, protocol: Protocol, *, most: int, seed: int = SEED
) -> Robustness:
    """Measures a classifier on faces made worse in nine ways and five severities.

    Args:
        classifier: What to measure.
        faces: Labelled faces.
        protocol: By which answers are right; at least one face must count by it.
        most: At most so many faces, drawn from those that count; each is looked at 46 times.
        seed: Of the draw and of what is random in the corruptions; each severity has draws of its own.
    """
    counted = np.flatnonzero(protocol.counts(faces))
    chosen = np.sort(np.random.default_rng(seed).choice(counted, min(most, len(counted)), replace=False))
    measured = faces[chosen]
    return Robustness(
        protocol=protocol.code,
        images=len(measured),
        seed=seed,
        clean=_accuracy(classifier, measured, protocol),
        worsened=tuple(_worsened(classifier, measured, protocol, way, seed + i) for i, way in enumerate(CORRUPTIONS)),
    )


def _worsened(
    classifier: Classifier, faces: LabelledFaces, protocol: Protocol, corruption: Corruption, seed: int
) -> Worsened:
    accuracy = []
    for severity in SEVERITIES:
        rng = np.random.default_rng([seed, severity])
        pixels = corruption(faces.pixels, severity, rng=rng)
        accuracy.append(_accuracy(classifier, replace(faces, pixels=pixels), protocol))
    return Worsened(corruption.name, corruption.unit, corruption.strengths, tuple(accuracy))


def _accuracy(classifier: Classifier, faces: LabelledFaces, protocol: Protocol) -> Estimate:
    answers = checked_probabilities(classifier, faces.pixels, [protocol.expressions])[protocol.expressions.name]
    return proportion(int((answers.argmax(axis=1) == protocol.truth(faces)).sum()), len(faces))
