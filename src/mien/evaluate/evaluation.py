"""One evaluation: a classifier on labelled faces, by every protocol, and all that lies behind the figures."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien._version import __version__
from mien.data.dataset import Dataset
from mien.data.duplicates import NEAR_DUPLICATE
from mien.data.labelled_faces import FER2013, LabelledFaces
from mien.data.manifest import fingerprint
from mien.data.split import Split, find_split_named
from mien.detect.mtcnn import Mtcnn
from mien.errors import DataError, ModelError
from mien.evaluate.analysis.confusions import Confusions, confusions
from mien.evaluate.analysis.examples import Gallery, gallery
from mien.evaluate.analysis.invariance import Invariance, invariance
from mien.evaluate.analysis.leakage import Leakage, leakage
from mien.evaluate.analysis.robustness import Robustness, robustness
from mien.evaluate.analysis.selective import Certainty, UncertainMark, certainty_of, mark_of
from mien.evaluate.analysis.slices import Slices, slices
from mien.evaluate.classifiers import Classifier, Predictions, Probabilities, checked, mirrored
from mien.evaluate.comparison import Comparison, compare
from mien.evaluate.metrics import CALIBRATION_BINS, Metrics, measure
from mien.evaluate.protocols import P2, P2B, PROTOCOLS, Protocol, protocols_for
from mien.expressions import CORE4, ExpressionSet
from mien.results import to_jsonable
from mien.stats import DRAWS, SEED

_DECIMALS = 7

FindLandmarks = Callable[[NDArray[np.uint8]], NDArray[np.float64]]
"""Five points of each gray face, of shape (N, 5, 2) for (N, H, W); NaN where none are found."""


@dataclass(frozen=True, slots=True)
class EvaluationOptions:
    """What to measure, and what to find out beyond it.

    Attributes:
        split: Which split the faces are, and which of a data set is measured on.
        protocols: By what to measure; if empty, by all that the faces have truth and the classifier answers for.
        selected_on: The split that the classifier was chosen on, by any of its names; None leaves that to what it says
            itself.
        seen: What the classifier was trained or chosen on, before any was left out. If given, everything is measured
            once more on the faces that have no duplicate or near-duplicate among these.
        analyses: Whether to look behind the figures: confusions, certainty and slices of each protocol.
        against: A classifier to compare with.
        robustness: On how many faces made worse to measure.
        gallery: How many faces of each kind to look at.
        invariance: About how many faces to ask in many ways.
        find_landmarks: By which slices tell a face's pose; those of MTCNN if None.
        threads: Threads that MTCNN may use; None leaves it to ONNX Runtime.
    """

    split: Split = Split.VALIDATION
    protocols: tuple[Protocol, ...] = ()
    selected_on: str | None = None
    seen: LabelledFaces | None = None
    analyses: bool = True
    against: Classifier | None = None
    robustness: int = 0
    gallery: int = 0
    invariance: int = 0
    find_landmarks: FindLandmarks | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """One classifier measured by one protocol in one way.

    Attributes:
        protocol: What the figures mean.
        flip_averaged: Whether the probabilities are the mean of those of the face and of its mirror image.
        without_duplicates: Whether images with a duplicate or near-duplicate among the seen ones are left out.
        metrics: The figures.
    """

    protocol: Protocol
    flip_averaged: bool
    without_duplicates: bool
    metrics: Metrics

    @property
    def is_plain(self) -> bool:
        """Whether it is of single faces, on all images."""
        return not (self.flip_averaged or self.without_duplicates)

    def to_dict(self) -> dict[str, Any]:
        """The figures beside what they mean, in one table."""
        what = {"protocol": self.protocol.code, "name": self.protocol.name}
        how = {"flip_averaged": self.flip_averaged, "without_duplicates": self.without_duplicates}
        return {**what, **how, **to_jsonable(self.metrics, _DECIMALS)}


@dataclass(frozen=True, slots=True)
class Analysis:
    """What lies behind the figures of one protocol, of plain answers to all its images.

    Attributes:
        protocol: Code of the protocol.
        name: Its name.
        images: Images measured.
        confusions: What is taken for what.
        certainty: How far the answers, and the mark `uncertain`, can be relied on.
        slices: Accuracy on parts of the images.
    """

    protocol: str
    name: str
    images: int
    confusions: Confusions
    certainty: Certainty
    slices: tuple[Slices, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All that was found out about a classifier on some faces; what was not asked for is None or empty.

    Attributes:
        model: What the classifier is called.
        model_sha256: Hash of its file; None if it has none.
        data: Name of the data set; empty if it is not known.
        split: What the data call the split.
        data_sha256: Hash of the faces, as in a model's manifest.
        selected_on: The split on which the model was chosen, tuned or calibrated, if that is known.
        trained_on: Whether the model has learned from this split, if that is known.
        results: The figures: in order of protocol, then all images before those without duplicates, then plain before
            averaged over flips.
        analyses: What lies behind them, by protocol.
        leakage: Whether the images measured on are among those behind the model.
        marks: What the classifier's own mark `uncertain` is worth, by code of each protocol that it marks answers of.
        not_measured: Why a protocol was not measured, by code, where none was asked for by name.
        robustness: Accuracy on pictures made worse.
        gallery: Faces to look at.
        against: Name of the classifier that this one is compared with.
        comparisons: The comparison, by protocol.
        invariance: Whether answers depend on the way of asking.
        version: The version of mien that measured.
    """

    model: str
    model_sha256: str | None
    data: str
    split: str
    data_sha256: str
    selected_on: str | None
    trained_on: bool
    results: tuple[Result, ...]
    analyses: tuple[Analysis, ...]
    leakage: Leakage
    marks: Mapping[str, UncertainMark] = field(default_factory=dict)
    not_measured: Mapping[str, str] = field(default_factory=dict)
    robustness: Robustness | None = None
    gallery: Gallery | None = None
    against: str | None = None
    comparisons: tuple[Comparison, ...] = ()
    invariance: Invariance | None = None
    version: str = __version__

    @property
    def caution(self) -> str | None:
        """What a reader must be told where the split has served to train or to choose the model, else None."""
        if self.trained_on:
            return f"trained on {self.split}: the model has learned from these images, so its figures flatter it"
        if self.selected_on != self.split:
            return None
        return f"selected on {self.split}: the model was chosen on these images, so its figures flatter it"

    @property
    def is_of_fer2013(self) -> bool:
        """Whether the labels are FER2013's."""
        return self.data in ("", FER2013)

    @property
    def only_duplicates(self) -> tuple[str, ...]:
        """Codes of the protocols of whose images each has a duplicate in the data given as training data."""
        if self.leakage.in_given is None:
            return ()
        left = {result.protocol.code for result in self.results if result.without_duplicates}
        return tuple(result.protocol.code for result in self.plain_results if result.protocol.code not in left)

    @property
    def plain_results(self) -> tuple[Result, ...]:
        """The figures of single faces on all images, by protocol."""
        return tuple(result for result in self.results if result.is_plain)

    def to_dict(self) -> dict[str, Any]:
        """All but the pictures, and how it was measured, ready for JSON."""
        head = (
            "version",
            "model",
            "model_sha256",
            "data",
            "split",
            "data_sha256",
            "selected_on",
            "trained_on",
            "caution",
        )
        found = ("analyses", "leakage", "not_measured", "robustness", "against", "comparisons", "invariance")
        return {
            **{name: getattr(self, name) for name in head},
            "interval": {"level": 0.95, "bootstrap_draws": DRAWS, "seed": SEED},
            "calibration_bins": CALIBRATION_BINS,
            "near_duplicate_correlation": NEAR_DUPLICATE,
            "results": [result.to_dict() for result in self.results],
            **{name: to_jsonable(getattr(self, name), _DECIMALS) for name in found},
            "gallery": to_jsonable(self.gallery.without_pictures(), _DECIMALS) if self.gallery else None,
        }


