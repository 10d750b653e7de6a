"""One trial: values are drawn, a network is trained with them, and its metric is reported after each epoch."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from optuna import Trial, TrialPruned

from mien.data.labelled_faces import LabelledFaces
from mien.errors import MienError, first_line
from mien.search.config import SearchConfig
from mien.search.space import with_values
from mien.search.storage import try_again
from mien.train.config import TrainingConfig
from mien.train.training import FitOptions, fit

REASON, METRICS, ELAPSED = "reason", "metrics", "elapsed_s"


class TrialFailed(Exception):
    """A trial could not be trained to its end; others may."""


@dataclass(frozen=True, slots=True)
class Objective:
    """What Optuna optimizes: from a trial to its metric after the last epoch.

    Attributes:
        config: What is searched.
        training: Faces that each trial learns from.
        validation: Faces that the metric is measured on.
        threads: As for `mien.train.training.fit`.
    """

    config: SearchConfig
    training: LabelledFaces
    validation: LabelledFaces
    threads: int | None = None

    def __call__(self, trial: Trial) -> float:
        """Trains; raises `TrialPruned` or `TrialFailed` where that does not finish, and stores why in the trial."""
        started_s = time.monotonic()
        try:
            return self._trained(trial)
        except KeyboardInterrupt:
            trial.set_user_attr(REASON, "interrupted")
            try_again(trial.study, trial.study.get_trials(deepcopy=False)[trial.number], blamed=False)
            raise
        except (MienError, TrialFailed, RuntimeError, ValueError) as fault:  # torch's own are of the last two
            trial.set_user_attr(REASON, first_line(fault))
            raise TrialFailed from fault
        finally:
            trial.set_user_attr(ELAPSED, round(time.monotonic() - started_s, 1))

    def _trained(self, trial: Trial) -> float:
        values = {key: dimension.suggest(key, trial) for key, dimension in self.config.space.items()}
        epochs = self.config.trial_epochs
        config = with_values(self.config.base, values).model_copy(update={"epochs": epochs})
        last: dict[str, float] = {}
        pruned = False

        def watch(epoch: int, metrics: Mapping[str, float]) -> bool:
            nonlocal pruned
            last.update(metrics)
            trial.report(self.config.value_of(metrics), epoch)
            pruned = epoch < epochs and trial.should_prune()
            return pruned

        options = FitOptions(threads=self.threads, quiet=True, watch=watch)
        with TemporaryDirectory(prefix="mien-search-") as folder:
            fit(self.training, self.validation, config, Path(folder), options)
        trial.set_user_attr(METRICS, {name: round(value, 5) for name, value in last.items()})
        if pruned:
            raise TrialPruned
        return self.config.value_of(last)


def config_of(search: SearchConfig, params: Mapping[str, Any]) -> TrainingConfig:
    """The training configuration of a trial with these of Optuna's parameters, for a whole training."""
    return with_values(search.base, values_of(search, params))


def values_of(search: SearchConfig, params: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the training configuration by dotted key, from what Optuna stores of them."""
    return {key: search.space[key].decode(value) for key, value in params.items()}
