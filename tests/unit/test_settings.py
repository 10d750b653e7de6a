from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from mien.errors import ConfigError
from mien.settings import Strict, changes, flatten, merged, nest, read_toml, refuse_changes, validated


class Part(Strict):
    size: int = Field(default=1, ge=1)
    ratio: float = 0.5


class Whole(Strict):
    name: str
    part: Part = Part()
    parts: tuple[Part, ...] = ()
    by_name: dict[str, Part] = Field(default={})


KEYS = st.text("abc", min_size=1, max_size=3)
TABLES = st.recursive(
    st.dictionaries(KEYS, st.integers(), max_size=3),
    lambda inner: st.dictionaries(KEYS, st.integers() | inner.filter(bool), max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ({"nam": "x"}, "here: name is missing; unknown key 'nam'; did you mean 'name'?"),
        ({"name": "x", "part": {"sizes": 1}}, "here: unknown key 'part.sizes'; did you mean 'size'?"),
        ({"name": "x", "parts": [{"raio": 1}]}, "here: unknown key 'parts.0.raio'; did you mean 'ratio'?"),
        ({"name": "x", "by_name": {"a": {"sise": 1}}}, "here: unknown key 'by_name.a.sise'; did you mean 'size'?"),
        ({"name": "x", "part": {"zzz": 1}}, "here: unknown key 'part.zzz'; known here: size, ratio"),
        ({"name": "x", "part": {"size": 0}}, "here: part.size = 0: input should be greater than or equal to 1"),
    ],
)
def test_every_fault_is_named_with_its_key(table: dict, says: str) -> None:
    with pytest.raises(ConfigError) as raised:
        validated(Whole, table, "here")
    assert str(raised.value) == says


def test_files_that_are_no_toml_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot read the configuration .*none\.toml: No such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "bad.toml").write_text("a = ", "utf-8")
    with pytest.raises(ConfigError, match=r"bad\.toml is not TOML"):
        read_toml(tmp_path / "bad.toml")


@given(TABLES)
def test_nesting_undoes_flattening(table: dict) -> None:
    assert nest(flatten(table)) == table
    assert changes(table, nest(flatten(table))) == []


@given(TABLES, TABLES)
def test_merged_tables_have_every_own_value(common: dict, own: dict) -> None:
    found = flatten(merged(common, own))
    assert found | flatten(own) == found
    assert set(found) <= {*flatten(common), *flatten(own)}


def test_changes_are_named_by_dotted_key() -> None:
    before = {"a": {"b": 1, "same": [1]}, "gone": "x", "sum": "0" * 64}
    now = {"a": {"b": 2, "same": [1]}, "new": True, "sum": "f" * 64}
    assert changes(before, now) == [
        "a.b was 1, is now 2",
        'gone was "x", is now not set',
        "sum was 000000000000…, is now ffffffffffff…",
        "new was not set, is now true",
    ]
    refuse_changes("the study", before, before, remedy="Undo it")
    with pytest.raises(ConfigError, match=r"^cannot continue the study: a\.b was 1, is now 2; .*\. Undo it$"):
        refuse_changes("the study", before, now, remedy="Undo it")


def test_many_changes_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"key4 was 4, is now not set; and 3 more\. Undo it$"):
        refuse_changes("it", {f"key{number}": number for number in range(8)}, {}, remedy="Undo it")
