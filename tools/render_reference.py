"""Writes the reference pages in `docs/reference` from the code that they describe; a test fails where one differs.

python tools/render_reference.py
"""

import json
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mien.results import row_columns
from mien.search.config import SearchConfig
from mien.study.config import StudyConfig
from mien.train.config import TrainingConfig
from mien.writers import SCHEMA

REFERENCE = Path(__file__).resolve().parents[1] / "docs" / "reference"
GENERATED = "<!-- Written by tools/render_reference.py. -->\n"

Schema = Mapping[str, Any]

_CONFIGURATION = """# Configuration keys

{generated}
What a TOML file for `mien train`, `mien study` and `mien search` may hold. A key that is not listed, a value of another
type and one out of range are errors before anything starts. Where the default is "-", the key may be left out and has
no value then.

Examples are in [`configs/`](../../configs), the shipped studies in
[`src/mien/study/studies/`](../../src/mien/study/studies).
"""
_TABLES = {
    "Training": (TrainingConfig, "`mien train --config FILE`; see [training.md](../training.md)."),
    "Study": (StudyConfig, "`mien study FILE`; see [study.md](../study.md)."),
    "Search": (SearchConfig, "`mien search FILE`; see [search.md](../search.md)."),
}
_TYPES = {"integer": "integer", "number": "number", "string": "string", "boolean": "true or false"}
_PLURALS = {"integer": "integers", "number": "numbers", "string": "strings"}


def configuration() -> str:
    """Every key of the three configurations: type, default and meaning."""
    parts = [_CONFIGURATION.format(generated=GENERATED)]
    for title, (model, about) in _TABLES.items():
        schema = model.model_json_schema()
        parts.append(f"## {title}\n\n{about}\n")
        parts += _sections(schema, schema["$defs"], "")
    return "\n".join(parts)


def _sections(schema: Schema, known: Schema, path: str) -> Iterator[str]:
    """The table of a configuration's own keys, then those of the tables in it."""
    meanings, required = _meanings(schema["description"]), schema.get("required", ())
    nested, rows = [], []
    for key, each in schema["properties"].items():
        inner = _inner(each)
        if inner and inner != "TrainingConfig":
            nested.append((key, known[inner], "items" in each))
        rows.append((f"`{key}`", _type(each, known), _default(each, key in required), meanings[key]))
    yield _markdown(("key", "type", "default", "meaning"), rows)
    if "space" in schema["properties"]:
        yield _space(known)
    for key, inner_schema, repeated in nested:
        name = f"{path}.{key}".lstrip(".")
        heading = f"`[[{name}]]`" if repeated else f"`[{name}]`"
        yield f"### {heading}\n\n{_summary(inner_schema['description'])}\n"
        yield from _sections(inner_schema, known, name)


def _space(known: Schema) -> str:
    ranges, choices = known["FloatRange"], known["Choices"]
    meanings = _meanings(ranges["description"]) | {"choices": _summary(choices["description"])}
    properties = ranges["properties"] | choices["properties"]
    rows = [
        (f"`{key}`", _type(each, known), _default(each, "default" not in each), meanings[key])
        for key, each in properties.items()
    ]
    text = (
        "A key is the dotted name of a key of the training configuration, such as `optimizer.momentum`; its value is\n"
    )
    return f"### `[space]`\n\n{text}a table that has `low` and `high`, or `choices`.\n\n" + _markdown(
        ("in it", "type", "default", "meaning"), rows
    )


def _inner(schema: Schema) -> str | None:
    """The name of the table that a key holds, or that its list is of."""
    reference: str | None = schema.get("$ref") or schema.get("items", {}).get("$ref")
    return reference and reference.rpartition("/")[2]


def _meanings(description: str) -> dict[str, str]:
    """What a class docstring says of each attribute."""
    _, _, attributes = description.partition("Attributes:\n")
    entries = re.split(r"^    (\w+): ", attributes, flags=re.MULTILINE)[1:]
    return {key: " ".join(text.split()) for key, text in zip(entries[::2], entries[1::2], strict=True)}


def _summary(description: str) -> str:
    """What a class docstring says first, without what it names of the code."""
    text = " ".join(description.partition("Attributes:\n")[0].split())
    return re.sub(r"; see `?(mien|docs)[\w./]*\w`?", "", text).strip()


