"""What a command's option says of how frequent each expression is."""

from typing import TYPE_CHECKING

from mien.errors import ArgumentError

if TYPE_CHECKING:
    from mien.model.priors import Prior

PRIOR_HELP = (
    "How frequent each expression is among these faces: balanced, training (as in the model's training data), or "
    "shares as happy=.6,neutral=.4"
)
RISK_HELP = "Greatest share of wrong answers among those that are not uncertain, such as 0.05"


def prior_of(text: str | None) -> "Prior | None":
    """The prior that `text` stands for: a name, or shares as `happy=.6,neutral=.4`; None for None.

    Raises:
        ArgumentError: If shares are meant, and it gives none. Whether a name is one of a prior is for the model to say.
    """
    if text is None or "=" not in text:
        return text
    shares: dict[str, float] = {}
    for part in text.split(","):
        label, _, share = (piece.strip() for piece in part.partition("="))
        try:
            value = float(share)
        except ValueError:
            raise ArgumentError(f"prior must give a number for each expression, as happy=.6; got {part!r}") from None
        if label in shares:
            raise ArgumentError(f"prior names {label} twice; give one share for each expression")
        shares[label] = value
    return shares
