"""The protocols: which images count, and what is the truth. Every accuracy figure names one of them.

P1 to P4 each measure the answers that are meant for their truth. P1c measures the default answers, which are meant for
the consensus of ten people, against FER2013's label.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.errors import MienError, choose_from
from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet, core4_positions


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a figure means.

    Attributes:
        code: Short name, such as `P1`.
        name: Expressions and truth, as in `core4/fer2013`.
        expressions: The classes; the prediction is the most probable of them.
        truth: Class position of each face, or `NO_LABEL` where the protocol does not count it; shape (N,).
        votes: Shares of the FER+ votes by class, for the faces that count; shape (N, K). None if truth is no vote.
    """

    code: str
    name: str
    expressions: ExpressionSet
    truth: Callable[[LabelledFaces], NDArray[np.int64]]
    votes: Callable[[LabelledFaces], NDArray[np.float64]] | None = None

    def counts(self, faces: LabelledFaces) -> NDArray[np.bool_]:
        """Which faces this protocol measures; shape (N,)."""
        return np.not_equal(self.truth(faces), NO_LABEL)


def _core4_votes(faces: LabelledFaces) -> NDArray[np.float64]:
    core = faces.vote_distribution()[:, core4_positions(FERPLUS8)]
    total: NDArray[np.float64] = core.sum(axis=1, keepdims=True)
    return core / np.where(total > 0, total, 1)


P1 = Protocol("P1", "core4/fer2013", CORE4_FER2013, LabelledFaces.fer2013_core4)
P1C = Protocol("P1c", "default/fer2013", CORE4, LabelledFaces.fer2013_core4)
P2 = Protocol("P2", "core4/consensus", CORE4, LabelledFaces.consensus_core4, _core4_votes)
P3 = Protocol("P3", "fer7/fer2013", FER7, lambda faces: faces.fer7)
P4 = Protocol("P4", "ferplus8/majority", FERPLUS8, LabelledFaces.majority, LabelledFaces.vote_distribution)

PROTOCOLS = (P1, P1C, P2, P3, P4)


def protocols_named(names: Sequence[str]) -> tuple[Protocol, ...]:
    """The protocols with these codes or names, each once; raises `MienError`, naming the nearest, for any other."""
    known = {key: protocol for protocol in PROTOCOLS for key in (protocol.code, protocol.name)}
    for name in names:
        if name not in known:
            raise MienError(choose_from("protocol", name, tuple(known)))
    return tuple(dict.fromkeys(known[name] for name in names))


def measurable(faces: LabelledFaces) -> tuple[Protocol, ...]:
    """The protocols by which at least one of `faces` counts: without FER+ votes, those by FER2013's label alone."""
    return tuple(protocol for protocol in PROTOCOLS if protocol.counts(faces).any())
