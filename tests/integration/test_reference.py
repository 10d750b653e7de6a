"""The reference pages in docs are what the code has."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_reference", ROOT / "tools" / "render_reference.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_pages_are_up_to_date(tool: ModuleType) -> None:
    for name, render in tool.PAGES.items():
        page = tool.REFERENCE / name
        assert page.read_text("utf-8") == render(), f"{name} differs: run tools/render_reference.py"


@pytest.mark.parametrize(
    "row",
    [
        "| `batch_size` | integer, 2 or more | `128` |",
        "| `dropout` | number, 0 or more and below 1 | `0.2` |",
        "| `start_from` | string | - |",
        "| `seeds` | list of integers, each 0 or more and below 2^31 | required |",
        "| `widths` | list of integers, at most 5, each 1 or more | `[48, 96, 256]` |",
    ],
)
def test_a_key_has_its_type_bounds_and_default(row: str, tool: ModuleType) -> None:
    assert row in tool.configuration()
