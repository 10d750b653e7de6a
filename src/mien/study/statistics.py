"""What a few seeds and one set of images allow to conclude: docs/study.md has the reasons.

A metric of an arm is a mean over seeds and images. It would differ with other seeds and with other images, so its
variance is taken as the sum of two parts: that of the seed-averaged values between images, divided by the number of
images; and that of the metric between seeds, divided by the number of seeds. For a difference of two arms the first
part is paired, image by image, and each arm has its own second part. What single trainings predict by chance on single
images is in both parts, so the sum is a little too large rather than too small. Degrees of freedom are those of
Welch-Satterthwaite, quantiles of Student's t.

Sources: Welch, "The generalization of 'Student's' problem when several different population variances are involved",
Biometrika 34, 1947; Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics
Bulletin 2, 1946.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from mien.stats import Estimate

Floats = NDArray[np.float64]

_CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Difference:
    """One arm's metric minus another's.

    Attributes:
        estimate: The difference and its 95 % interval, not corrected for several comparisons.
        p_value: Two-sided, for a difference of zero; None where an arm has a single seed, so that the spread between
            seeds is unknown.
    """

    estimate: Estimate
    p_value: float | None


def mean_of(values: Floats) -> Estimate:
    """Mean over seeds and images, with a 95 % interval; of one seed, it is that over images alone.

    Args:
        values: float64 of shape (S, N), such as 1 where the network of a seed is right about an image.
    """
    value = float(values.mean())
    reach = _reach([_between_images(values.mean(axis=0)), _between_seeds(values)])
    return Estimate(value, value - reach, value + reach)


def difference_of(first: Floats, second: Floats) -> Difference:
    """The mean of `first` minus that of `second`, of shapes (S, N) and (R, N): the same images, seeds of their own."""
    apart = first.mean(axis=0) - second.mean(axis=0)
    parts = [_between_images(apart), _between_seeds(first), _between_seeds(second)]
    value, reach = float(apart.mean()), _reach(parts)
    estimate = Estimate(value, value - reach, value + reach)
    if min(len(first), len(second)) < 2:
        return Difference(estimate, None)
    deviation, freedom = _combined(parts)
    if deviation == 0:
        return Difference(estimate, 1.0 if value == 0 else 0.0)
    return Difference(estimate, float(2 * student.sf(abs(value) / deviation, freedom)))


def _between_images(values: Floats) -> tuple[float, int]:
    """Variance of the mean over images, and its degrees of freedom."""
    images = len(values)
    return (float(values.var(ddof=1)) / images, images - 1) if images > 1 else (0.0, 0)


def _between_seeds(values: Floats) -> tuple[float, int]:
    """Variance of the mean over seeds, and its degrees of freedom; none of one seed."""
    seeds = len(values)
    return (float(values.mean(axis=1).var(ddof=1)) / seeds, seeds - 1) if seeds > 1 else (0.0, 0)


def _combined(parts: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Standard deviation of a sum of independent parts, and its degrees of freedom by Welch-Satterthwaite."""
    total = sum(variance for variance, _ in parts)
    if total == 0:
        return 0.0, 1.0
    return total**0.5, total**2 / sum(variance**2 / freedom for variance, freedom in parts if freedom)


def _reach(parts: Sequence[tuple[float, int]]) -> float:
    """Half the width of the 95 % interval."""
    deviation, freedom = _combined(parts)
    return float(deviation * student.ppf((1 + _CONFIDENCE) / 2, freedom))
