from typing import Any

import pytest

from mien.cli.class_names import class_names
from mien.errors import DataError
from mien.model.facts import LeftOut, Manifest, TrainingFacts

NO_FACES = Manifest("", 0, 0, 0, "", "", {}, {}, LeftOut(0, 0, 0, 0, 0, 0, 0), 0.99, 1.0, "")


def training(**config: Any) -> TrainingFacts:
    return TrainingFacts(config, NO_FACES, {}, 1, 1.0, ())


def test_names_are_those_given_else_those_of_the_training() -> None:
    of_glee = training(data={"classes": {"glee": "happy"}})
    assert class_names(["joy=happy", "odd="], of_glee) == {"joy": "happy", "odd": ""}
    assert class_names([], of_glee) == {"glee": "happy"}
    assert class_names([], training()) == class_names([], None) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [("joy", "needs NAME=LABEL; got 'joy'"), ("=happy", "needs NAME=LABEL"), ("joy=hapy", "did you mean 'happy'")],
)
def test_what_is_no_name_and_label_is_refused(text: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        class_names([text], None)
