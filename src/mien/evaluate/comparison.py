"""Two classifiers on the same images: which differences are beyond noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.evaluate.metrics import per_image_sums, statistics_of
from mien.evaluate.protocols import Protocol
from mien.stats import DRAWS, SEED, Estimate, Floats, estimates, mcnemar_p_value, resampled_sums

COMPARED = ("accuracy", "balanced_accuracy", "macro_f1", "negative_log_likelihood")
"""The metrics whose difference is given. The calibration error is not among them: noise alone raises it."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """A classifier against another, by one protocol.

    Attributes:
        protocol: Code of the protocol.
        name: Name of the protocol.
        images: Images compared.
        both_right: Images that both answer rightly.
        only_first_right: Images that only the first answers rightly.
        only_second_right: Images that only the second answers rightly.
        p_value: How probable so uneven a split of the images that only one answers rightly would be if both were
            equally often right; exact McNemar test, two-sided.
        differences: First minus second, by metric, with 95 % intervals by paired bootstrap.
    """

    protocol: str
    name: str
    images: int
    both_right: int
    only_first_right: int
    only_second_right: int
    p_value: float
    differences: dict[str, Estimate]

    @property
    def beyond_noise(self) -> bool:
        """Whether the accuracies differ at the level of 5 %."""
        return self.p_value < 0.05


def compare(
    protocol: Protocol, target: NDArray[np.int64], first: Floats, second: Floats, *, draws: int = DRAWS
) -> Comparison:
    """Compares two classifiers on the same images.

    Args:
        protocol: What the figures mean.
        target: int64 of shape (N,), class positions; N is at least 1.
        first: float64 of shape (N, K), probabilities of the one.
        second: Likewise of the other.
        draws: Bootstrap draws of images, the same for both.
    """
    right, also_right = first.argmax(axis=1) == target, second.argmax(axis=1) == target
    only_first, only_second = int((right & ~also_right).sum()), int((also_right & ~right).sum())
    return Comparison(
        protocol=protocol.code,
        name=protocol.name,
        images=len(target),
        both_right=int((right & also_right).sum()),
        only_first_right=only_first,
        only_second_right=only_second,
        p_value=mcnemar_p_value(only_first, only_second),
        differences=_differences(target, first, second, draws),
    )


def _differences(target: NDArray[np.int64], first: Floats, second: Floats, draws: int) -> dict[str, Estimate]:
    classes = first.shape[1]
    sums = np.hstack([per_image_sums(target, given, None) for given in (first, second)])
    drawn = resampled_sums(sums, draws, np.random.default_rng(SEED))
    one, other = (statistics_of(part, classes) for part in np.split(drawn, 2, axis=1))
    point_one, point_other = (
        statistics_of(part, classes) for part in np.split(sums.sum(axis=0, keepdims=True), 2, axis=1)
    )
    return {
        name: estimates(
            getattr(point_one, name) - getattr(point_other, name), getattr(one, name) - getattr(other, name)
        )[0]
        for name in COMPARED
    }
