"""Settings that a user writes as TOML: read strictly, and told in one line where they are wrong."""

import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.errors import ConfigError

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """A part of a configuration: it cannot be changed, and has no keys but its own."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def read_toml(path: Path) -> dict[str, Any]:
    """The table in a file; raises `ConfigError` if there is none."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as fault:
        raise ConfigError(f"cannot read the configuration {path}: {fault.strerror}") from fault
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise ConfigError(f"{path} is not TOML: {fault}") from fault


def validated(model: type[Model], table: Mapping[str, Any], where: str) -> Model:
    """A configuration from what a file has; `ConfigError` begins with `where` and says all that is wrong."""
    try:
        return model.model_validate(table)
    except ValidationError as fault:
        causes = [_explain(each, model) for each in _causes(fault.errors())]
        raise ConfigError(f"{where}: {'; '.join(causes)}") from fault


def _causes(faults: Sequence[Any]) -> list[Any]:
    """Without the lists that pydantic calls too short only because an entry is at fault, and is told itself."""
    inside = {fault["loc"][:end] for fault in faults for end in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inside]


def _explain(fault: Any, model: type[BaseModel]) -> str:
    """One fault that pydantic found, as a user would say it."""
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "value_error":
        return f"{key}: {fault['ctx']['error']}".removeprefix(": ")  # a fault of the whole has no key
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] != "extra_forbidden":
        return f"{key} = {fault['input']!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
    known = _known_keys(fault["loc"][:-1], model)
    nearest = get_close_matches(str(fault["loc"][-1]), known, n=1, cutoff=0.5)
    hint = f"did you mean {nearest[0]!r}?" if nearest else f"known here: {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def _known_keys(section: tuple[int | str, ...], model: Any) -> list[str]:
    for part in section:
        if hasattr(model, "model_fields"):
            model = model.model_fields[part].annotation
        else:  # a tuple's entries, or a table whose keys are the user's own
            model = get_args(model)[0 if isinstance(part, int) else 1]
    return list(model.model_fields)
