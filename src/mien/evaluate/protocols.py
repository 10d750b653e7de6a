"""The protocols: which images count, and what is the truth. Every accuracy figure names one of them.

P1 to P4 each measure the answers that are meant for their truth, by the prior that the model was trained with; P2b is
P2 by a balanced prior. P1c measures P2's answers, which are meant for the consensus of ten people, against FER2013's
label. Answers about labels of a model's own are measured against the
data's labels of these names.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.errors import MienError, choose_from
from mien.expressions import (
    CORE4,
    CORE4_BALANCED,
    CORE4_FER2013,
    FER7,
    FER7_OF_NAME,
    FERPLUS8,
    ExpressionSet,
    core4_positions,
)


@dataclass(frozen=True, slots=True)
class Protocol:
    """What a figure means.

    Attributes:
        code: Short name, such as `P1`.
        name: Expressions and truth, as in `core4/fer2013`.
        expressions: The classes; the prediction is the most probable of them.
        target: Class position of each face, or `NO_LABEL` where the protocol does not count it; shape (N,).
        votes: Shares of the FER+ votes by class, for the faces that count; shape (N, K). None if truth is no vote.
    """

    code: str
    name: str
    expressions: ExpressionSet
    target: Callable[[LabelledFaces], NDArray[np.int64]]
    votes: Callable[[LabelledFaces], NDArray[np.float64]] | None = None

    def counts(self, faces: LabelledFaces) -> NDArray[np.bool_]:
        """Which faces this protocol measures; shape (N,)."""
        return np.not_equal(self.target(faces), NO_LABEL)


def _core4_votes(faces: LabelledFaces) -> NDArray[np.float64]:
    core = faces.vote_distribution()[:, core4_positions(FERPLUS8)]
    total: NDArray[np.float64] = core.sum(axis=1, keepdims=True)
    return core / np.where(total > 0, total, 1)


P1 = Protocol("P1", "core4/fer2013", CORE4_FER2013, LabelledFaces.fer2013_core4)
P1C = Protocol("P1c", "default/fer2013", CORE4, LabelledFaces.fer2013_core4)
P2 = Protocol("P2", "core4/consensus", CORE4, LabelledFaces.consensus_core4, _core4_votes)
P2B = Protocol("P2b", "core4/consensus, balanced", CORE4_BALANCED, LabelledFaces.consensus_core4, _core4_votes)
P3 = Protocol("P3", "fer7/fer2013", FER7, lambda faces: faces.fer7)
P4 = Protocol("P4", "ferplus8/majority", FERPLUS8, LabelledFaces.majority, LabelledFaces.vote_distribution)

PROTOCOLS = (P1, P1C, P2, P2B, P3, P4)

_OF_SET = (P2, P1, P3, P4)  # the protocol that measures each set against the truth it is meant for


def protocols_named(names: Sequence[str]) -> tuple[Protocol, ...]:
    """The protocols with these codes or names, each once; raises `MienError`, naming the nearest, for any other."""
    known = {key: protocol for protocol in PROTOCOLS for key in (protocol.code, protocol.name)}
    for name in names:
        if name not in known:
            raise MienError(choose_from("protocol", name, tuple(known)))
    return tuple(dict.fromkeys(known[name] for name in names))


def protocols_for(labels: Mapping[str, tuple[str, ...]]) -> tuple[Protocol, ...]:
    """The protocols that measure a classifier which knows these labels by the name of their set.

    A set that mien does not know by this name and these labels has a protocol of its own, `label_protocol`.
    """
    known = {protocol.expressions for protocol in PROTOCOLS}
    own = [label_protocol(ExpressionSet(*item)) for item in labels.items() if ExpressionSet(*item) not in known]
    return (*(each for each in PROTOCOLS if labels.get(each.expressions.name) == each.expressions.labels), *own)


def label_protocol(expressions: ExpressionSet) -> Protocol:
    """How answers about labels of a model's own are measured: against the data's labels of these names.

    FER+'s words count for FER2013's. A face whose label is none of them does not count.
    """
    return Protocol(
        code=expressions.name,
        name=f"{expressions.name}/labels",
        expressions=expressions,
        target=partial(_labels_named, expressions.labels),
    )


def _labels_named(labels: tuple[str, ...], faces: LabelledFaces) -> NDArray[np.int64]:
    position_of = np.full(len(FER7) + 1, NO_LABEL, dtype=np.int64)  # the last is where NO_LABEL looks
    for position, label in enumerate(labels):
        if label in FER7_OF_NAME:
            position_of[FER7_OF_NAME[label]] = position
    return position_of[faces.fer7]


def measurable(faces: LabelledFaces) -> tuple[Protocol, ...]:
    """The protocols by which at least one of `faces` counts: without FER+ votes, those by FER2013's label alone."""
    return tuple(protocol for protocol in PROTOCOLS if protocol.counts(faces).any())


def targets(faces: LabelledFaces) -> dict[str, NDArray[np.int64]]:
    """What each set of expressions is to answer, by its name: class positions or `NO_LABEL`, of shape (N,).

    The FER+ majority for `CORE4` and `FERPLUS8`, the label for `CORE4_FER2013` and `FER7`; where no face has votes, the
    label is the truth for all.
    """
    faces = faces.with_votes_from_labels()
    return {protocol.expressions.name: protocol.target(faces) for protocol in _OF_SET}
