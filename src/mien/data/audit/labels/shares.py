"""A share of some faces, with its interval."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mien.intervals import score_interval


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
