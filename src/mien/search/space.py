"""One dimension of a space: the values that a key of the training configuration may take."""

import json
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from math import isclose
from typing import Any, Self

from pydantic import BaseModel, ValidationError, model_validator

from mien.settings import Strict, validated
from mien.train.config import TrainingConfig

_NOT_SEARCHED = {
    "seed": "the best of many seeds is luck",
    "epochs": "all trials must have the same; set `epochs` of the search",
    "early_stop": "what ends a trial is the pruner",
    "framing": "it does not touch training",
    "data": "it says what the data are",
}


class Dimension(Strict):
    """Either `choices`, or a range from `low` to `high`, both included.

    Attributes:
        low: The least value.
        high: The greatest.
        log: Whether the logarithm is drawn from evenly, and not the value itself.
        step: Only `low` and whole steps from it; None takes any value (of integers, each).
        choices: The values; lists are allowed where the key takes one.
    """

    low: int | float | None = None
    high: int | float | None = None
    log: bool = False
    step: int | float | None = None
    choices: tuple[Any, ...] | None = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if self.choices is not None:
            if not self.choices or self.log or (self.low, self.high, self.step) != (None, None, None):
                raise ValueError("give either choices, or low and high")
            if len(set(self.labels)) < len(self.choices):
                raise ValueError(f"a choice is there twice in {list(self.choices)}")
            return self
        if self.low is None or self.high is None:
            raise ValueError("give low and high, or choices")
        if not self.low < self.high:
            raise ValueError(f"low = {self.low} is not less than high = {self.high}")
        if self.log and (self.low <= 0 or self.step is not None):
            raise ValueError("log needs a low above 0, and no step")
        if self.step is not None:
            steps = (self.high - self.low) / self.step if self.step > 0 else 0
            if steps < 1 or not isclose(steps, round(steps)):
                raise ValueError(f"step = {self.step} does not lead from {self.low} to {self.high}")
        return self

    @property
    def labels(self) -> list[str]:
        """The choices as text, since Optuna stores no lists."""
        return [json.dumps(choice, default=str) for choice in self.choices or ()]

    @property
    def ends(self) -> tuple[int | float, int | float]:
        """The least and the greatest value of a range."""
        if self.low is None or self.high is None:
            raise TypeError("choices have no ends")
        return self.low, self.high


def is_integer(key: str) -> bool:
    """Whether a key of the training configuration takes whole numbers."""
    return _kind_of(key) is int


def with_values(base: TrainingConfig, values: Mapping[str, Any]) -> TrainingConfig:
    """`base` with other values by dotted key; raises `ConfigError` if they do not go together."""
    table = base.model_dump()
    for key, value in values.items():
        *sections, name = key.split(".")
        section = table
        for each in sections:
            section = section[each]
        section[name] = value
    return validated(TrainingConfig, table, "this configuration")


def faults_of(key: str, dimension: Dimension) -> Iterator[str]:
    """What is wrong with a dimension of this key, in words; nothing if it can be searched."""
    top = key.partition(".")[0]
    if top in _NOT_SEARCHED:
        yield f"space: {key} cannot be searched: {_NOT_SEARCHED[top]}"
        return
    kind = _kind_of(key)
    if kind is None:
        known = [name for name, _ in _leaves(TrainingConfig)]
        nearest = get_close_matches(key, known, n=1)
        hint = f"did you mean {nearest[0]!r}?" if nearest else "the keys are those of a training configuration"
        yield f"space: unknown key {key!r}; {hint}"
        return
    if dimension.choices is not None:
        named = [(f"choice {choice!r}", choice) for choice in dimension.choices]
    elif kind in (int, float):
        low, high = dimension.ends
        named = [("low", low), ("high", high)]
        if kind is int and isinstance(dimension.step, float):
            yield f"space: {key}: step = {dimension.step} is no whole number"
    else:
        yield f"space: {key} is not a number; give choices"
        return
    for name, value in named:
        if fault := _fault_of_value(key, value):
            yield f"space: {key}: {name if 'choice' in name else f'{name} = {value}'}: {fault}"


def _kind_of(key: str) -> Any:
    return dict(_leaves(TrainingConfig)).get(key)


def _leaves(model: type[BaseModel], prefix: str = "") -> Iterator[Any]:
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _leaves(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def _fault_of_value(key: str, value: Any) -> str:
    """What is wrong with a value by itself; whether it goes with all others shows in the trial."""
    parts = tuple(key.split("."))
    table: Any = value
    for part in reversed(parts):
        table = {part: table}
    try:
        TrainingConfig.model_validate(table)
    except ValidationError as fault:
        for each in fault.errors():
            if each["loc"][: len(parts)] == parts:
                return each["msg"][:1].lower() + each["msg"][1:]
    return ""
