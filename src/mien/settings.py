"""Settings that a user writes as TOML: read strictly, compared key by key, with one line that says what is wrong.

Nested tables are addressed by dotted keys, as TOML writes them: `optimizer.momentum`.
"""

import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from mien.errors import ConfigError, did_you_mean

Model = TypeVar("Model", bound=BaseModel)

_MOST_LISTED = 5
_CHECKSUM = re.compile("[0-9a-f]{64}")


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
    """A configuration from what a file has; `ConfigError` begins with `where` and names everything that is wrong."""
    try:
        return model.model_validate(table)
    except ValidationError as fault:
        causes = [_explain(each, model) for each in _causes(fault.errors())]
        raise ConfigError(f"{where}: {'; '.join(causes)}") from fault


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The values of nested tables by dotted key, in their order; empty tables have none."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        key = f"{prefix}{name}"
        values |= flatten(value, f"{key}.") if isinstance(value, Mapping) else {key: value}
    return values


def nest(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested tables from values by dotted key: the inverse of `flatten`."""
    table: dict[str, Any] = {}
    for key, value in values.items():
        *sections, name = key.split(".")
        section = table
        for each in sections:
            section = section.setdefault(each, {})
        section[name] = value
    return table


def merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """The nested tables of `common` with the values of `own` in place of theirs, table by table."""
    table = dict(common)
    for key, value in own.items():
        before = table.get(key)
        table[key] = merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return table


def changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """One text for each dotted key whose value differs between two nested tables: `epochs was 4, is now 8`."""
    old, new = flatten(before), flatten(now)
    return [
        f"{key} was {_shown(old, key)}, is now {_shown(new, key)}"
        for key in dict.fromkeys((*old, *new))
        if old.get(key) != new.get(key)
    ]


def refuse_changes(what: str, before: Mapping[str, Any], now: Mapping[str, Any], *, remedy: str) -> None:
    """Raises `ConfigError` if two nested tables differ; it names `what`, the first five changes and the `remedy`."""
    if found := changes(before, now):
        more = f"; and {len(found) - _MOST_LISTED} more" if len(found) > _MOST_LISTED else ""
        raise ConfigError(f"cannot continue {what}: {'; '.join(found[:_MOST_LISTED])}{more}. {remedy}")


def _shown(values: Mapping[str, Any], key: str) -> str:
    """A value as JSON, since `1` and `"1"` differ; of a checksum the first digits."""
    value = values.get(key)
    if value is None:
        return "not set"
    if isinstance(value, str) and _CHECKSUM.fullmatch(value):
        return f"{value[:12]}…"
    return json.dumps(value, ensure_ascii=False, default=str)


def _causes(faults: Sequence[Any]) -> list[Any]:
    """Without the lists that pydantic calls too short only because an entry is wrong, which is reported itself."""
    inside = {fault["loc"][:end] for fault in faults for end in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in inside]


def _explain(fault: Any, model: type[BaseModel]) -> str:
    """One fault that pydantic found, in words for a user."""
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "value_error":
        return f"{key}: {fault['ctx']['error']}".removeprefix(": ")  # a fault of the whole has no key
    if fault["type"] == "missing":
        return f"{key} is missing"
    if fault["type"] != "extra_forbidden":
        return f"{key} = {fault['input']!r}: {fault['msg'][:1].lower()}{fault['msg'][1:]}"
    known = _known_keys(fault["loc"][:-1], model)
    hint = did_you_mean(str(fault["loc"][-1]), known) or f"known here: {', '.join(known)}"
    return f"unknown key {key!r}; {hint}"


def _known_keys(section: tuple[int | str, ...], model: Any) -> list[str]:
    for part in section:
        if hasattr(model, "model_fields"):
            model = model.model_fields[part].annotation
        else:  # a tuple's entries, or a table whose keys are the user's own
            model = get_args(model)[0 if isinstance(part, int) else 1]
    return list(model.model_fields)