def evaluate(
    classifier: Classifier, data: LabelledFaces | Dataset, options: EvaluationOptions = EvaluationOptions()
) -> Evaluation:
    """Measures a classifier on labelled faces, and finds out all that is asked for.

    Args:
        classifier: What to measure.
        data: The images to measure it on, or a data set that has them.
        options: By what to measure, and what else to find out. The gallery and robustness are by P2b where that is
            measured, else by P2, else by the first protocol.

    Raises:
        DataError: If no image counts by one of the protocols asked for, or predictions made before lack a face.
        ModelError: If a classifier does not know a set of expressions that it is asked for, gives no probabilities, or
            cannot be asked what it has to be asked.
    """
    faces = data.read(options.split) if isinstance(data, Dataset) else data
    protocols, not_measured = _protocols(classifier, faces, options)
    sets = list(dict.fromkeys(protocol.expressions for protocol in protocols))
    said = classifier.predict_faces(faces)
    given = checked(said.probabilities, len(faces), sets)
    averaged = None if classifier.is_recorded else _averaged(classifier, faces, given, sets)
    found, duplicated = leakage(faces, classifier.training.data if classifier.training else None, options.seen)
    results = _results(protocols, faces, (given, averaged), duplicated)
    focus = next((each for each in (P2B, P2) if each in protocols), protocols[0])
    own = _is_own_data(classifier, faces)
    return Evaluation(
        model=classifier.name,
        model_sha256=classifier.sha256,
        data=faces.source,
        split=_split_name(faces, options),
        data_sha256=fingerprint(faces),
        selected_on=_as_the_data_say(options.selected_on or (classifier.selected_on if own else None), faces, options),
        trained_on=own and classifier.training is not None and options.split == Split.TRAIN,
        results=results,
        analyses=_analyses(said, faces, results, options) if options.analyses else (),
        leakage=found,
        marks={p.code: mark for p in protocols if (mark := mark_of(said, faces, p))},
        not_measured=not_measured,
        robustness=robustness(classifier, faces, focus, most=options.robustness) if options.robustness else None,
        gallery=gallery(given[focus.expressions.name], classifier, faces, focus, each=options.gallery)
        if options.gallery
        else None,
        against=options.against.name if options.against else None,
        comparisons=_comparisons(given, options.against, faces, protocols) if options.against else (),
        invariance=invariance(classifier, faces.crops, most=options.invariance) if options.invariance else None,
    )


