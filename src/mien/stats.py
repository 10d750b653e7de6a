"""Figures with their 95 % intervals, and tests of differences: the one copy that all reports share."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from statistics import NormalDist
from typing import Self

import numpy as np
from numpy.typing import NDArray

TAIL = 0.025
"""What lies beyond either end of a 95 % interval."""

DRAWS = 2000
"""Bootstrap draws behind an interval."""

SEED = 2013
"""Seed of every draw that a report rests on, so that the same data give the same report."""

Floats = NDArray[np.float64]

_DRAWS_AT_ONCE = 200  # bounds the memory for counts of draws by items


@dataclass(frozen=True, slots=True)
class Bootstrap:
    """How items are drawn anew, with replacement.

    Attributes:
        seed: Seed of the draws.
        draws: How often as many are drawn as there are.
    """

    seed: int = SEED
    draws: int = DRAWS

    def rng(self) -> np.random.Generator:
        """A generator that gives the same draws each time."""
        return np.random.default_rng(self.seed)


BOOTSTRAP = Bootstrap()
"""The draws of every report."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    @property
    def complement(self) -> "Estimate":
        """Of a share, that of the rest."""
        return Estimate(1 - self.value, 1 - self.high, 1 - self.low)

    @classmethod
    def of_proportion(cls, hits: float, total: float) -> "Estimate":
        """The proportion `hits` of `total` with its score interval; 0, and anything possible, of nothing."""
        return Estimate(float(hits / total) if total else 0.0, *score_interval(hits, total))


@dataclass(frozen=True, slots=True)
class Proportion(Estimate):
    """How many of `n` items something holds for, and the share that these are, with its 95 % score interval.

    Attributes:
        count: How many it holds for.
        n: How many were looked at.
    """

    count: int
    n: int

    @classmethod
    def of(cls, count: int, n: int) -> Self:
        """`count` of `n`; of none at all the share is 0, and may be anything."""
        share = Estimate.of_proportion(count, n)
        return cls(share.value, share.low, share.high, count, n)

    @classmethod
    def among(cls, counted: NDArray[np.bool_], holds: NDArray[np.bool_]) -> Self:
        """The share of the `counted` items that something `holds` for; both of shape (N,)."""
        return cls.of(int((holds & counted).sum()), int(counted.sum()))


def score_interval(hits: float, total: float) -> tuple[float, float]:
    """Ends of the 95 % score interval of the proportion `hits` of `total`; 0 and 1 where the total is 0.

    Where the total is small, it holds the truth more nearly as often as it says than bootstrap draws do, and it has a
    width even where all or none are hits. Source: Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22, 1927.
    """
    if not total:
        return 0.0, 1.0
    z2 = NormalDist().inv_cdf(1 - TAIL) ** 2
    centre = (hits + z2 / 2) / (total + z2)
    reach = sqrt(z2 * (hits * (total - hits) / total + z2 / 4)) / (total + z2)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


def resampled_sums(sums: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Sums over N items drawn with replacement, `draws` times.

    Args:
        sums: float64 of shape (N, M), what each item adds to M sums.
        draws: How often N items are drawn.
        rng: Source of the draws.

    Returns:
        float64 of shape (draws, M).
    """
    return np.concatenate([counts @ sums for counts in resampled_counts(len(sums), draws, rng)])


def resampled_counts(items: int, draws: int, rng: np.random.Generator) -> Iterator[Floats]:
    """How often each item is drawn, with replacement; `draws` rows of shape (items,) in a few arrays."""
    for start in range(0, draws, _DRAWS_AT_ONCE):
        rows = min(_DRAWS_AT_ONCE, draws - start)
        drawn = rng.integers(items, size=(rows, items)) + np.arange(rows)[:, None] * items
        yield np.bincount(drawn.ravel(), minlength=rows * items).reshape(rows, items).astype(np.float64)


def estimates(point: Floats, drawn: Floats) -> tuple[Estimate, ...]:
    """An estimate for each entry of `point`, whose shape is that of one draw, with percentiles of the draws."""
    low, high = np.nanquantile(drawn, [TAIL, 1 - TAIL], axis=0)
    ends = zip(point.ravel(), low.ravel(), high.ravel(), strict=True)
    return tuple(Estimate(float(value), float(left), float(right)) for value, left, right in ends)


def mcnemar_p_value(only_first: int, only_second: int) -> float:
    """The exact two-sided p-value: a fair coin for each item that only one of two classifiers gets right.

    Source: McNemar, "Note on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12, 1947.
    """
    items = only_first + only_second
    ways, tail = 1, 0  # in which so many of the coins may show heads, and no more than the fewer of the two
    for heads in range(min(only_first, only_second) + 1):
        tail += ways
        ways = ways * (items - heads) // (heads + 1)
    # Whole numbers to the end: no float holds two to the power of many items.
    return min(float(Fraction(2 * tail, 2**items)), 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values, raised so that the chance of any false finding among all of them is what each says.

    Source: Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979.
    """
    raised = [0.0] * len(p_values)
    highest = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[position]))
        raised[position] = highest
    return raised
