"""What a study has found so far, from the predictions that its finished runs have kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from mien.errors import ConfigError
from mien.evaluate.protocols import Protocol
from mien.model.calibration import Logits
from mien.stats import Estimate, holm
from mien.study.config import Study
from mien.study.data import StudyFaces
from mien.study.predictions import PROTOCOLS, RunResult, correct_and_loss, kept_predictions, kept_result
from mien.study.statistics import difference_of, mean_of
from mien.train.config import LossConfig
from mien.train.heads import HEADS

LEVEL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ArmComparison:
    """An arm minus the reference arm, by one protocol.

    Attributes:
        accuracy: The difference in accuracy and its 95 % interval, not corrected for several comparisons.
        negative_log_likelihood: Likewise, in nats.
        p_value: Of the difference in accuracy, corrected by Holm's method for the number of arms compared; None where
            one of the two arms has a single seed.
    """

    accuracy: Estimate
    negative_log_likelihood: Estimate
    p_value: float | None

    @property
    def beyond_noise(self) -> bool:
        """Whether the accuracies differ at the 5 % level, over all arms together."""
        return self.p_value is not None and self.p_value < LEVEL

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.p_value is None:
            return "one seed: cannot be told from noise"
        if not self.beyond_noise:
            return "no difference beyond noise"
        return "better, beyond noise" if self.accuracy.value > 0 else "worse, beyond noise"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What the finished runs of one arm give together.

    Attributes:
        about: Its description in the study file.
        failed: Why it could not be trained when the study was last run; None if it could.
        seeds: The finished seeds.
        accuracy: By protocol's code, with 95 % intervals over seeds and images.
        negative_log_likelihood: Likewise, in nats; see `mien.study.predictions.correct_and_loss`.
        by_seed: Accuracy by protocol's code, in the order of `seeds`.
        run: Weights, multiply-adds and mean time of one training (of all folds together); None before the first.
        comparison: Difference from the reference arm by protocol's code; empty for the reference itself.
    """

    about: str
    failed: str | None
    seeds: tuple[int, ...]
    accuracy: dict[str, Estimate]
    negative_log_likelihood: dict[str, Estimate]
    by_seed: dict[str, tuple[float, ...]]
    run: RunResult | None
    comparison: dict[str, ArmComparison]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study has found so far.

    Attributes:
        study: The study.
        source: Name of the data set.
        training_faces: How many faces each training has; about, where there are folds.
        validation_faces: How many validation faces have a label, by protocol's code; only of protocols with any.
        finished: How many trainings are finished, over all arms and seeds.
        planned: How many there will be.
        arms: Results by the arms' names, in the order of the study.
        commits: Of the source that trained them; where there are several, arms may differ because of that.
        changed_sources: Arms whose seeds started from, or were taught by, models that changed in between.
    """

    study: Study
    source: str
    training_faces: int
    validation_faces: dict[str, int]
    finished: int
    planned: int
    arms: dict[str, ArmResult]
    commits: tuple[str, ...]
    changed_sources: tuple[str, ...]


def gather(
    study: Study, faces: StudyFaces, runs: Mapping[tuple[str, int, int | None], Path], failed: Mapping[str, str]
) -> StudyResult:
    """Combines the finished runs.

    Args:
        study: The study.
        faces: Its faces.
        runs: Folders of finished runs by arm, seed and fold.
        failed: Why arms could not be trained, by name.

    Raises:
        ConfigError: If no validation face has a label for the protocol of the study.
    """
    protocols = [protocol for protocol in PROTOCOLS if protocol.counts(faces.validation).any()]
    images = {protocol.code: int(protocol.counts(faces.validation).sum()) for protocol in protocols}
    if study.config.protocol not in images:
        raise ConfigError(
            f"protocol = {study.config.protocol!r}: no validation face has a label for it; "
            f"choose from {', '.join(images)}"
        )
    of_seeds = {arm: _complete_seeds(study, faces, runs, arm) for arm in study.arms}
    scores = {arm: _scores(faces, protocols, seeds, study.arms[arm].loss) for arm, seeds in of_seeds.items()}
    about = {arm.name: arm.about for arm in study.config.arms}
    comparisons = _comparisons(study.reference, scores, list(images))
    arms = {
        arm: ArmResult(
            about=about[arm],
            failed=failed.get(arm),
            seeds=tuple(seeds),
            accuracy={code: _share(mean_of(correct)) for code, (correct, _) in scores[arm].items()},
            negative_log_likelihood={code: mean_of(loss) for code, (_, loss) in scores[arm].items()},
            by_seed={code: tuple(correct.mean(axis=1).tolist()) for code, (correct, _) in scores[arm].items()},
            run=_together([kept_result(run) for folders in seeds.values() for run in folders], len(seeds)),
            comparison=comparisons[arm],
        )
        for arm, seeds in of_seeds.items()
    }
    kept = [(arm, found) for (arm, _, _), run in runs.items() if (found := kept_result(run))]
    commits = dict.fromkeys(commit for _, found in kept for commit in (found.commit or "").split(", ") if commit)
    return StudyResult(
        study=study,
        source=faces.validation.source,
        training_faces=_training_faces(faces),
        validation_faces=images,
        finished=sum(len(seeds) for seeds in of_seeds.values()),
        planned=len(study.arms) * len(study.config.seeds),
        arms=arms,
        commits=tuple(commits),
        changed_sources=tuple(
            arm for arm in study.arms if len({tuple(found.sources.items()) for a, found in kept if a == arm}) > 1
        ),
    )


def _training_faces(faces: StudyFaces) -> int:
    if faces.folds is None:
        return len(faces.training)
    return len(faces.validation) * (faces.folds - 1) // faces.folds


def _complete_seeds(
    study: Study, faces: StudyFaces, runs: Mapping[tuple[str, int, int | None], Path], arm: str
) -> dict[int, list[Path]]:
    """The finished runs of an arm by seed: one, or one of each fold."""
    folds = [None] if faces.folds is None else list(range(faces.folds))
    found = {seed: [runs[arm, seed, f] for f in folds if (arm, seed, f) in runs] for seed in study.config.seeds}
    return {seed: folders for seed, folders in found.items() if len(folders) == len(folds)}


def _scores(
    faces: StudyFaces, protocols: list[Protocol], seeds: Mapping[int, list[Path]], loss: LossConfig
) -> dict[str, tuple[Floats, Floats]]:
    """By protocol's code: correct predictions and losses of shape (seeds, labelled faces); empty without a seed."""
    if not seeds:
        return {}
    each = [
        correct_and_loss(_all_logits(faces, seed, folders), faces.validation, protocols, loss)
        for seed, folders in seeds.items()
    ]
    return {
        code: (np.stack([scores[code][0] for scores in each]), np.stack([scores[code][1] for scores in each]))
        for code in each[0]
    }


