"""Typed records out of plain JSON: the way back from `to_jsonable`."""

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

Record = TypeVar("Record")


def from_jsonable(kind: type[Record], value: Any) -> Record:
    """`value`, as JSON has it, as an instance of the dataclass `kind`, with all that is in it.

    Fields may be dataclasses, tuples, mappings with strings as keys, `Literal`s, numbers, strings, and any of these or
    None; what is typed `Any` is left as it is. Fields that have a default may be missing, others must be there, and
    there must be no further ones.

    Raises:
        ValueError: If it does not fit, naming the place: `heads.fer7: must be a list; got 3`.
    """
    made: Record = _read(kind, value, "")
    return made


def _read(kind: Any, value: Any, place: str) -> Any:
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value, place)
    if origin is None:
        return _scalar(kind, value, place)
    if origin in (Union, types.UnionType):
        inner = next(argument for argument in arguments if argument is not types.NoneType)
        return None if value is None and types.NoneType in arguments else _read(inner, value, place)
    if origin is Literal:
        return _checked(value in arguments, value, place, f"one of {', '.join(map(str, arguments))}")
    return _tuple(arguments, value, place) if origin is tuple else _mapping(arguments[1], value, place)


def _scalar(kind: Any, value: Any, place: str) -> Any:
    if kind is float:
        _checked(isinstance(value, int | float) and not isinstance(value, bool), value, place, "a number")
        return float(value)
    right = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
    return _checked(right, value, place, f"of type {kind.__name__}")


def _mapping(kind: Any, value: Any, place: str) -> dict[str, Any]:
    _checked(isinstance(value, dict), value, place, "a table")
    return {key: _read(kind, part, _below(place, key)) for key, part in value.items()}


def _dataclass(kind: Any, value: Any, place: str) -> Any:
    _checked(isinstance(value, dict), value, place, "a table")
    hints, known = get_type_hints(kind), {each.name: each for each in fields(kind) if each.init}
    for key in value:
        if key not in known:
            raise ValueError(f"{_below(place, key)}: unknown; known are {', '.join(known)}")
    for name, each in known.items():
        if name not in value and each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{_below(place, name)}: missing")
    parts = {name: _read(hints[name], part, _below(place, name)) for name, part in value.items()}
    try:
        return kind(**parts)
    except ValueError as fault:
        raise ValueError(f"{place}: {fault}" if place else str(fault)) from fault


def _tuple(arguments: tuple[Any, ...], value: Any, place: str) -> tuple[Any, ...]:
    _checked(isinstance(value, list), value, place, "a list")
    if arguments[-1] is Ellipsis:
        arguments = (arguments[0],) * len(value)
    _checked(len(value) == len(arguments), value, place, f"a list of {len(arguments)}")
    pairs = zip(arguments, value, strict=True)
    return tuple(_read(kind, part, _below(place, str(at))) for at, (kind, part) in enumerate(pairs))


def _checked(right: bool, value: Any, place: str, expected: str) -> Any:
    if not right:
        raise ValueError(f"{place or 'the whole'}: must be {expected}; got {str(value)[:60]!r}")
    return value


def _below(place: str, name: str) -> str:
    return f"{place}.{name}" if place else name
