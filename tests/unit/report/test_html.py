"""What every report's page does with what it is made of."""

import sys

import pytest

from mien.errors import MissingExtra
from mien.report import html
from mien.report.document import Items, Section, Table, Text
from mien.report.plots import require_matplotlib


def test_a_figure_has_its_interval_under_it() -> None:
    table = Table(("x", "y"), (("sad (all)", "81.3 (79.6-82.7)"), ("z", "+1.0 (-0.5 to +2.5)")))
    made = html.page("t", [], [Section("S", (table, Text("a < b")))])
    assert "<td>sad (all)</td>" in made
    assert '<td>81.3<span class="range">79.6-82.7</span></td>' in made
    assert '<td>+1.0<span class="range">-0.5 to +2.5</span></td>' in made
    assert "<p>a &lt; b</p>" in made


def test_cells_are_as_dark_as_they_are_said_to_be() -> None:
    table = Table(("x", "y", "z"), (("a", "3", "<1"), ("b", "4", "0")), "c", ((0.75, 0.25), (1.0, 0.0)))
    made = html.page("t", [], [Section("S", (table,))])
    assert '<td>a</td><td style="--shade:0.75">3</td><td style="--shade:0.25">&lt;1</td>' in made
    assert '<td>b</td><td style="--shade:1.00">4</td><td style="--shade:0.00">0</td>' in made


def test_what_comes_first_stands_before_the_contents() -> None:
    lead = [Text("mind & this", caution=True), Items(("one <", "two"))]
    made = html.page("t", lead, [Section("A part", ())])
    assert '<p class="caution">mind &amp; this</p><ul><li>one &lt;</li><li>two</li></ul><nav>' in made
    assert '<a href="#a-part">A part</a>' in made
    assert '<section id="a-part"><h2>A part</h2></section>' in made


def test_without_matplotlib_the_way_to_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mien\[evaluate\]'"):
        require_matplotlib()