def _protocols(
    classifier: Classifier, faces: LabelledFaces, options: EvaluationOptions
) -> tuple[tuple[Protocol, ...], dict[str, str]]:
    """What to measure; and where nothing was asked for by name, why not the rest."""
    if options.protocols:
        return options.protocols, {}
    known = protocols_for(classifier.labels)
    measured = tuple(protocol for protocol in known if protocol.counts(faces).any())
    if not measured:
        raise ModelError(
            f"{classifier.name} knows no expressions that this data has truth for: {', '.join(classifier.labels)}"
        )
    left_out = [protocol for protocol in (*PROTOCOLS, *known) if protocol not in measured]
    return measured, {protocol.code: _why_not(protocol, classifier, faces) for protocol in left_out}


def _why_not(protocol: Protocol, classifier: Classifier, faces: LabelledFaces) -> str:
    if protocol.counts(faces).any():
        if protocol is P2B and CORE4.name in classifier.labels:
            return f"{classifier.name} does not say how frequent each expression was in its training"
        return f"{classifier.name} gives no probabilities for {protocol.expressions.name}"
    return "no FER+ votes in this data" if protocol.votes and not faces.votes.any() else "no face has a truth for it"


def _averaged(
    classifier: Classifier, faces: LabelledFaces, given: Probabilities, sets: Sequence[ExpressionSet]
) -> Probabilities:
    """The mean of the given probabilities and those of the faces' mirror images."""
    of_mirrored = checked(classifier.predict(mirrored(faces.crops)), len(faces), sets)
    return {name: (given[name] + other) / 2 for name, other in of_mirrored.items()}


