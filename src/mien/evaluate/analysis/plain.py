"""Frozen results as plain numbers, strings, lists and dicts, ready for JSON."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """A result by the names of its fields, without the arrays in it, which are pictures; rounded to seven decimals."""
    if is_dataclass(value):
        inside = {field.name: getattr(value, field.name) for field in fields(value)}
        return {name: plain(part) for name, part in inside.items() if not isinstance(part, np.ndarray)}
    if isinstance(value, Mapping):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return round(value, 7) if isinstance(value, float) else value
