import pytest

from mien.errors import UnknownExpressionSet
from mien.expressions import (
    CORE4,
    CORE4_FER2013,
    EXPRESSION_SETS,
    FER7,
    FER7_OF_NAME,
    FERPLUS8,
    FERPLUS8_OF_FER7,
    ExpressionSet,
    core4_positions,
    expression_set,
)

# The orders of the data sets and of every figure; model files and stored probabilities rest on them.
ORDERS = {
    "core4": "happy sad surprise neutral",
    "core4-fer2013": "happy sad surprise neutral",
    "fer7": "angry disgust fear happy sad surprise neutral",
    "ferplus8": "neutral happiness surprise sadness anger disgust fear contempt",
}


def test_the_sets_and_the_orders_of_their_classes() -> None:
    assert {s.name: " ".join(s.labels) for s in EXPRESSION_SETS} == ORDERS


@pytest.mark.parametrize("one", EXPRESSION_SETS, ids=lambda s: s.name)
def test_a_set_is_had_by_name_and_its_labels_have_places(one: ExpressionSet) -> None:
    assert expression_set(one.name) is one
    assert [one.index(label) for label in one.labels] == list(range(len(one)))


def test_an_unknown_set_names_the_nearest_and_all() -> None:
    with pytest.raises(UnknownExpressionSet, match=r"no set of expressions 'fer8'.*choose from core4, core4-fer2013"):
        expression_set("fer8")


def test_an_unknown_label_has_no_place() -> None:
    with pytest.raises(ValueError, match="tuple"):
        CORE4.index("contempt")


@pytest.mark.parametrize(
    ("wider", "positions"),
    [(CORE4, (0, 1, 2, 3)), (CORE4_FER2013, (0, 1, 2, 3)), (FER7, (3, 4, 5, 6)), (FERPLUS8, (1, 3, 2, 0))],
    ids=lambda value: getattr(value, "name", None),
)
def test_where_the_core_classes_stand(wider: ExpressionSet, positions: tuple[int, ...]) -> None:
    assert core4_positions(wider) == positions


def test_core_classes_mean_the_same_in_ferplus() -> None:
    assert [FERPLUS8.labels[i] for i in core4_positions(FERPLUS8)] == ["happiness", "sadness", "surprise", "neutral"]


def test_each_of_the_seven_has_one_of_the_same_meaning_in_ferplus() -> None:
    words = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
    assert [FERPLUS8.labels[position] for position in FERPLUS8_OF_FER7] == words
    assert [FER7_OF_NAME[word] for word in words] == list(range(7))
    assert [FER7_OF_NAME[label] for label in FER7.labels] == list(range(7))
