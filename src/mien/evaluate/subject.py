"""What can be evaluated, by whatever it came from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mien.data.labelled_faces import LabelledFaces
from mien.errors import ModelError
from mien.evaluate.analysis.invariance import BatchClassifier
from mien.evaluate.classifiers import Answers, Classifier, checked, checked_probabilities, with_core_answers
from mien.evaluate.evaluation import averaged_over_flips
from mien.evaluate.protocols import Protocol
from mien.expressions import ExpressionSet


@dataclass(frozen=True, slots=True)
class Subject:
    """A classifier to evaluate and what it says of itself.

    Attributes:
        name: What to call it.
        sets: Names of the sets of expressions that it gives probabilities for, or that follow from these.
        classifier: What to ask; None where there are only answers given before.
        recorded: Those answers, for faces that they are about; None where there is something to ask.
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

    def answers(self, faces: LabelledFaces, protocols: Sequence[Protocol]) -> Answers:
        """Probabilities for `faces` by all sets that `protocols` need.

        Raises:
            ModelError: If what it gives are not probabilities.
            DataError: If answers given before lack some of the faces.
        """
        if self.recorded is not None:
            return checked(with_core_answers(self.recorded(faces)), len(faces), _sets(protocols))
        return checked_probabilities(self.asked(), faces.gray(), _sets(protocols))

    def averaged_answers(self, faces: LabelledFaces, protocols: Sequence[Protocol], plain: Answers) -> Answers | None:
        """The mean of the `plain` answers and those to the mirror images; None if it cannot be asked about these."""
        if self.classifier is None:
            return None
        return averaged_over_flips(self.classifier, faces.gray(), plain, _sets(protocols))

    def asked(self) -> Classifier:
        """What can be asked about any face; raises `ModelError` if there are only answers given before."""
        if self.classifier is None:
            raise ModelError(f"{self.name} holds answers given before; only a model can be asked about other pictures")
        return self.classifier

    def able(self, protocols: Sequence[Protocol]) -> tuple[Protocol, ...]:
        """Those of `protocols` whose expressions it knows."""
        return tuple(protocol for protocol in protocols if protocol.expressions.name in self.sets)


def _sets(protocols: Sequence[Protocol]) -> list[ExpressionSet]:
    return list(dict.fromkeys(protocol.expressions for protocol in protocols))
