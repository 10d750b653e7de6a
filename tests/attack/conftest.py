"""Fixtures that the attacks share."""

from collections.abc import Iterator

import pytest
from forked_commands import Commands, forked_commands


@pytest.fixture(scope="session")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    """Commands that are forked from one process for all tests here."""
    with forked_commands(tmp_path_factory.mktemp("said")) as started:
        yield started
