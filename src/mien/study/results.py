"""What a study has found so far, from the answers that its finished runs have kept."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mien.errors import ConfigError
from mien.evaluate.protocols import Protocol
from mien.model.calibration import HEADS, Logits
from mien.stats import Estimate, holm
from mien.study.config import Study
from mien.study.data import StudyFaces
from mien.study.predictions import PROTOCOLS, RunResult, kept_answers, kept_result, scored
from mien.study.statistics import difference_of, mean_of
from mien.train.config import LossConfig

LEVEL = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Against:
    """An arm's figures minus the reference arm's, by one protocol.

    Attributes:
        estimate: The difference in accuracy and its 95 % interval, as if it were the only comparison.
        likelihood: Likewise, in negative log-likelihood (nats).
        p_value: Of the difference in accuracy, raised by Holm's method for the number of arms compared; None where one
            of both has one seed only.
    """

    estimate: Estimate
    likelihood: Estimate
    p_value: float | None

    @property
    def beyond_noise(self) -> bool:
        """Whether the accuracies differ at the level of 5 %, over all arms together."""
        return self.p_value is not None and self.p_value < LEVEL

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.p_value is None:
            return "one seed: cannot be told from noise"
        if not self.beyond_noise:
            return "no difference beyond noise"
        return "better, beyond noise" if self.estimate.value > 0 else "worse, beyond noise"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """What the finished runs of one arm give together.

    Attributes:
        about: What the study file says of it.
        failed: Why it could not be trained in this start; None if it could.
        seeds: The finished seeds.
        accuracy: By protocol's code, with 95 % intervals over seeds and images.
        negative_log_likelihood: Likewise, in nats; see `mien.study.predictions.scored`.
        by_seed: Accuracy by protocol's code, in the order of `seeds`.
        run: Weights, multiply-adds and mean time of one training (of all folds together); None before the first.
        against: Difference from the reference arm by protocol's code; none of the reference itself.
    """

    about: str
    failed: str | None
    seeds: tuple[int, ...]
    accuracy: dict[str, Estimate]
    negative_log_likelihood: dict[str, Estimate]
    by_seed: dict[str, tuple[float, ...]]
    run: RunResult | None
    against: dict[str, Against]


@dataclass(frozen=True, slots=True)
class StudyResult:
    """What a study has found so far.

    Attributes:
        study: The study.
        source: Name of the data set.
        images: How many faces were measured by each protocol's code; protocols that measure none are left out.
        learnt: How many faces each training learns from; about, where there are folds.
        trainings: Finished seeds over all arms, and how many there are to be.
        arms: Results by the arms' names, in the study's order.
        commits: Of the source that trained them; where they are several, an arm may differ for that.
        mixed: Arms whose seeds learnt from models or weights that have changed in between.
    """

    study: Study
    source: str
    images: dict[str, int]
    learnt: int
    trainings: tuple[int, int]
    arms: dict[str, ArmResult]
    commits: tuple[str, ...]
    mixed: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts, ready for JSON."""
        config = self.study.config
        return {
            "study": self.study.name,
            "title": config.title,
            "reference": self.study.reference,
            "protocol": config.protocol,
            "source": self.source,
            "learnt": self.learnt,
            "images": self.images,
            "commits": list(self.commits),
            "mixed": list(self.mixed),
            "trainings": {"finished": self.trainings[0], "planned": self.trainings[1]},
            "arms": {name: asdict(arm) for name, arm in self.arms.items()},
        }


