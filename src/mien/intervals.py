"""How far a share may be from what it would be of endlessly many."""

from math import sqrt
from statistics import NormalDist

TAIL = 0.025
"""What lies beyond either end of a 95 % interval."""


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
