"""Which expressions are taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from mien.stats import Estimate

_HAPPY = ("happy", "happiness")
_FIRST = ({"sad", "neutral"}, {"sadness", "neutral"})  # the pair that people, too, disagree on most


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """How one class fares.

    Attributes:
        label: The class.
        images: Images whose truth it is.
        called: Images that the classifier calls so.
        precision: Share of those called so whose truth it is; None where nothing is called so.
    """

    label: str
    images: int
    called: int
    precision: Estimate | None


@dataclass(frozen=True, slots=True)
class Confusion:
    """Images of one class that are taken for another.

    Attributes:
        truth: Their class.
        answer: What they are called.
        images: How many.
        share: Their share of all images of their class.
    """

    truth: str
    answer: str
    images: int
    share: Estimate


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """Two classes that are taken for each other.

    Attributes:
        ways: Both ways, the one of more images first; without the way of a class that has no image.
        images: Images of both ways.
        share_of_errors: Their share of all errors.
    """

    ways: tuple[Confusion, ...]
    images: int
    share_of_errors: Estimate


@dataclass(frozen=True, slots=True)
class Confusions:
    """All that is taken for something else.

    Attributes:
        classes: Figures of each class, in class order.
        pairs: Sad and neutral first, then by falling number of images; without pairs that are never confused.
        wrongly_happy: What is called happy and is not, by falling number of images.
    """

    classes: tuple[ClassMetrics, ...]
    pairs: tuple[ConfusedPair, ...]
    wrongly_happy: tuple[Confusion, ...]


def confusions(labels: Sequence[str], counts: NDArray[np.int64]) -> Confusions:
    """What is taken for what, by a confusion matrix.

    Args:
        labels: K class names.
        counts: int64 of shape (K, K), images by true class (row) and predicted class (column).
    """
    size = len(labels)
    happy = happy_position(labels)
    pairs = [pair for first, second in combinations(range(size), 2) if (pair := _pair(labels, counts, first, second))]
    ways = [] if happy is None else [_way(labels, counts, position, happy) for position in range(size)]
    called_happy = [way for way in ways if way and way.images]
    return Confusions(
        classes=tuple(_class_metrics(label, counts, position) for position, label in enumerate(labels)),
        pairs=tuple(sorted(pairs, key=lambda pair: (not _comes_first(pair), -pair.images))),
        wrongly_happy=tuple(sorted(called_happy, key=lambda way: -way.images)),
    )


def happy_position(labels: Sequence[str]) -> int | None:
    """Where happy, by whatever name, stands in class order; None if it is no class."""
    return next((position for position, label in enumerate(labels) if label in _HAPPY), None)


def _class_metrics(label: str, counts: NDArray[np.int64], position: int) -> ClassMetrics:
    hits, images, called = (
        int(n) for n in (counts[position, position], counts[position].sum(), counts[:, position].sum())
    )
    return ClassMetrics(
        label,
        images,
        called,
        precision=Estimate.of_proportion(hits, called) if called else None,
    )


def _way(labels: Sequence[str], counts: NDArray[np.int64], truth: int, answer: int) -> Confusion | None:
    """None for what is no confusion: a class without images, or called what it is."""
    of_class = int(counts[truth].sum())
    if truth == answer or of_class == 0:
        return None
    images = int(counts[truth, answer])
    return Confusion(labels[truth], labels[answer], images, Estimate.of_proportion(images, of_class))


def _pair(labels: Sequence[str], counts: NDArray[np.int64], first: int, second: int) -> ConfusedPair | None:
    both = (_way(labels, counts, first, second), _way(labels, counts, second, first))
    ways = sorted((way for way in both if way), key=lambda way: -way.images)
    images = sum(way.images for way in ways)
    errors = int(counts.sum() - np.trace(counts))
    return ConfusedPair(tuple(ways), images, Estimate.of_proportion(images, errors)) if images else None


def _comes_first(pair: ConfusedPair) -> bool:
    return {pair.ways[0].truth, pair.ways[0].answer} in _FIRST