def gather(
    study: Study, faces: StudyFaces, runs: Mapping[tuple[str, int, int | None], Path], failed: Mapping[str, str]
) -> StudyResult:
    """Puts the finished runs together.

    Args:
        study: The study.
        faces: Its faces.
        runs: Folders of finished runs by arm, seed and fold.
        failed: Why arms could not be trained, by name.

    Raises:
        ConfigError: If no measured face has a truth for the study's protocol.
    """
    protocols = [protocol for protocol in PROTOCOLS if protocol.counts(faces.measured).any()]
    images = {protocol.code: int(protocol.counts(faces.measured).sum()) for protocol in protocols}
    if study.config.protocol not in images:
        raise ConfigError(
            f"protocol = {study.config.protocol!r}: no measured face has a truth for it; "
            f"take one of {', '.join(images)}"
        )
    of_seeds = {arm: _complete_seeds(study, faces, runs, arm) for arm in study.arms}
    scores = {arm: _scores(faces, protocols, seeds, study.arms[arm].loss) for arm, seeds in of_seeds.items()}
    about = {arm.name: arm.about for arm in study.config.arms}
    against = _against(study.reference, scores, list(images))
    arms = {
        arm: ArmResult(
            about=about[arm],
            failed=failed.get(arm),
            seeds=tuple(seeds),
            accuracy={code: _share(mean_of(right)) for code, (right, _) in scores[arm].items()},
            negative_log_likelihood={code: mean_of(loss) for code, (_, loss) in scores[arm].items()},
            by_seed={code: tuple(right.mean(axis=1).tolist()) for code, (right, _) in scores[arm].items()},
            run=_together([kept_result(run) for folders in seeds.values() for run in folders], len(seeds)),
            against=against[arm],
        )
        for arm, seeds in of_seeds.items()
    }
    finished = sum(len(seeds) for seeds in of_seeds.values())
    learnt = len(faces.training) if faces.folds is None else len(faces.measured) * (faces.folds - 1) // faces.folds
    total = len(study.arms) * len(study.config.seeds)
    kept = [(arm, found) for (arm, _, _), run in runs.items() if (found := kept_result(run))]
    commits = dict.fromkeys(commit for _, found in kept for commit in (found.commit or "").split(", ") if commit)
    mixed = [arm for arm in study.arms if len({tuple(found.learnt_from.items()) for a, found in kept if a == arm}) > 1]
    return StudyResult(
        study, faces.measured.source, images, learnt, (finished, total), arms, tuple(commits), tuple(mixed)
    )


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
    """By protocol's code: right answers and losses of shape (seeds, faces that count); empty without a seed."""
    if not seeds:
        return {}
    each = [
        scored(_all_answers(faces, seed, folders), faces.measured, protocols, loss) for seed, folders in seeds.items()
    ]
    return {
        code: (np.stack([scores[code][0] for scores in each]), np.stack([scores[code][1] for scores in each]))
        for code in each[0]
    }


def _all_answers(faces: StudyFaces, seed: int, folders: list[Path]) -> Logits:
    """The logits for all measured faces, from every fold's own network."""
    logits = {head.name: np.empty((len(faces.measured), len(head)), dtype=np.float32) for head in HEADS}
    for fold, folder in enumerate(folders):
        positions = faces.measured_in(seed, None if faces.folds is None else fold)
        for name, values in kept_answers(folder).items():
            logits[name][positions] = values
    return logits


def _share(estimate: Estimate) -> Estimate:
    """The same, within 0 and 1: with two seeds far apart an interval would reach beyond."""
    return Estimate(estimate.value, max(estimate.low, 0.0), min(estimate.high, 1.0))


def _together(results: list[RunResult | None], seeds: int) -> RunResult | None:
    found = [result for result in results if result is not None]
    if not found:
        return None
    time_s = fmean(result.elapsed_s for result in found) * len(found) / seeds
    return RunResult(found[0].weights, found[0].multiply_adds, round(time_s, 1))


def _against(
    reference: str, scores: Mapping[str, Mapping[str, tuple[Floats, Floats]]], codes: list[str]
) -> dict[str, dict[str, Against]]:
    """Differences from the reference by arm and protocol's code; p-values are raised over the arms of a protocol."""
    found: dict[str, dict[str, Against]] = {arm: {} for arm in scores}
    for code in codes:
        others = [arm for arm in scores if arm != reference and code in scores[arm] and code in scores[reference]]
        differences = {arm: difference_of(scores[arm][code][0], scores[reference][code][0]) for arm in others}
        tested = {arm: d.p_value for arm, d in differences.items() if d.p_value is not None}
        raised = dict(zip(tested, holm(list(tested.values())), strict=True))
        for arm, difference in differences.items():
            likelihood = difference_of(scores[arm][code][1], scores[reference][code][1]).estimate
            found[arm][code] = Against(difference.estimate, likelihood, raised.get(arm))
    return found
