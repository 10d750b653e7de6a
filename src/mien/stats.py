"""How far a share may be from what it would be of endlessly many."""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

TAIL = 0.025
"""What lies beyond either end of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and the ends of its 95 % interval."""

    value: float
    low: float
    high: float

    def to_dict(self) -> dict[str, float]:
        """The three numbers, rounded to seven decimals."""
        return {"value": round(self.value, 7), "low": round(self.low, 7), "high": round(self.high, 7)}


def score_interval(hits: float, total: float) -> tuple[float, float]:
    """Ends of the 95 % score interval of the share `hits` of `total`, which is more than 0.

    Where the total is small, it holds the truth more nearly as often as it says than bootstrap draws do, and it has a
    width even where all or none are hits. Source: Wilson, "Probable inference, the law of succession, and statistical
    inference", Journal of the American Statistical Association 22, 1927.
    """
    z2 = NormalDist().inv_cdf(1 - TAIL) ** 2
    centre = (hits + z2 / 2) / (total + z2)
    reach = sqrt(z2 * (hits * (total - hits) / total + z2 / 4)) / (total + z2)
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of `n` faces something holds for."""

    count: int
    n: int

    @classmethod
    def of(cls, holds: NDArray[np.bool_], counted: NDArray[np.bool_]) -> Self:
        """The share of the `counted` faces that it `holds` for; both of shape (N,)."""
        return cls(int((holds & counted).sum()), int(counted.sum()))

    @property
    def value(self) -> float:
        """The share, 0 to 1; 0 of no faces."""
        return self.count / self.n if self.n else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Ends of the 95 % score interval; 0 and 1 of no faces."""
        if not self.n:
            return 0.0, 1.0
        return score_interval(self.count, self.n)

    def to_dict(self) -> dict[str, Any]:
        """Counts, share and interval, rounded to a ten-thousandth."""
        low, high = self.interval
        return {
            "count": self.count,
            "n": self.n,
            "value": round(self.value, 4),
            "low": round(low, 4),
            "high": round(high, 4),
        }
