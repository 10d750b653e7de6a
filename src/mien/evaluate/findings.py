"""All that is found out about one classifier: its figures, and what lies behind them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.detect.mtcnn import Mtcnn
from mien.errors import ModelError
from mien.evaluate.analysis.confusions import Mistakes, mistakes
from mien.evaluate.analysis.examples import Gallery, gallery
from mien.evaluate.analysis.invariance import Parity, parity
from mien.evaluate.analysis.leakage import Leakage, leakage
from mien.evaluate.analysis.plain import plain
from mien.evaluate.analysis.robustness import Robustness, robustness
from mien.evaluate.analysis.selective import ReliabilityBin, RiskCoverage, reliability, risk_coverage
from mien.evaluate.analysis.slices import Slices, slices
from mien.evaluate.classifiers import Answers
from mien.evaluate.comparison import Comparison, compare
from mien.evaluate.evaluation import Result, evaluate_answers
from mien.evaluate.protocols import P2, Protocol
from mien.evaluate.subject import Subject
from mien.stats import SEED


@dataclass(frozen=True, slots=True)
class Analysis:
    """What lies behind the figures of one protocol, of plain answers to all its images.

    Attributes:
        protocol: Code of the protocol.
        name: Its name.
        images: Images measured.
        mistakes: What is taken for what.
        reliability: How often answers of like confidence are right.
        risk_coverage: What is gained where the least certain images are left unanswered.
        slices: Accuracy on parts of the images.
    """

    protocol: str
    name: str
    images: int
    mistakes: Mistakes
    reliability: tuple[ReliabilityBin, ...]
    risk_coverage: RiskCoverage
    slices: tuple[Slices, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """What was found out about a classifier; what was not asked for is None or empty.

    Attributes:
        results: The figures.
        analyses: What lies behind them, by protocol.
        leakage: Whether the images measured on are among those behind the model.
        robustness: Accuracy on pictures made worse.
        gallery: Faces to look at.
        against: Name of the classifier that this one is compared with.
        comparisons: The comparison, by protocol.
        parity: Whether answers depend on the way of asking.
    """

    results: tuple[Result, ...]
    analyses: tuple[Analysis, ...]
    leakage: Leakage
    robustness: Robustness | None = None
    gallery: Gallery | None = None
    against: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    parity: Parity | None = None

    @property
    def only_duplicates(self) -> tuple[str, ...]:
        """Codes of the protocols of whose images each has a duplicate in the data given as training data."""
        if self.leakage.in_given is None:
            return ()
        left = {result.protocol.code for result in self.results if result.without_duplicates}
        return tuple(each.protocol for each in self.analyses if each.protocol not in left)

    def to_dict(self) -> dict[str, Any]:
        """All but the results and the pictures as plain numbers, strings, lists and dicts, ready for JSON."""
        names = ("analyses", "leakage", "robustness", "gallery", "against", "comparisons", "parity")
        return {name: plain(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to find out beyond figures and what lies behind them.

    Attributes:
        against: A classifier to compare with.
        robustness: On how many faces made worse to measure.
        gallery: How many faces of each kind to look at.
        parity: About how many faces to ask in many ways.
    """

    against: Subject | None = None
    robustness: int = 0
    gallery: int = 0
    parity: int = 0


def find_out(
    subject: Subject,
    faces: LabelledFaces,
    protocols: Sequence[Protocol],
    *,
    seen: LabelledFaces | None = None,
    wanted: Wanted = Wanted(),
) -> Findings:
    """Measures a classifier and looks into what it does.

    Args:
        subject: What to measure.
        faces: The images to measure it on.
        protocols: By what to measure it; faces and robustness are by P2 if it is among them, else by the first.
        seen: What the classifier was trained or chosen on, before any was left out.
        wanted: What else to find out.

    Raises:
        DataError: If no image counts by one of the protocols, or answers given before lack a face.
        ModelError: If one of the classifiers does not know a set of expressions that it is asked for, or what it has to
            be asked cannot be asked.
    """
    if not protocols:
        raise ModelError(f"{subject.name} knows no expressions that this data has truth for: {', '.join(subject.sets)}")
    plain = subject.answers(faces, protocols)
    averaged = subject.averaged_answers(faces, protocols, plain)
    found, duplicated = leakage(faces, subject.training.get("data", {}), seen)
    landmarks = Mtcnn().landmarks_of_crops(faces.gray())
    focus = P2 if P2 in protocols else protocols[0]
    return Findings(
        results=evaluate_answers(plain, averaged, faces, protocols, duplicated=duplicated),
        analyses=tuple(analyse(plain, faces, protocol, landmarks=landmarks) for protocol in protocols),
        leakage=found,
        robustness=robustness(subject.asked(), faces, focus, most=wanted.robustness) if wanted.robustness else None,
        gallery=gallery(plain, subject.classifier, faces, focus, each=wanted.gallery) if wanted.gallery else None,
        against=wanted.against.name if wanted.against else None,
        comparisons=_comparisons(plain, wanted.against, faces, protocols) if wanted.against else (),
        parity=_parity(subject, faces, wanted.parity) if wanted.parity else None,
    )


def analyse(answers: Answers, faces: LabelledFaces, protocol: Protocol, *, landmarks: NDArray[np.float64]) -> Analysis:
    """What lies behind the figures of one protocol, by which at least one of `faces` must count.

    Args:
        answers: About the faces.
        faces: N of them.
        protocol: What is right.
        landmarks: Of each face, of shape (N, 5, 2); NaN where none were found.
    """
    counts = protocol.counts(faces)
    counted, given = faces[counts], answers[protocol.expressions.name][counts]
    truth, answer, confidence = protocol.truth(counted), given.argmax(axis=1), given.max(axis=1)
    right = truth == answer
    return Analysis(
        protocol=protocol.code,
        name=protocol.name,
        images=len(counted),
        mistakes=mistakes(protocol.expressions.labels, truth, answer),
        reliability=reliability(confidence, right),
        risk_coverage=risk_coverage(confidence, right, rng=np.random.default_rng(SEED)),
        slices=slices(counted, right, landmarks[counts]),
    )


def _comparisons(
    plain: Answers, other: Subject, faces: LabelledFaces, protocols: Sequence[Protocol]
) -> tuple[Comparison, ...]:
    """By those protocols whose expressions the other knows, too."""
    shared = other.able(protocols)
    if not shared:
        raise ModelError(
            f"{other.name} knows none of the expressions that are measured; it knows {', '.join(other.sets)}"
        )
    answers = other.answers(faces, shared)
    compared = []
    for protocol in shared:
        chosen, name = protocol.counts(faces), protocol.expressions.name
        compared.append(compare(protocol, protocol.truth(faces[chosen]), plain[name][chosen], answers[name][chosen]))
    return tuple(compared)


def _parity(subject: Subject, faces: LabelledFaces, most: int) -> Parity:
    if subject.opened is None or subject.from_files is None:
        raise ModelError(f"{subject.name} holds answers given before; parity needs a model that can be asked")
    # Copies of one picture would tell nothing of what is beside a face in a batch.
    _, distinct = np.unique(faces.gray().reshape(len(faces), -1), axis=0, return_index=True)
    chosen = np.random.default_rng(SEED).permutation(distinct)[:most]
    return parity(subject.opened, subject.from_files, faces.gray()[chosen])
