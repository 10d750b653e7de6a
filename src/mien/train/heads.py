"""The heads that training gives a network, and the answers that the models made of it have."""

from dataclasses import replace

from mien.expressions import CORE4, CORE4_FER2013, FER7, FERPLUS8, ExpressionSet, core4_positions
from mien.model.calibration import Answer, whole_head

HEADS = (FER7, FERPLUS8)
"""FER2013's labels and FER+'s; the core classes have no head of their own."""


def _narrowed(core: ExpressionSet, head: ExpressionSet) -> Answer:
    return Answer(head.name, core.labels, core4_positions(head))


LABEL_RISK = 0.1
"""The risk of answers meant for FER2013's label, of which too many are a matter of opinion for less."""

ANSWERS = {
    CORE4.name: _narrowed(CORE4, FERPLUS8),
    CORE4_FER2013.name: replace(_narrowed(CORE4_FER2013, FER7), risk=LABEL_RISK),
    FER7.name: replace(whole_head(FER7.name, FER7.labels), risk=LABEL_RISK),
    FERPLUS8.name: whole_head(FERPLUS8.name, FERPLUS8.labels),
}
"""What these models can be asked for, before calibration; the first is the default."""
