"""How frequent each expression is taken to be: what a user may say of it, checked and put in class order.

A network learns how frequent each expression was in its training. Where that is not how frequent it is among the faces
asked about, probabilities lean to what was frequent then; `mien.model.calibration.probabilities` takes that back.
"""

from collections.abc import Mapping
from math import inf
from numbers import Real

from mien.errors import ArgumentError, choose_from

Prior = str | Mapping[str, float]
"""`training` (as in the training data), `balanced` (each as frequent), or a share by label."""

TRAINING = "training"
BALANCED = "balanced"
PRIOR_NAMES = (BALANCED, TRAINING)


def class_shares(prior: Prior, labels: tuple[str, ...], training: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """A prior as a share of each label, in class order.

    Args:
        prior: What is asked for. Shares by label need not sum to 1, and labels that are left out have none.
        labels: The labels of the answer that it is for.
        training: Share of each in the training data; None if it is not known.

    Returns:
        Shares that sum to 1; None for `training`. `balanced` gives a label that was never trained on no share.

    Raises:
        ArgumentError: If it is no prior, names a label that there is not or that was never trained on, or the training
            data's own is not known.
    """
    if isinstance(prior, str) and prior not in PRIOR_NAMES:
        raise ArgumentError(choose_from("prior", prior, PRIOR_NAMES) + ", or give a share for each expression")
    if prior == TRAINING:
        return None
    if not isinstance(prior, str | Mapping):
        raise ArgumentError(f"prior must be balanced, training or a share by expression; got {prior!r}")
    if training is None:
        raise ArgumentError(
            "the model does not say how frequent each expression was in its training; prior must be training"
        )
    shares = dict.fromkeys(labels, 1.0) if isinstance(prior, str) else _checked(prior, labels)
    unlearned = {label for label, share in zip(labels, training, strict=True) if not share}
    if isinstance(prior, str):
        shares = {label: 0.0 if label in unlearned else share for label, share in shares.items()}
    elif named := [label for label in labels if shares.get(label) and label in unlearned]:
        raise ArgumentError(f"prior gives {named[0]} a share, but the model was trained on no such face; leave it out")
    total = sum(shares.values())
    return tuple(shares.get(label, 0.0) / total for label in labels)


def prior_words(shares: tuple[float, ...] | None, labels: tuple[str, ...]) -> str:
    """A prior in class order, for people: `training`, `balanced` or `happy 0.6, neutral 0.4`."""
    if shares is None:
        return TRAINING
    if len(set(shares)) == 1:
        return BALANCED
    return ", ".join(f"{label} {share:.2g}" for label, share in zip(labels, shares, strict=True) if share)


def _checked(prior: Mapping[str, float], labels: tuple[str, ...]) -> dict[str, float]:
    for label, share in prior.items():
        if label not in labels:
            raise ArgumentError(choose_from("expression for prior", label, labels))
        if isinstance(share, bool) or not isinstance(share, Real) or not 0 <= float(share) < inf:
            raise ArgumentError(f"prior must give {label} a share of 0 or more; got {share!r}")
    total = sum(prior.values())
    if not 0 < total < inf:
        raise ArgumentError(f"prior must give some expression a share above 0; got {dict(prior)!r}")
    return {label: float(share) for label, share in prior.items()}
