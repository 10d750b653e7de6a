"""The three parts of a data set, under whatever names people give them."""

from enum import StrEnum

from mien.errors import DataError, choose_from


class Split(StrEnum):
    """A part of a data set, by what it is for."""

    TRAIN = "train"
    """Training."""
    VALIDATION = "validation"
    """Every choice: early stopping, hyperparameters, calibration."""
    TEST = "test"
    """The last figure only."""


FER2013_NAMES = {Split.TRAIN: "Training", Split.VALIDATION: "PublicTest", Split.TEST: "PrivateTest"}
"""What FER2013 calls its splits, in their official order."""

SEEN_BEFORE = {Split.VALIDATION: (Split.TRAIN,), Split.TEST: (Split.TRAIN, Split.VALIDATION)}
"""What a model was trained or chosen on when it is tested on a split."""

_SPLIT_OF_NAME = (
    {split.value: split for split in Split}
    | {"training": Split.TRAIN, "valid": Split.VALIDATION, "val": Split.VALIDATION}
    | {name.casefold(): split for split, name in FER2013_NAMES.items()}
)


def split_named(name: str) -> Split:
    """The split that people call `name`, such as `val` or FER2013's `PublicTest`.

    Upper and lower case are one, and so are `public_test` and `PublicTest`.

    Raises:
        DataError: If it is the name of none; it names the nearest.
    """
    split = find_split_named(name)
    if split is None:
        raise DataError(choose_from("split", name, (*Split, *FER2013_NAMES.values())))
    return split


def find_split_named(name: str) -> Split | None:
    """As `split_named`, but None for the name of no split."""
    return _SPLIT_OF_NAME.get(name.strip().casefold().replace("_", ""))
