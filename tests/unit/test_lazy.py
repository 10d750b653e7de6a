from pathlib import Path

import pytest

import mien.search
import mien.study
import mien.train.networks

PACKAGES = [mien.search, mien.study, mien.train.networks]


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_can_be_had_and_none_hides_a_module(package: object) -> None:
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")}
    assert package.__all__
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
        assert name not in modules


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'mien\.search' has no attribute 'Nothing'"):
        mien.search.Nothing  # noqa: B018
