"""What a search file says: typed, frozen, strict, read from TOML."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator

from mien.errors import ConfigError
from mien.search.space import Choices, Dimension, dimension_of
from mien.settings import Strict, read_toml, validated
from mien.train.config import TrainingConfig, load_config


class SamplerConfig(Strict):
    """How configurations are drawn: at random first, then by Optuna's tree-structured Parzen estimator.

    Attributes:
        seed: Of the drawing of values.
        random_trials: Trials drawn at random before the estimator learns from them.
    """

    seed: int = Field(default=1, ge=0, lt=2**31)
    random_trials: int = Field(default=10, ge=1)


class PrunerConfig(Strict):
    """When a trial is pruned: at an epoch whose metric is worse than the median of earlier trials at that epoch.

    Attributes:
        method: `none` prunes nothing.
        whole_trials: So many trials finish before any is pruned.
        warmup_epochs: No trial is pruned in its first epochs, as many as this.
    """

    method: Literal["median", "none"] = "median"
    whole_trials: int = Field(default=5, ge=0)
    warmup_epochs: int = Field(default=1, ge=0)


class SearchConfig(Strict):
    """Everything that decides what a search gives, beside the data and the number of trials.

    Attributes:
        base: A training configuration, or the path of one, seen from the search file.
        space: What is searched: dotted keys of the training configuration, each with a range or choices.
        metric: What is optimized, measured with the averaged weights after a trial's last epoch.
        selected_on: The validation split, or a fixed tenth of the training split, from which trials then do not learn.
        images: How many faces of the training split each trial learns from; all if left out.
        epochs: Epochs of a trial; those of `base` if left out.
        sampler: How values are drawn.
        pruner: Which trials are ended early.
    """

    base: TrainingConfig = TrainingConfig()
    space: dict[str, Dimension] = Field(min_length=1)
    metric: Literal[
        "P1", "P2", "P3", "P4", "mean_P", "nll_P1", "nll_P2", "nll_P3", "nll_P4", "mean_nll_P"
    ] = "nll_P2"  # fmt: skip
    selected_on: Literal["validation", "train"] = "validation"
    images: int | None = Field(default=None, ge=2)
    epochs: int | None = Field(default=None, ge=1)
    sampler: SamplerConfig = SamplerConfig()
    pruner: PrunerConfig = PrunerConfig()

    @field_validator("space", mode="before")
    @classmethod
    def _by_dotted_key(cls, space: Any) -> Any:
        """Takes `optimizer.momentum = {...}`, which TOML reads as nested tables, for `"optimizer.momentum"`."""
        if not isinstance(space, Mapping):
            return space
        found, faults = {}, []
        for key, value in _unquoted(space).items():
            try:
                found[key] = dimension_of(key, value)
            except ConfigError as fault:
                faults.append(str(fault))
        if faults:
            raise ValueError("; ".join(faults))
        return found

    @property
    def direction(self) -> Literal["minimize", "maximize"]:
        """Which values of the metric are better, in Optuna's words."""
        return "minimize" if "nll" in self.metric else "maximize"

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols of the metric; of a mean, all that may be in it."""
        last = self.metric.removeprefix("mean_").removeprefix("nll_")
        return ("P1", "P2", "P3", "P4") if last == "P" else (last,)

    @property
    def trial_epochs(self) -> int:
        """How many epochs a trial is trained."""
        return self.epochs or self.base.epochs

    @property
    def learns_from_models(self) -> bool:
        """Whether any trial starts from another run or has teachers."""
        own = (self.base.start_from, self.base.distillation.teachers)
        return any((*own, *self._choices("start_from"), *self._choices("distillation.teachers")))

    def _choices(self, key: str) -> tuple[Any, ...]:
        dimension = self.space.get(key)
        return dimension.choices if isinstance(dimension, Choices) else ()

    def value_of(self, metrics: Mapping[str, float]) -> float:
        """The value to optimize, from metrics by protocol; a mean is over the protocols that have labels."""
        prefix = "nll_" if "nll" in self.metric else ""
        values = [metrics[prefix + name] for name in self.protocols if prefix + name in metrics]
        return sum(values) / len(values)


def _unquoted(space: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in space.items():
        nested = isinstance(value, Mapping) and value and all(isinstance(each, Mapping) for each in value.values())
        flat |= {f"{key}.{name}": each for name, each in value.items()} if nested else {key: value}
    return flat


def load_search(path: Path) -> SearchConfig:
    """Reads a search file, and the base it names; `ConfigError` names all that is wrong with it."""
    table = read_toml(path)
    if isinstance(table.get("base"), str):
        table["base"] = load_config(path.parent / table["base"])
    search = validated(SearchConfig, table, str(path))
    if search.selected_on == "train" and search.learns_from_models:
        raise ConfigError(
            f'{path}: selected_on = "train" measures on faces of the training split, which the models of start_from '
            'and distillation.teachers may have been trained on; leave these out, or set selected_on = "validation"'
        )
    return search
