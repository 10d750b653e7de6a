import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mien.errors import MissingExtra
from mien.export.plots import write_plots
from mien.model.facts import Certainty
from mien.stats import Estimate

COVERAGES = tuple(step / 20 for step in range(1, 21))
SHARE = Estimate(0.1, 0.05, 0.15)
CERTAINTY = {
    name: Certainty(
        n=1500,
        calibration_error=0.02,
        error_by_chance=0.02,
        bins=tuple((0.3 + bin_ / 25, 0.28 + bin_ / 25, 100) for bin_ in range(15)),
        coverage=COVERAGES,
        risk=tuple(coverage**2 * worst for coverage in COVERAGES),
        aurc=0.1,
        certain=SHARE,
        certain_wrong=SHARE,
        wrong=SHARE,
        uncertain_outside={},
    )
    for name, worst in (("core4", 0.1), ("core4-fer2013", 0.2), ("fer7", 0.3), ("ferplus8", 0.15))
}


def test_plots_are_small_and_gray_and_say_what_they_show(tmp_path: Path) -> None:
    for path in write_plots(CERTAINTY, tmp_path):
        assert path.stat().st_size < 60_000
        text = path.read_text("utf-8")
        ElementTree.fromstring(text)  # noqa: S314 - our own file
        assert all(name in text for name in CERTAINTY)
        colors = set(re.findall(r"(?:fill|stroke): #([0-9a-f]{6})", text))
        assert colors
        assert all(color[:2] == color[2:4] == color[4:] for color in colors), colors


def test_one_set_is_enough(tmp_path: Path) -> None:
    calibration, risk = write_plots({"fer7": CERTAINTY["fer7"]}, tmp_path)
    assert "core4" not in calibration.read_text("utf-8")
    assert "fer7" in risk.read_text("utf-8")


def test_same_figures_same_files(tmp_path: Path) -> None:
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        write_plots(CERTAINTY, folder)
    for path in folders[0].iterdir():
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()


def test_without_matplotlib_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"plots needs the package 'matplotlib'.*mien\[train\]"):
        write_plots(CERTAINTY, tmp_path)
