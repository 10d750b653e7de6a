import pytest

from mien.cli.class_names import class_names
from mien.errors import DataError

TRAINING = {"config": {"data": {"classes": {"glee": "happy"}}}}


def test_names_are_those_given_else_those_of_the_training() -> None:
    assert class_names(["joy=happy", "odd="], TRAINING) == {"joy": "happy", "odd": ""}
    assert class_names([], TRAINING) == {"glee": "happy"}
    assert class_names([], {}) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [("joy", "needs NAME=LABEL; got 'joy'"), ("=happy", "needs NAME=LABEL"), ("joy=hapy", "did you mean 'happy'")],
)
def test_what_is_no_name_and_label_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_names([text], {})
