from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of several sizes, one of a class with its own name."""
    for place, size in {
        "train/happy/b.png": (48, 48),
        "train/happy/a.png": (100, 90),
        "train/sad/c.png": (30, 60),
        "test/joy/d.jpg": (20, 20),
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, len(place)).save(tmp_path / place)
    return tmp_path
