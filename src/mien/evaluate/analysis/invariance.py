"""Whether predictions depend on batch, order, threads or input path: they must not."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.classifiers import Classifier, Probabilities, collected
from mien.preprocess import Crops
from mien.stats import SEED

TOLERANCE = 1e-5
"""Greatest difference of a probability that is not worth speaking of."""

BATCH_SIZES = (2, 4, 8, 16, 32, 64, 128, 256)

_ALL = 64  # at once where nothing is said of batches


@dataclass(frozen=True, slots=True)
class InvarianceRow:
    """Predictions come by in one way, against those for each face alone.

    Attributes:
        way: What was done.
        greatest_difference: Greatest difference of any probability.
        changed: Faces whose most probable expression is another, by any set of expressions.
    """

    way: str
    greatest_difference: float
    changed: int


@dataclass(frozen=True, slots=True)
class Invariance:
    """Predictions come by in many ways.

    Attributes:
        images: Faces asked about.
        tolerance: `TOLERANCE`.
        rows: What was found, by way.
    """

    images: int
    tolerance: float
    rows: tuple[InvarianceRow, ...]

    @property
    def greatest_difference(self) -> float:
        """Greatest difference of any probability in any way."""
        return max(row.greatest_difference for row in self.rows)

    @property
    def holds(self) -> bool:
        """Whether no probability differs by more than the tolerance."""
        return self.greatest_difference <= self.tolerance


def invariance(classifier: Classifier, crops: Crops, *, most: int) -> Invariance:
    """Asks a classifier about the same faces in many ways.

    Args:
        classifier: What to ask.
        crops: Faces; of equal ones, one is asked about, since copies would tell nothing of what is beside a face.
        most: About how many to ask, drawn at random.

    Raises:
        ModelError: If it cannot be asked.
    """
    distinct = sorted({crop.tobytes(): position for position, crop in reversed(list(enumerate(crops)))}.values())
    chosen = np.random.default_rng(SEED).permutation(distinct)[:most]
    asked = [crops[position] for position in chosen.tolist()]
    opened = classifier.with_threads(None)
    alone = opened.predict(collected(asked), batch=1)
    rows = [_row(way, given, alone) for way, given in _ways(opened, asked)]
    rows.append(_row("from PNG files", _through_files(classifier, asked), alone))
    return Invariance(len(asked), TOLERANCE, tuple(rows))


def _ways(classifier: Classifier, crops: Sequence[NDArray[np.uint8]]) -> Iterator[tuple[str, Probabilities]]:
    together = collected(crops)
    for size in BATCH_SIZES:
        yield f"in batches of {size}", classifier.predict(together, batch=size)
    order = np.random.default_rng(SEED).permutation(len(crops))
    shuffled = collected([crops[position] for position in order.tolist()])
    for size in (_ALL, BATCH_SIZES[-1]):
        given = classifier.predict(shuffled, batch=size)
        # Where each face went: the inverse of the order.
        yield f"shuffled, in batches of {size}", {name: found[np.argsort(order)] for name, found in given.items()}
    for threads in sorted({1, 2, cpu_count() or 1}):
        with_threads = classifier.with_threads(threads)
        yield f"by {threads} thread{'s' * (threads > 1)}", with_threads.predict(together, batch=_ALL)
    strided = [np.repeat(crop, 2, axis=1)[:, ::2] for crop in crops]
    if isinstance(together, np.ndarray):
        yield "from a strided array", classifier.predict(np.repeat(together, 2, axis=2)[:, :, ::2], batch=_ALL)
    else:
        yield "from strided arrays", classifier.predict(strided, batch=_ALL)


def _through_files(classifier: Classifier, crops: Sequence[NDArray[np.uint8]]) -> Probabilities:
    with TemporaryDirectory(prefix="mien-invariance-") as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(len(crops))]
        for path, face in zip(paths, crops, strict=True):
            Image.fromarray(face).save(path)
        return classifier.predict_files(paths)


def _row(way: str, given: Probabilities, alone: Mapping[str, NDArray[np.float64]]) -> InvarianceRow:
    differences = [np.abs(found - alone[name]).max() for name, found in given.items()]
    changed = [found.argmax(axis=1) != alone[name].argmax(axis=1) for name, found in given.items()]
    return InvarianceRow(way, float(max(differences)), int(np.any(changed, axis=0).sum()))