def _all_logits(faces: StudyFaces, seed: int, folders: list[Path]) -> Logits:
    """The logits for all validation faces, each from the network that was not trained on it."""
    logits = {head.name: np.empty((len(faces.validation), len(head)), dtype=np.float32) for head in HEADS}
    for fold, folder in enumerate(folders):
        positions = faces.validation_rows(seed, None if faces.folds is None else fold)
        for name, values in kept_predictions(folder).items():
            logits[name][positions] = values
    return logits


def _share(estimate: Estimate) -> Estimate:
    """The same, within 0 and 1: with two seeds far apart an interval would exceed that."""
    return Estimate(estimate.value, max(estimate.low, 0.0), min(estimate.high, 1.0))


def _together(results: list[RunResult | None], seeds: int) -> RunResult | None:
    found = [result for result in results if result is not None]
    if not found:
        return None
    time_s = fmean(result.elapsed_s for result in found) * len(found) / seeds
    return RunResult(found[0].weights, found[0].multiply_adds, round(time_s, 1))


def _comparisons(
    reference: str, scores: Mapping[str, Mapping[str, tuple[Floats, Floats]]], codes: list[str]
) -> dict[str, dict[str, ArmComparison]]:
    """Differences from the reference by arm and protocol's code; p-values are corrected over the arms of a protocol."""
    found: dict[str, dict[str, ArmComparison]] = {arm: {} for arm in scores}
    for code in codes:
        others = [arm for arm in scores if arm != reference and code in scores[arm] and code in scores[reference]]
        differences = {arm: difference_of(scores[arm][code][0], scores[reference][code][0]) for arm in others}
        tested = {arm: d.p_value for arm, d in differences.items() if d.p_value is not None}
        corrected = dict(zip(tested, holm(list(tested.values())), strict=True))
        for arm, difference in differences.items():
            likelihood = difference_of(scores[arm][code][1], scores[reference][code][1]).estimate
            found[arm][code] = ArmComparison(difference.estimate, likelihood, corrected.get(arm))
    return found
