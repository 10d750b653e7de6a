"""What the class names of a data set mean, and what must hold of its classes before a training starts."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import NO_LABEL
from mien.errors import DataError, choose_from
from mien.expressions import CORE4, FER7, FER7_OF_NAME

MOST_LISTED = 5
"""How many faults of a kind an error lists; it tells the number of all."""

LEFT_OUT = ""
"""What a class is mapped to that is left out on purpose."""


def fer7_position(name: str, classes: Mapping[str, str]) -> int:
    """Class position in `FER7` of what a data set calls `name`.

    Args:
        name: The data set's word; upper and lower case are one.
        classes: The data set's own words and the label of `FER7` each means, or `LEFT_OUT`. Words that are a label of
            `FER7`, or FER+'s word for one, need not be among them.

    Returns:
        The position, or `NO_LABEL` for a class that is left out.

    Raises:
        DataError: If the word is none of these, or one in `classes` means no label; it names the nearest.
    """
    for own, label in classes.items():
        if label != LEFT_OUT and label not in FER7.labels:
            raise DataError(f"class {own!r}: {choose_from('label', label, FER7.labels)}")
    positions = FER7_OF_NAME | {
        own.casefold(): NO_LABEL if label == LEFT_OUT else FER7.index(label) for own, label in classes.items()
    }
    known = name.casefold()
    if known not in positions:
        raise DataError(choose_from("label", name, tuple(positions)))
    return positions[known]


def refuse_unreadable(faults: Sequence[str], total: int, place: Path) -> None:
    """Raises `DataError` with the first of the `faults` that reading `total` pictures of `place` has met, if any.

    Leaving such pictures out in silence would train on other data than was given.
    """
    if faults:
        raise DataError(
            f"{len(faults):,} of {total:,} pictures in {place} cannot be read; fix or remove them: {listed(faults)}"
        )


def check_classes(
    training: NDArray[np.int64], validation: NDArray[np.int64], place: Path, names: tuple[str, str]
) -> None:
    """Checks that a network can learn and be validated on the classes there are.

    Args:
        training: Class positions in `FER7` of the faces to learn from.
        validation: Likewise for the validation faces.
        place: Where both lie, for the message.
        names: What the data set calls the two splits, likewise.

    Raises:
        DataError: If one of both lacks a class that the other has, if there is but one class, or none of the core four.
    """
    for name, lacking, other in ((names[0], training, validation), (names[1], validation, training)):
        missing = [label for i, label in enumerate(FER7.labels) if not np.any(lacking == i) and np.any(other == i)]
        if missing:
            raise DataError(
                f"{name} of {place} has no picture of {', '.join(missing)}, which the other split has; "
                "add some, or leave the class out of both"
            )
    present = [label for i, label in enumerate(FER7.labels) if np.any(training == i)]
    if len(present) < 2:
        raise DataError(f"{place} has one class only ({', '.join(present)}); there is nothing to tell apart")
    if not set(present) & set(CORE4.labels):
        raise DataError(
            f"{place} has none of {', '.join(CORE4.labels)}, which a model must answer; its classes are "
            f"{', '.join(present)}"
        )


def listed(things: Iterable[str]) -> str:
    """The first few of `things`, and how many more there are."""
    every = list(things)
    more = f"; and {len(every) - MOST_LISTED:,} more" if len(every) > MOST_LISTED else ""
    return "; ".join(every[:MOST_LISTED]) + more
