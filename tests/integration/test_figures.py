"""Every figure in README, docs and cards is what its source has: model files and `benchmarks/results`."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mien.model.package import find_model, load_model

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("render_figures", ROOT / "tools" / "render_figures.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_figures_are_those_of_their_sources(tool: ModuleType) -> None:
    differing = [page.name for page in tool.PAGES if tool.rendered(page.read_text("utf-8")) != page.read_text("utf-8")]
    assert differing == [], "run tools/render_figures.py"


def test_a_figure_changed_by_hand_is_seen(tool: ModuleType) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    changed = page.replace(tool.protocols(""), tool.protocols("").replace("| P2", "| P2x"))
    assert changed != page
    assert tool.rendered(changed) == page


def test_every_figure_stands_on_a_page(tool: ModuleType) -> None:
    named = {found[2] for page in tool.PAGES for found in tool.BLOCK.finditer(page.read_text("utf-8"))}
    assert named == set(tool.FIGURES)


@pytest.mark.parametrize("name", ["base", "tiny"])
def test_the_figures_kept_of_a_shipped_model_are_those_in_its_file(name: str, tool: ModuleType) -> None:
    kept: list[Any] = [row for row in tool.newest("protocols")["models"] if row["sha256"] == find_model(name).sha256]
    assert len(kept) == 1
    in_file = tool.metrics_of(name)
    plain = {row["protocol"]: row for row in kept[0]["results"] if not row["flip_averaged"]}
    assert plain.keys() == in_file.keys()
    for code, row in plain.items():
        for key in ("accuracy", "balanced_accuracy", "calibration_error"):
            assert tool.estimate(row[key]) == tool.estimate(in_file[code][key])


@pytest.mark.parametrize("name", ["base", "tiny"])
def test_a_shipped_card_is_what_its_model_says(name: str) -> None:
    from mien.export.card import card_text

    file = find_model(name)
    card = ROOT / "src" / "mien" / "weights" / f"{name}.md"
    assert card.read_text("utf-8") == card_text(load_model(name).metadata, file.sha256, len(file.content) / 1e6)


def test_results_are_json(tool: ModuleType) -> None:
    for path in tool.RESULTS.glob("*.json"):
        assert json.loads(path.read_text("utf-8"))
