"""The option `--class NAME=LABEL`: what a data set's own class names mean."""

from collections.abc import Sequence

from mien.data.class_mapping import LEFT_OUT
from mien.errors import DataError, choose_from
from mien.expressions import FER7
from mien.model.facts import TrainingFacts


def class_names(given: Sequence[str], training: TrainingFacts | None) -> dict[str, str]:
    """A data set's own class names and the label of `FER7` each means, or `LEFT_OUT`.

    Args:
        given: Each as `joy=happy`, or as `joy=` to leave the class out.
        training: That of a model, whose names are taken where none are given.

    Raises:
        DataError: If one is not in this form or names no label.
    """
    if not given:
        return dict(training.config.get("data", {}).get("classes", {})) if training else {}
    names = {}
    for text in given:
        name, equals, label = text.partition("=")
        if not (name and equals):
            raise DataError(f"--class needs NAME=LABEL; got {text!r}")
        if label != LEFT_OUT and label not in FER7.labels:
            raise DataError(f"--class {text}: {choose_from('label', label, FER7.labels)}")
        names[name] = label
    return names
