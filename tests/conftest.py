"""Fixtures that many tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
