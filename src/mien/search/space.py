"""The values that keys of the training configuration may take in a search: ranges of numbers, or choices."""

import json
from collections.abc import Iterator, Mapping
from math import isclose
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from mien.errors import ConfigError, did_you_mean
from mien.settings import Strict, merged, nest, validated
from mien.train.config import TrainingConfig

if TYPE_CHECKING:
    from optuna import Trial
    from pydantic.fields import FieldInfo

_NOT_SEARCHED = {
    "seed": "the best of many seeds is luck",
    "epochs": "all trials must have the same; set `epochs` of the search",
    "early_stop": "the pruner decides when a trial ends",
    "data": "it says what the data are",
}


class FloatRange(Strict):
    """Numbers from `low` to `high`, both included.

    Attributes:
        low: The least value.
        high: The greatest.
        log: Whether the logarithm is drawn uniformly, and not the value itself.
        step: Only `low` and whole steps from it; None takes any value (of integers, each).
    """

    low: float
    high: float
    log: bool = False
    step: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} is not less than high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        steps = (self.high - self.low) / (self.step or self.high - self.low)
        if round(steps) < 1 or not isclose(steps, round(steps)):
            raise ValueError(f"step = {self.step} does not lead from {self.low} to {self.high}")
        return self

    @property
    def named_values(self) -> dict[str, Any]:
        """The values that must be valid for the key, so that all are, by what a message calls them."""
        return {f"low = {self.low}": self.low, f"high = {self.high}": self.high}

    def suggest(self, key: str, trial: "Trial") -> Any:
        """The value of a trial."""
        return trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)

    def decode(self, stored: Any) -> Any:
        """The value of a trial from what Optuna stores of it."""
        return stored


class IntRange(FloatRange):
    """Integers from `low` to `high`, both included."""

    low: int
    high: int
    step: int | None = Field(default=None, gt=0)

    def suggest(self, key: str, trial: "Trial") -> Any:
        """The value of a trial."""
        return trial.suggest_int(key, self.low, self.high, step=self.step or 1, log=self.log)


class Choices(Strict):
    """Any of these values, lists where the key takes one; Optuna, which knows no lists, stores them as JSON."""

    choices: tuple[Any, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _differ(self) -> Self:
        if len(set(self._labels)) < len(self.choices):
            raise ValueError(f"a choice is there twice in {list(self.choices)}")
        return self

    @property
    def _labels(self) -> list[str]:
        return [json.dumps(choice, default=str) for choice in self.choices]

    @property
    def named_values(self) -> dict[str, Any]:
        """The values, which must all be valid for the key, by what a message calls them."""
        return {f"choice {choice!r}": choice for choice in self.choices}

    def suggest(self, key: str, trial: "Trial") -> Any:
        """The value of a trial."""
        return self.decode(trial.suggest_categorical(key, self._labels))

    def decode(self, stored: Any) -> Any:
        """The value of a trial from what Optuna stores of it."""
        return json.loads(stored)


Dimension = Annotated[IntRange | FloatRange | Choices, Field(union_mode="left_to_right")]
"""One dimension of a space; whether a range is of integers is decided by the key, not by how its ends are written."""


def dimension_of(key: str, value: Any) -> Dimension:
    """The dimension that a search file gives for a dotted key of the training configuration.

    Raises:
        ConfigError: If the key is unknown or not to be searched, or values are not valid for it; it names each fault.
    """
    top = key.partition(".")[0]
    if top in _NOT_SEARCHED:
        raise ConfigError(f"{key} cannot be searched: {_NOT_SEARCHED[top]}")
    known = dict(_leaves(TrainingConfig))
    if key not in known:
        hint = did_you_mean(key, known) or "the keys are those of a training configuration"
        raise ConfigError(f"unknown key {key!r}; {hint}")
    kind, with_choices = known[key].annotation, isinstance(value, Mapping) and "choices" in value
    if kind not in (int, float) and not with_choices:
        raise ConfigError(f"{key} is not a number; give choices")
    model: type[Dimension] = Choices if with_choices else IntRange if kind is int else FloatRange
    dimension = validated(model, value, key)
    faults = [
        f"{key}: {name}: {fault}"
        for name, each in dimension.named_values.items()
        if (fault := _fault_of_value(known[key], each))
    ]
    if faults:
        raise ConfigError("; ".join(faults))
    return dimension


def with_values(base: TrainingConfig, values: Mapping[str, Any]) -> TrainingConfig:
    """`base` with other values by dotted key; raises `ConfigError` if they do not go together."""
    return validated(TrainingConfig, merged(base.model_dump(), nest(values)), "this configuration")


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, "FieldInfo"]]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


def _fault_of_value(field: "FieldInfo", value: Any) -> str:
    """What is wrong with a value by itself; whether it fits all others shows in the trial."""
    kind: Any = Annotated[field.annotation, field]
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as fault:
        message: str = fault.errors()[0]["msg"]
        return message[:1].lower() + message[1:]
    return ""
