"""Which answers are certain: as many as a stated share of wrong ones allows, shown on faces with known expressions."""

from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import ArgumentError

CONFIDENCE = 0.95
"""How probable it is, at least, that the risk is kept."""

ALL_UNCERTAIN = 2.0
"""A threshold that no support reaches."""

_COVERAGES = np.arange(1, 101) / 100
_STARTS = (20, 50, 100)  # per cent of coverage; fixed before any face is looked at

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Certain:
    """Which answers are certain.

    Attributes:
        threshold: The least support of a certain answer; `ALL_UNCERTAIN` if none is.
        coverage: Share of the faces whose answers are certain, as frequent as the prior has each expression.
    """

    threshold: float
    coverage: float


def checked_risk(risk: Any) -> float:
    """`risk` as a share above 0 and below 1; raises `ArgumentError` for anything else."""
    if isinstance(risk, bool) or not isinstance(risk, Real) or not 0 < float(risk) < 1:
        raise ArgumentError(f"risk must be a share above 0 and below 1, such as 0.05; got {risk!r}")
    return float(risk)


def certain_answers(support: Floats, wrong: NDArray[np.bool_], weight: Floats, risk: float) -> Certain:
    """The greatest coverage at which a share of wrong answers above `risk` can be ruled out.

    For each coverage of 1, 2 ... 100 % of the best supported faces it is tested, by the binomial distribution (Clopper
    and Pearson, Biometrika 26, 1934), whether so few wrong answers would be seen if their share were `risk`. Coverages
    are tested upwards from 20, from 50 and at 100 %, each until the first that fails and at a third of the 5 % that may
    go wrong, so that of however many tests the probability of any false pass is no more (fixed-sequence testing:
    Angelopoulos et al., "Learn then test", Annals of Applied Statistics 19, 2025; for this use of it: Geifman and
    El-Yaniv, "Selective classification for deep neural networks", NeurIPS 2017). Where faces have unequal weights, they
    count as so many equal ones as have the same variance (Kish, "Survey sampling", 1965), rounded against the model:
    that is an approximation.

    Args:
        support: How much speaks for each answer, of shape (N,).
        wrong: Whether it is wrong, of shape (N,).
        weight: How many faces each stands for, 0 or more, of shape (N,).
        risk: The greatest share of wrong answers among the certain ones, above 0 and below 1.
    """
    counted = weight > 0
    if not counted.any():
        return Certain(ALL_UNCERTAIN, 0.0)
    order = np.argsort(-support[counted], kind="stable")
    falling, weights, errors = support[counted][order], weight[counted][order], wrong[counted][order]
    total, squares = weights.cumsum(), (weights**2).cumsum()
    coverage, share_wrong, faces = total / total[-1], (weights * errors).cumsum() / total, total**2 / squares
    ends = np.flatnonzero(np.r_[falling[1:] != falling[:-1], True])  # faces of equal support go together
    reached = np.minimum(np.searchsorted(coverage, _COVERAGES - 1e-9), len(falling) - 1)
    last = ends[np.searchsorted(ends, reached)]
    looked_at = np.floor(faces[last] + 1e-6).astype(np.int64)
    found = np.ceil(share_wrong[last] * faces[last] - 1e-6).astype(np.int64)
    passed = _probability_of_so_few(found, looked_at, risk) <= (1 - CONFIDENCE) / len(_STARTS)
    best = max(_last_passed(passed, start - 1) for start in _STARTS)
    if best < 0:
        return Certain(ALL_UNCERTAIN, 0.0)
    return Certain(float(falling[last[best]]), float(coverage[last[best]]))


def class_weights(target: NDArray[np.int64], shares: tuple[float, ...] | None) -> Floats | None:
    """How many faces each stands for, so that each class has its share; of shape (N,).

    None where a class is to have a share of which there is no face.

    Args:
        target: Class positions, of shape (N,).
        shares: Share of each class; None for the faces as they come.
    """
    if shares is None:
        return np.ones(len(target))
    there = np.bincount(target, minlength=len(shares))
    wanted = np.array(shares)
    if (wanted[there == 0] > 0).any():
        return None
    return np.asarray((wanted / np.maximum(there, 1) * len(target))[target])


def _last_passed(passed: NDArray[np.bool_], start: int) -> int:
    """The last of the tests from `start` on before the first that fails; -1 if the first of them fails."""
    run = passed[start:]
    length = len(run) if run.all() else int(run.argmin())
    return start + length - 1 if length else -1


def _probability_of_so_few(found: NDArray[np.int64], looked_at: NDArray[np.int64], risk: float) -> Floats:
    """Probability of `found` or fewer among `looked_at`, each with probability `risk`; of shape (M,)."""
    log_factorial = np.r_[0.0, np.log(np.arange(1, looked_at.max() + 1)).cumsum()]
    pairs = zip(found.tolist(), looked_at.tolist(), strict=True)
    return np.array([_binomial(min(most, n), n, risk, log_factorial) for most, n in pairs])


def _binomial(most: int, n: int, risk: float, log_factorial: Floats) -> float:
    hits = np.arange(most + 1)
    ways = log_factorial[n] - log_factorial[hits] - log_factorial[n - hits]
    return float(np.exp(ways + hits * np.log(risk) + (n - hits) * np.log1p(-risk)).sum())
