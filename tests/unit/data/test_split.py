import pytest

from mien.data.split import FER2013_NAMES, Split, split_named
from mien.errors import DataError


@pytest.mark.parametrize(
    ("split", "names"),
    [
        (Split.TRAIN, ["train", "Training", "TRAIN", " training "]),
        (Split.VALIDATION, ["validation", "valid", "Val", "PublicTest", "public_test"]),
        (Split.TEST, ["test", "PrivateTest", "privatetest"]),
    ],
)
def test_a_split_has_many_names(split: Split, names: list[str]) -> None:
    assert [split_named(name) for name in names] == [split] * len(names)


def test_splits_are_strings_in_their_order() -> None:
    assert list(Split) == list(FER2013_NAMES) == ["train", "validation", "test"]


def test_an_unknown_split_names_the_nearest() -> None:
    with pytest.raises(DataError, match=r"no split 'PublikTest' \(did you mean 'PublicTest'\?\)"):
        split_named("PublikTest")
    with pytest.raises(DataError, match="choose from train, validation, test, Training, PublicTest, PrivateTest"):
        split_named("dev")