def _type(schema: Schema, known: Schema) -> str:
    if "anyOf" in schema:
        return _type(next(each for each in schema["anyOf"] if each.get("type") != "null"), known)
    if "enum" in schema:
        return ", ".join(f"`{json.dumps(value)}`" for value in schema["enum"])
    if inner := _inner(schema):
        return "training configuration" if inner == "TrainingConfig" else "tables" if "items" in schema else "table"
    if schema.get("type") == "array":
        items = schema["items"]
        bounds = _bounds(items)
        most = f"at most {schema['maxItems']}" if "maxItems" in schema else ""
        each = f"each {bounds}" if bounds else ""
        return ", ".join(filter(None, (f"list of {_PLURALS.get(items.get('type'), 'values')}", most, each)))
    if schema.get("type") == "object":
        return "table"
    return ", ".join(filter(None, (_TYPES[schema["type"]], _bounds(schema))))


def _bounds(schema: Schema) -> str:
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if below == 2**31:
        below = "2^31"
    if low is not None and high is not None:
        return f"{low} to {high}"
    parts = [f"{low} or more" if low is not None else "", f"above {above}" if above is not None else ""]
    parts += [f"up to {high}" if high is not None else "", f"below {below}" if below is not None else ""]
    return " and ".join(filter(None, parts))


def _default(schema: Schema, required: bool) -> str:
    if required:
        return "required"
    default = schema.get("default")
    return "-" if default is None or isinstance(default, dict) else f"`{json.dumps(default, ensure_ascii=False)}`"


def _markdown(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


_OUTPUT = """# Output of recognition

{generated}
What `mien recognize`, `PictureResult.to_dict()` and the classes of `mien.writers` give; examples are in
[recognize.md](../recognize.md). [picture-result.schema.json](picture-result.schema.json) is the same as JSON Schema.

## Record of a picture

One element of JSON, one line of JSON Lines. `faces[]` stands for each element of the list `faces`. Fields marked as
optional may be missing; all others are always there, and null where they have no value.
"""
_ROWS = """## Row of a face

CSV, Parquet and DataFrames have one row a face, with the columns below, which mean the same as above. `face` is the
number of the face in its picture, from left to right and from 1; `other` is the name alone.

{columns}
"""


def output() -> str:
    """Every field of the record of a picture, and the columns of the row of a face."""
    table = _markdown(("field", "type", "meaning"), list(_fields(SCHEMA, "")))
    named = ", ".join(f"`{column}`" for column in row_columns(()))
    last = "and the probability of each expression, such as `p_happy`."
    columns = textwrap.fill(f"{named}, {last}", 120, break_on_hyphens=False, break_long_words=False)
    return "\n".join((_OUTPUT.format(generated=GENERATED), table, _ROWS.format(columns=columns)))


def _fields(record: Schema, path: str) -> Iterator[tuple[str, str, str]]:
    for name, each in record["properties"].items():
        field = next(form for form in each.get("anyOf", (each,)) if form.get("type") != "null")
        kind = _kind(field) + (" or null" if "anyOf" in each else "")
        optional = "" if name in record["required"] else ", optional"
        yield f"`{path}{name}`", kind + optional, field.get("description", "")
        inner = field.get("items", field)
        if "properties" in inner:
            yield from _fields(inner, f"{path}{name}{'[]' if 'items' in field else ''}.")


def _kind(field: Schema) -> str:
    if field["type"] == "array":
        return f"list of {field['minItems']} numbers" if "minItems" in field else "list"
    if field["type"] == "object":
        return "object" if "properties" in field else "object of numbers by name"
    return ", ".join(filter(None, (_TYPES[field["type"]], _bounds(field))))


PAGES: dict[str, Callable[[], str]] = {
    "configuration.md": configuration,
    "output.md": output,
    "picture-result.schema.json": lambda: json.dumps(SCHEMA, indent=2) + "\n",
}


def main() -> None:
    REFERENCE.mkdir(exist_ok=True)
    for name, render in PAGES.items():
        (REFERENCE / name).write_text(render(), "utf-8")


if __name__ == "__main__":
    main()