def _results(
    protocols: Sequence[Protocol],
    faces: LabelledFaces,
    probabilities: tuple[Probabilities, Probabilities | None],
    duplicated: NDArray[np.bool_] | None,
) -> tuple[Result, ...]:
    """Every protocol on all images, and on those without duplicates where any are left; plain, then averaged."""
    subsets = {False: np.ones(len(faces), dtype=np.bool_)}
    if duplicated is not None:
        subsets[True] = ~duplicated
    ways = [(flipped, given) for flipped, given in zip((False, True), probabilities, strict=True) if given is not None]
    return tuple(
        Result(protocol, flip_averaged, without_duplicates, _measured(protocol, faces, given, subset))
        for protocol in protocols
        for without_duplicates, subset in subsets.items()
        if not without_duplicates or (subset & protocol.counts(faces)).any()
        for flip_averaged, given in ways
    )


def _measured(protocol: Protocol, faces: LabelledFaces, given: Probabilities, subset: NDArray[np.bool_]) -> Metrics:
    chosen = subset & protocol.counts(faces)
    if not chosen.any():
        raise DataError(f"no image counts by {protocol.code} {protocol.name} in this data; it may lack FER+ votes")
    counted = faces[chosen]
    return measure(
        protocol.expressions.labels,
        protocol.target(counted),
        given[protocol.expressions.name][chosen],
        protocol.votes(counted) if protocol.votes else None,
        # By default every result has the same draws, so that these are not what makes two results differ.
    )


def _analyses(
    said: Predictions, faces: LabelledFaces, results: Sequence[Result], options: EvaluationOptions
) -> tuple[Analysis, ...]:
    find_landmarks = options.find_landmarks or Mtcnn(threads=options.threads).landmarks_of_crops
    landmarks = find_landmarks(faces.gray())
    return tuple(_analysis(said, faces, result, landmarks) for result in results if result.is_plain)


def _analysis(said: Predictions, faces: LabelledFaces, result: Result, landmarks: NDArray[np.float64]) -> Analysis:
    protocol, counts = result.protocol, result.protocol.counts(faces)
    given = said.probabilities[protocol.expressions.name][counts]
    counted = faces[counts]
    return Analysis(
        protocol=protocol.code,
        name=protocol.name,
        images=len(counted),
        confusions=confusions(protocol.expressions.labels, np.array(result.metrics.confusion.value)),
        certainty=certainty_of(said, faces, protocol),
        slices=slices(counted, given.argmax(axis=1) == protocol.target(counted), landmarks[counts]),
    )


def _comparisons(
    given: Probabilities, other: Classifier, faces: LabelledFaces, protocols: Sequence[Protocol]
) -> tuple[Comparison, ...]:
    """By those protocols whose expressions the other knows, too."""
    shared = [p for p in protocols if other.labels.get(p.expressions.name) == p.expressions.labels]
    if not shared:
        raise ModelError(
            f"{other.name} knows none of the expressions that are measured; it knows {', '.join(other.labels)}"
        )
    sets = list(dict.fromkeys(protocol.expressions for protocol in shared))
    others = checked(other.predict_faces(faces).probabilities, len(faces), sets)
    compared = []
    for protocol in shared:
        chosen, name = protocol.counts(faces), protocol.expressions.name
        compared.append(compare(protocol, protocol.target(faces[chosen]), given[name][chosen], others[name][chosen]))
    return tuple(compared)


def _split_name(faces: LabelledFaces, options: EvaluationOptions) -> str:
    """What the data call the split, where the faces are of one and say of which."""
    return faces.splits[0] if len(faces.splits) == 1 else options.split.value


def _as_the_data_say(split: str | None, faces: LabelledFaces, options: EvaluationOptions) -> str | None:
    """The name of a split, by which the data call it where it is the one measured on."""
    return _split_name(faces, options) if split and find_split_named(split) == options.split else split


def _is_own_data(classifier: Classifier, faces: LabelledFaces) -> bool:
    """Whether `faces` may be of the data set that the model was trained and chosen on; a split of another is no matter.

    A data set may have been given another name in training, but not other faces.
    """
    if classifier.training is None:
        return faces.source == FER2013
    manifest = classifier.training.data
    return manifest.source == faces.source or fingerprint(faces) in (manifest.training_sha256, manifest.held_out_sha256)
