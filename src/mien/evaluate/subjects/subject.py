"""What can be evaluated, by whatever it came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.data.faces import LabelledFaces
from mien.errors import ModelError
from mien.evaluate.classifier import Answers, Classifier, checked, with_core_answers
from mien.evaluate.evaluation import plain_and_averaged
from mien.evaluate.parity import BatchClassifier
from mien.evaluate.protocols import Protocol


@dataclass(frozen=True, slots=True)
class Subject:
    """A classifier to evaluate and what it says of itself.

    Attributes:
        name: What to call it.
        sets: Names of the sets of expressions that it gives probabilities for, or that follow from these.
        classifier: What to ask; None where there is nothing to ask, only answers given before.
        recorded: Its answers for faces, where they were given before.
        opened: Loads it anew for a number of threads; None if it cannot be.
        from_files: Its answers for picture files of one face each; None if it takes none.
        selected_on: The split it was chosen on, if it says so.
        training: What it says of its training; empty if nothing.
    """

    name: str
    sets: tuple[str, ...]
    classifier: Classifier | None = None
    recorded: Callable[[LabelledFaces], Answers] | None = None
    opened: Callable[[int | None], BatchClassifier] | None = None
    from_files: Callable[[Sequence[Path]], Answers] | None = None
    selected_on: str | None = None
    training: Mapping[str, Any] = field(default_factory=dict)

    def answers(self, faces: LabelledFaces, protocols: Sequence[Protocol]) -> tuple[Answers, Answers | None]:
        """Probabilities for `faces` by all sets that `protocols` need: plain, and averaged over flips.

        The second is None where the classifier cannot be asked about mirror images.

        Raises:
            ModelError: If what it gives are not probabilities.
            DataError: If answers given before lack some of the faces.
        """
        sets = list(dict.fromkeys(protocol.expressions for protocol in protocols))
        if self.classifier is not None:
            return plain_and_averaged(self.classifier, faces.pixels, sets)
        if self.recorded is None:
            raise ModelError(f"{self.name} has neither a network nor answers; give one that has")
        return checked(with_core_answers(self.recorded(faces)), len(faces), sets), None

    def able(self, protocols: Sequence[Protocol]) -> tuple[Protocol, ...]:
        """Those of `protocols` whose expressions it knows."""
        return tuple(protocol for protocol in protocols if protocol.expressions.name in self.sets)
