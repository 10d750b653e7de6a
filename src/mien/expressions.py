"""The sets of expressions, the order of their classes and how labels map between them: one home.

Class order is the order of every probability vector, confusion matrix and table in mien.
"""

from dataclasses import dataclass

from mien.errors import UnknownExpressionSet, choose_from


@dataclass(frozen=True, slots=True)
class ExpressionSet:
    """A named, ordered set of expressions.

    Attributes:
        name: The name by which commands and model files refer to it.
        labels: Expression names in class order.
    """

    name: str
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.labels)

    def index(self, label: str) -> int:
        """Position of `label` in class order; raises `ValueError` for an unknown label."""
        return self.labels.index(label)


CORE4 = ExpressionSet("core4", ("happy", "sad", "surprise", "neutral"))
"""The four core classes as most people would name a face: the default."""

CORE4_FER2013 = ExpressionSet("core4-fer2013", CORE4.labels)
"""The same four as FER2013's single label has them, which is another opinion on one face in five."""

CORE4_BALANCED = ExpressionSet("core4-balanced", CORE4.labels)
"""`CORE4` by a balanced prior: what evaluations call these probabilities, beside those of `CORE4` as trained."""

FER7 = ExpressionSet("fer7", ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"))
FERPLUS8 = ExpressionSet(
    "ferplus8",
    ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt"),
)

EXPRESSION_SETS: tuple[ExpressionSet, ...] = (CORE4, CORE4_FER2013, FER7, FERPLUS8)

# FER+ speaks in nouns where the other sets have adjectives.
_FERPLUS_NAME = {"angry": "anger", "happy": "happiness", "sad": "sadness"}

FERPLUS8_OF_FER7 = tuple(FERPLUS8.index(_FERPLUS_NAME.get(label, label)) for label in FER7.labels)
"""Where the expression of the same meaning as each of `FER7` stands in `FERPLUS8`."""

FER7_OF_NAME = {
    **{label: FER7.index(label) for label in FER7.labels},
    **{noun: FER7.index(adjective) for adjective, noun in _FERPLUS_NAME.items()},
}
"""Class position in `FER7` of each of its labels and of FER+'s words for the same."""


def fer2013_name(label: str) -> str:
    """FER2013's word for an expression of FER+ where it has one (`angry` for `anger`), else `label` itself."""
    position = FER7_OF_NAME.get(label)
    return label if position is None else FER7.labels[position]


def expression_set(name: str) -> ExpressionSet:
    """The set called `name`; raises `UnknownExpressionSet`, naming the nearest, for any other name."""
    for candidate in EXPRESSION_SETS:
        if candidate.name == name:
            return candidate
    raise UnknownExpressionSet(choose_from("set of expressions", name, tuple(s.name for s in EXPRESSION_SETS)))


def core4_positions(wider: ExpressionSet) -> tuple[int, ...]:
    """Where the four core classes, in `CORE4` order, stand in the class order of a `wider` set."""
    if wider is FERPLUS8:
        return tuple(FERPLUS8_OF_FER7[FER7.index(label)] for label in CORE4.labels)
    return tuple(wider.index(label) for label in CORE4.labels)
