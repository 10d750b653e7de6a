from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.model.records import from_jsonable
from mien.results import to_jsonable


@dataclass(frozen=True)
class Inner:
    share: float
    name: str | None = None


@dataclass(frozen=True)
class Outer:
    kind: Literal["a", "b"]
    pairs: tuple[tuple[int, Inner], ...]
    by_name: Mapping[str, tuple[str, ...]]
    free: Any = None
    done: bool = False


inner = st.builds(Inner, st.floats(allow_nan=False), st.none() | st.text())
outer = st.builds(
    Outer,
    st.sampled_from(["a", "b"]),
    st.lists(st.tuples(st.integers(), inner)).map(tuple),
    st.dictionaries(st.text(), st.lists(st.text()).map(tuple)),
    st.none() | st.dictionaries(st.text(), st.integers()),
    st.booleans(),
)


@given(outer)
def test_what_became_json_becomes_the_record_again(record: Outer) -> None:
    assert from_jsonable(Outer, to_jsonable(record)) == record


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "c"}, "kind: must be one of a, b; got 'c'"),
        ({"pairs": [[1]]}, r"pairs\.0: must be a list of 2"),
        ({"pairs": [[1, {}]]}, r"pairs\.0\.1\.share: missing"),
        ({"pairs": [[1.5, {"share": 1}]]}, r"pairs\.0\.0: must be of type int"),
        ({"by_name": {"x": [1]}}, r"by_name\.x\.0: must be of type str"),
        ({"by_name": []}, "by_name: must be a table"),
        ({"done": 1}, "done: must be of type bool"),
        ({"more": 1}, "more: unknown; known are kind, pairs, by_name, free, done"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(change: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=f"^{says}"):
        from_jsonable(Outer, {"kind": "a", "pairs": [], "by_name": {}} | change)


def test_a_whole_number_is_a_float_where_one_is_asked_for() -> None:
    assert from_jsonable(Inner, {"share": 1}) == Inner(1.0)
    with pytest.raises(ValueError, match="must be a table"):
        from_jsonable(Inner, [])
