"""What cannot be trained on is told before it is tried."""

from pathlib import Path

import numpy as np
import pytest

from mien.data.class_mapping import check_classes, fer7_position, refuse_unreadable
from mien.data.labelled_faces import NO_LABEL
from mien.errors import DataError
from mien.expressions import FER7

PLACE = Path("some")


def positions(*labels: str) -> np.ndarray:
    return np.array([FER7.index(label) for label in labels])


@pytest.mark.parametrize("name", ["happy", "Happy", "HAPPINESS", "joy", "Joy"])
def test_a_class_goes_by_its_label_ferplus_word_or_own_name(name: str) -> None:
    assert fer7_position(name, {"JOY": "happy"}) == FER7.index("happy")


def test_a_class_may_be_left_out_and_a_known_name_mapped_elsewhere() -> None:
    assert fer7_position("contempt", {"contempt": ""}) == NO_LABEL
    assert fer7_position("sad", {"sad": "neutral"}) == FER7.index("neutral")


def test_an_unknown_class_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no label 'suprise' \(did you mean 'surprise'\?\); choose from angry"):
        fer7_position("suprise", {})
    with pytest.raises(DataError, match=r"did you mean 'glee'\?"):
        fer7_position("gle", {"glee": "happy"})
    with pytest.raises(DataError, match="class 'joy': no label 'joyful'; choose from angry"):
        fer7_position("sad", {"joy": "joyful"})


@pytest.mark.parametrize(
    ("training", "validation", "message"),
    [
        (
            ("happy", "sad", "fear"),
            ("happy", "sad"),
            "val of some has no picture of fear, which the other split",
        ),
        (("happy", "sad"), ("sad", "fear", "happy", "angry"), "Training of some has no picture of angry, fear"),
        (("happy",), ("happy",), r"one class only \(happy\)"),
        (("angry", "fear"), ("angry", "fear"), "none of happy, sad, surprise, neutral.*its classes are angry, fear"),
    ],
)
def test_classes_that_cannot_be_learned(training: tuple[str, ...], validation: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        check_classes(positions(*training), positions(*validation), PLACE, ("Training", "val"))


def test_two_classes_are_enough() -> None:
    check_classes(positions("happy", "angry"), positions("angry", "happy"), PLACE, ("Training", "val"))


def test_unreadable_pictures_are_counted_and_the_first_listed() -> None:
    refuse_unreadable([], 3, PLACE)
    with pytest.raises(DataError, match=r"^7 of 1,000 pictures in some cannot be read.*: 0; 1; 2; 3; 4; and 2 more$"):
        refuse_unreadable([str(number) for number in range(7)], 1000, PLACE)
