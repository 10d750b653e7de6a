"""Whether a face gets the same answer whatever else is asked for, in whatever order, and whichever way it comes in."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from os import cpu_count
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.classifiers import Answers
from mien.stats import SEED

TOLERANCE = 1e-5
"""Greatest difference of a probability that is not worth speaking of."""

BATCH_SIZES = (2, 4, 8, 16, 32, 64, 128, 256)

_ALL = 64  # at once where nothing is said of batches

BatchClassifier = Callable[[NDArray[np.uint8], int], Answers]
"""Answers for faces of shape (N, 48, 48), asked for so many at once."""


@dataclass(frozen=True, slots=True)
class ParityRow:
    """Answers come by in one way, against those for each face alone.

    Attributes:
        way: What was done.
        greatest_difference: Greatest difference of any probability.
        changed: Faces whose most probable expression is another, by any set of expressions.
    """

    way: str
    greatest_difference: float
    changed: int


@dataclass(frozen=True, slots=True)
class Parity:
    """Answers come by in many ways.

    Attributes:
        images: Faces asked about.
        tolerance: `TOLERANCE`.
        rows: What was found, by way.
    """

    images: int
    tolerance: float
    rows: tuple[ParityRow, ...]

    @property
    def greatest_difference(self) -> float:
        """Greatest difference of any probability in any way."""
        return max(row.greatest_difference for row in self.rows)

    @property
    def holds(self) -> bool:
        """Whether no probability differs by more than the tolerance."""
        return self.greatest_difference <= self.tolerance


def parity(
    opened: Callable[[int | None], BatchClassifier],
    from_files: Callable[[Sequence[Path]], Answers],
    pixels: NDArray[np.uint8],
) -> Parity:
    """Asks a classifier about the same faces in many ways.

    Args:
        opened: Loads the classifier for a number of threads; None leaves the number to it.
        from_files: Its answers for picture files that are one face each.
        pixels: Distinct faces, uint8 of shape (N, 48, 48), at least two.
    """
    classify = opened(None)
    alone = classify(pixels, 1)
    rows = [_row(way, answers, alone) for way, answers in _ways(classify, opened, pixels)]
    rows.append(_row("from PNG files", _through_files(from_files, pixels), alone))
    return Parity(len(pixels), TOLERANCE, tuple(rows))


def _ways(
    classify: BatchClassifier, opened: Callable[[int | None], BatchClassifier], pixels: NDArray[np.uint8]
) -> Iterator[tuple[str, Answers]]:
    for size in BATCH_SIZES:
        yield f"in batches of {size}", classify(pixels, size)
    order = np.random.default_rng(SEED).permutation(len(pixels))
    for size in (_ALL, BATCH_SIZES[-1]):
        answers = classify(pixels[order], size)
        # Where each face went: the inverse of the order.
        yield f"shuffled, in batches of {size}", {name: given[np.argsort(order)] for name, given in answers.items()}
    for threads in sorted({1, 2, cpu_count() or 1}):
        yield f"by {threads} thread{'s' * (threads > 1)}", opened(threads)(pixels, _ALL)
    yield "from a strided array", classify(np.repeat(pixels, 2, axis=2)[:, :, ::2], _ALL)


def _through_files(from_files: Callable[[Sequence[Path]], Answers], pixels: NDArray[np.uint8]) -> Answers:
    with TemporaryDirectory(prefix="mien-parity-") as folder:
        paths = [Path(folder) / f"{number}.png" for number in range(len(pixels))]
        for path, face in zip(paths, pixels, strict=True):
            Image.fromarray(face).save(path)
        return from_files(paths)


def _row(way: str, answers: Answers, alone: Mapping[str, NDArray[np.float64]]) -> ParityRow:
    differences = [np.abs(given - alone[name]).max() for name, given in answers.items()]
    changed = [given.argmax(axis=1) != alone[name].argmax(axis=1) for name, given in answers.items()]
    return ParityRow(way, float(max(differences)), int(np.any(changed, axis=0).sum()))
