"""Pictures that show no face, by contrast, by FER+ votes and by being unlike all others."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.audit.collection import Collection, Reference
from mien.data.duplicates import FLAT_BELOW, flat, not_a_face

MOST_UNLIKE = 48
"""How many of the least usual pictures are listed."""


@dataclass(frozen=True, slots=True)
class Oddities:
    """Pictures to look at.

    Attributes:
        flat: No contrast: a standard deviation below `FLAT_BELOW` grey levels.
        not_a_face: Called no face by more FER+ voters than anything else; None where nobody voted.
        unlike: The `MOST_UNLIKE` pictures farthest from the mean in the whitened space of `face_features`, farthest
            first, flat ones aside. Some show no face, others a profile, a hand or writing: it is for people to see.
    """

    flat: tuple[Reference, ...]
    not_a_face: tuple[Reference, ...] | None
    unlike: tuple[Reference, ...]

    @property
    def unlike_called_no_face(self) -> int | None:
        """How many of `unlike` the voters call no face; None where nobody voted."""
        return None if self.not_a_face is None else len(set(self.unlike) & set(self.not_a_face))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts."""
        return {
            "flat_below": FLAT_BELOW,
            "flat": [face.to_dict() for face in self.flat],
            "not_a_face": None if self.not_a_face is None else [face.to_dict() for face in self.not_a_face],
            "unlike": [face.to_dict() for face in self.unlike],
            "unlike_called_no_face": self.unlike_called_no_face,
        }


def oddities(data: Collection, features: NDArray[np.float32]) -> Oddities:
    """Finds the pictures that may show no face; `features` as from `face_features`, for each face of `data`."""
    is_flat = flat(data.faces.pixels)
    distance = np.where(is_flat, -1.0, np.einsum("ij,ij->i", features, features))
    farthest = np.argsort(-distance, kind="stable")[:MOST_UNLIKE]
    votes = data.faces.votes
    return Oddities(
        flat=data.references(np.flatnonzero(is_flat)),
        not_a_face=data.references(np.flatnonzero(not_a_face(votes))) if votes.any() else None,
        unlike=data.references(farthest[~is_flat[farthest]]),
    )
