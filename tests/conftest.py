"""Fixtures that many tests share."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A busy machine is no failure; and what CI says of a commit does not change from run to run.
settings.register_profile("mien", deadline=None, derandomize="CI" in os.environ)
settings.load_profile("mien")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden",
        action="store_true",
        help="write what is compared with tests/golden/reports and tests/golden/cards there instead",
    )


_SLOW = {"attack", "integration", "export", "search", "study", "train"}
"""Folders of tests all of which count as slow."""


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out whole folders where no slow test is asked for: importing their tests alone takes long."""
    return True if config.option.markexpr == "not slow" and collection_path.name in _SLOW else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks as `slow` what crosses modules, needs FER2013 or loads torch; others that take long carry the mark."""
    for item in items:
        if _SLOW & set(item.path.parts) or item.get_closest_marker("data"):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with FER2013 as Parquet and the labelled photos; tests that ask for it carry the mark `data`."""
    folder = Path(os.environ.get("MIEN_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data at {folder}; set MIEN_DATA to the folder that has fer2013/ and photos/")
    return folder


@pytest.fixture(scope="session")
def examples() -> Path:
    """The folder of example pictures that comes with the project."""
    return ROOT / "examples"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_our_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Decoded faces of tests do not go into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MIEN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
