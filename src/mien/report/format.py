"""How figures are written, in every report and on the terminal: the one spelling of a share, an interval, a number.

An interval stands in brackets after its figure. Its ends have a hyphen between them, as in `81.3 (79.6-82.7)`; those of
a difference, which may be below 0, have a word: `+1.2 (-0.3 to +2.7)`. Shares are given in per cent to one decimal, and
negative log-likelihoods and divergences in nats to three.
"""

from mien.stats import Estimate

NONE = "-"
"""Stands where there is no such figure."""


def percent(share: float) -> str:
    """A share in per cent, without the sign: `81.3`, for columns whose head has it."""
    return f"{share * 100:.1f}"


def percent_sign(share: float, decimals: int = 1) -> str:
    """A share in per cent, with the sign: `81.3 %`, for sentences."""
    return f"{share * 100:.{decimals}f} %"


def interval(share: Estimate) -> str:
    """The interval of a share in per cent: `79.6-82.7`."""
    return f"{percent(share.low)}-{percent(share.high)}"


def share(estimate: Estimate | None) -> str:
    """A share in per cent with its interval, without the sign: `81.3 (79.6-82.7)`."""
    return f"{percent(estimate.value)} ({interval(estimate)})" if estimate else NONE


def share_sign(estimate: Estimate | None) -> str:
    """A share in per cent with its interval and the sign: `81.3 % (79.6-82.7)`."""
    return f"{percent_sign(estimate.value)} ({interval(estimate)})" if estimate else NONE


def points(difference: float) -> str:
    """A difference of shares in percentage points: `+1.2`."""
    return f"{round(difference * 100, 1) + 0.0:+.1f}"  # + 0.0, so that nothing is written as -0.0


def points_interval(difference: Estimate) -> str:
    """The interval of a difference of shares in percentage points: `-0.3 to +2.7`."""
    return f"{points(difference.low)} to {points(difference.high)}"


def points_with_interval(difference: Estimate) -> str:
    """A difference of shares in percentage points with its interval: `+1.2 (-0.3 to +2.7)`."""
    return f"{points(difference.value)} ({points_interval(difference)})"


def nats(estimate: Estimate | None) -> str:
    """A likelihood or divergence in nats with its interval: `0.512 (0.490-0.530)`."""
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})" if estimate else NONE


def nats_interval(difference: Estimate) -> str:
    """The interval of a difference in nats: `-0.003 to +0.027`."""
    return f"{difference.low:+.3f} to {difference.high:+.3f}"


def nats_difference(difference: Estimate) -> str:
    """A difference in nats with its interval: `+0.012 (-0.003 to +0.027)`."""
    return f"{difference.value:+.3f} ({nats_interval(difference)})"


def count(number: int) -> str:
    """A number of things: `2,570`."""
    return f"{number:,}"


def counted(number: int, name: str, plural: str = "s") -> str:
    """A number of things by name: `1 face`, `2,570 faces`."""
    return f"{number:,} {name}{'' if number == 1 else plural}"


def p_value(value: float | None) -> str:
    """A p-value to two digits: `0.043`, `1.2e-05`."""
    return NONE if value is None else f"{value:.2g}"


def first_upper(sentence: str) -> str:
    """The sentence with its first letter in upper case, and the others as they are."""
    return sentence[:1].upper() + sentence[1:]
