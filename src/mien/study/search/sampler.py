"""Draws the values of a trial by a seed and the trial's number."""

from typing import Any

from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.trial import FrozenTrial

from mien.study.search.config import SamplerConfig


class SamplerByTrial(BaseSampler):
    """Optuna's tree-structured Parzen estimator, seeded anew for each trial.

    With one seed for a whole process, a search that goes on would draw its first values once more, and processes that
    share a search would all draw the same.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
    """

    def __init__(self, config: SamplerConfig) -> None:
        self.config = config
        self._sampler = TPESampler()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Called by Optuna before it draws."""
        seed = (self.config.seed * 1_000_003 + trial.number) % 2**32
        self._sampler = TPESampler(seed=seed, n_startup_trials=self.config.random_trials)
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Which values are drawn together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Draws values together."""
        return self._sampler.sample_relative(study, trial, search_space)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Draws one value by itself."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: Any, values: Any) -> None:
        """Called by Optuna when a trial has ended."""
        self._sampler.after_trial(study, trial, state, values)
