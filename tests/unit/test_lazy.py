import pytest

import mien.search
from mien._lazy import lazy_names


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'mien\.search' has no attribute 'Nothing'"):
        mien.search.Nothing  # noqa: B018


def test_a_name_is_had_from_its_home_and_listed() -> None:
    getattr_, dir_ = lazy_names("mien", {"Estimate": "stats"})
    assert getattr_("Estimate").__module__ == "mien.stats"
    assert {"Estimate", "__version__"} <= set(dir_())
