"""What a model file states of where it comes from and how well it does: typed records, the one home of their form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mien.stats import Estimate

Precision = Literal["fp32", "fp16", "int8"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """How many training faces are left out, and why; a face may be left out for several reasons.

    Attributes:
        total: Training faces before any was left out.
        exact: Same pixels as a held-out face.
        near: Nearly the same pixels as a held-out face, not exactly.
        conflicting: Of those two, the ones whose label is another than that of a face they copy.
        flat: No contrast.
        not_a_face: Voters mostly say that there is no face.
        kept: Training faces left.
    """

    total: int
    exact: int
    near: int
    conflicting: int
    flat: int
    not_a_face: int
    kept: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """Facts about the data behind a model.

    Attributes:
        source: Name of the data set; empty if it is not known.
        training: Faces trained on.
        with_votes: How many of these have FER+ votes; where none has, the labels stood in for them.
        held_out: Faces that training was validated on.
        training_sha256: Hash of the pixels, labels and votes trained on, in order.
        held_out_sha256: Likewise for the faces validated on.
        training_by_label: Faces trained on by label.
        training_by_majority: Faces trained on by the majority of their votes, those that have one.
        left_out: What was left out of training, by reason.
        near_duplicate_correlation: From which correlation on two pictures count as the same.
        flat_below: Under which standard deviation of pixels, in gray levels, a face counts as flat.
        not_a_face: When a face counts as none, in words.
    """

    source: str
    training: int
    with_votes: int
    held_out: int
    training_sha256: str
    held_out_sha256: str
    training_by_label: Mapping[str, int]
    training_by_majority: Mapping[str, int]
    left_out: LeftOut
    near_duplicate_correlation: float
    flat_below: float
    not_a_face: str


@dataclass(frozen=True, slots=True)
class Start:
    """One start of a training: with what, on what, and from where it went on.

    Attributes:
        after_epoch: How many epochs were done before.
        mien: Version of mien.
        commit: Commit of its source; None where that is not known.
        torch: Version of torch.
        device: `cpu` or `cuda`.
        processes: How many trained together.
        nodes: On how many machines.
    """

    after_epoch: int
    mien: str
    commit: str | None
    torch: str
    device: str = "cpu"
    processes: int = 1
    nodes: int = 1


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """The training that a model comes from, by which it is known.

    Attributes:
        config: The run's configuration, as its TOML file has it with every default.
        data: What it was trained and validated on.
        sources: SHA-256 of each model whose predictions it learned from and of the weights it started from, by the
            names that the configuration has.
        epochs_done: Fewer than configured where it was stopped early.
        elapsed_s: Seconds by the clock.
        starts: Each start of it, one or more; the code of each has had a part in it.
    """

    config: Mapping[str, Any]
    data: Manifest
    sources: Mapping[str, str]
    epochs_done: int
    elapsed_s: float
    starts: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class ProtocolMetrics:
    """A model's metrics by one protocol, each with its 95 % interval; see `mien.evaluate.metrics.Metrics`.

    Attributes:
        protocol: Its code, such as P2.
        name: Its name, such as core4/consensus.
        flip_averaged: Whether predictions are the mean of those for the face and for its mirror image.
        without_duplicates: Whether images that the model may have seen are left out.
        n: Images measured.
        labels: Class names in class order.
        accuracy: Share right.
        balanced_accuracy: Mean recall of the classes that occur.
        macro_f1: Mean F1 of the classes that occur.
        calibration_error: Expected calibration error.
        negative_log_likelihood: Mean, in nats.
        kl_to_votes: Mean divergence from the votes, in nats; None without votes.
        recall: By label, of the classes that occur.
        confusion: Images by true class (row) and predicted class (column), in class order.
    """

    protocol: str
    name: str
    flip_averaged: bool
    without_duplicates: bool
    n: int
    labels: tuple[str, ...]
    accuracy: Estimate
    balanced_accuracy: Estimate
    macro_f1: Estimate
    calibration_error: Estimate
    negative_log_likelihood: Estimate
    kl_to_votes: Estimate | None
    recall: Mapping[str, Estimate]
    confusion: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Certainty:
    """What the probabilities of one answer and its mark `uncertain` are worth.

    Attributes:
        n: Faces with a truth in the set, of those that calibration has not seen.
        calibration_error: Expected calibration error on these.
        error_by_chance: What that would be on average if the probabilities were exactly right: so many faces have no
            less, but by luck.
        bins: For each bin of it, mean confidence, share right and number of faces.
        coverage: Shares of the faces answered at which the risk is stored.
        risk: Share of wrong answers among the best supported faces, at each coverage.
        aurc: Mean risk over all coverages, 1/n to 1: the area under the risk-coverage curve.
        certain: Share of answers that are not marked uncertain.
        certain_wrong: Share of these that are wrong.
        wrong: Share of all answers that are wrong.
        uncertain_outside: By an expression that is not of the set, number of such faces, and the share of them that is
            marked uncertain.
    """

    n: int
    calibration_error: float
    error_by_chance: float
    bins: tuple[tuple[float, float, int], ...]
    coverage: tuple[float, ...]
    risk: tuple[float, ...]
    aurc: float
    certain: Estimate
    certain_wrong: Estimate
    wrong: Estimate
    uncertain_outside: Mapping[str, tuple[int, Estimate]]

    def risk_at(self, coverage: float) -> float:
        """Share of wrong answers where this share of the faces is answered; one of `coverage`."""
        return self.risk[self.coverage.index(coverage)]


@dataclass(frozen=True, slots=True)
class Failure:
    """One wrong answer.

    Attributes:
        row: Row of the face in its source, 0-based.
        truth: What most people see.
        answer: What the model answers.
        probability: The model's probability for its answer.
        file: The face's picture within its source; None where it is a row of a file.
    """

    row: int
    truth: str
    answer: str
    probability: float
    file: str | None = None


@dataclass(frozen=True, slots=True)
class ModelMetrics:
    """How well a model did when it was exported.

    Attributes:
        split: The split of its data that this was measured on.
        results: By every protocol that the faces have truth for.
        certainty: By answer, how far it may be relied on.
        failures: The surest wrong answers.
    """

    split: str
    results: tuple[ProtocolMetrics, ...] = ()
    certainty: Mapping[str, Certainty] = field(default_factory=dict)
    failures: tuple[Failure, ...] = ()

    @property
    def plain(self) -> tuple[ProtocolMetrics, ...]:
        """The results for single faces, not averaged over flips, on all images."""
        return tuple(each for each in self.results if not (each.flip_averaged or each.without_duplicates))


@dataclass(frozen=True, slots=True)
class Parity:
    """An exported file beside the network it was made of, on the same faces.

    Attributes:
        greatest_difference: Of any logit.
        mean_difference: Mean absolute difference of the logits.
        batch_difference: Greatest difference of any of the file's probabilities between faces alone and in a batch.
        agreement: Share of faces with the same prediction, by answer.
        accuracy: Of the file, by code of each protocol that the faces have truth for.
        network_accuracy: Of the network, likewise.
    """

    greatest_difference: float
    mean_difference: float
    batch_difference: float
    agreement: Mapping[str, float]
    accuracy: Mapping[str, float]
    network_accuracy: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ExportFacts:
    """How a file was made of its network.

    Attributes:
        precision: What weights and arithmetic are in.
        opset: Of ONNX.
        range_faces: Of how many training faces the ranges of 8-bit activations were taken; None for other precisions.
        parity: The file beside the network.
    """

    precision: Precision
    opset: int
    range_faces: int | None = None
    parity: Parity | None = None
