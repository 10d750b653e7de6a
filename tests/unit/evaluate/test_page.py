"""The report as a page and as Markdown: all in it, nothing from elsewhere, and safe to show."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from html.parser import HTMLParser
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.evaluation import Evaluation
from mien.evaluate.findings import Findings, Wanted, find_out
from mien.evaluate.markdown import markdown
from mien.evaluate.page import sections
from mien.evaluate.plots import heat, reliability
from mien.evaluate.protocols import P1, P2
from mien.evaluate.subject import Subject
from mien.report import html
from mien.report.document import Text

FACES = drawn_faces(40, seed=11)


def by_brightness(pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float64]]:
    """Knows nothing of expressions, but is never in doubt for long."""
    scores = np.stack([pixels[:, i::4].mean(axis=(1, 2)) for i in range(4)], axis=1)
    powers = np.exp((scores - scores.max(axis=1, keepdims=True)) / 2)
    return {"core4": powers / powers.sum(axis=1, keepdims=True)}


SUBJECT = Subject(
    name="<b>theirs</b>",
    sets=("core4", "core4-fer2013"),
    classifier=by_brightness,
    opened=lambda _: lambda pixels, _batch: by_brightness(pixels),
    from_files=lambda paths: by_brightness(FACES.gray()[: len(paths)]),
)


@pytest.fixture(scope="module")
def findings() -> Findings:
    wanted = Wanted(against=SUBJECT, robustness=4, gallery=2, parity=4)
    return find_out(SUBJECT, FACES, (P2,), seen=FACES[:3], wanted=wanted)


@pytest.fixture(scope="module")
def evaluation(findings: Findings) -> Evaluation:
    return Evaluation(SUBJECT.name, "PublicTest", "PublicTest", findings.results)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation, findings: Findings) -> str:
    return html.page(evaluation.model, [Text(evaluation.caution or "", caution=True)], sections(evaluation, findings))


class Tags(HTMLParser):
    """Checks that tags close in order, and keeps their attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes.append((tag, dict(attrs)))
        if tag not in {"meta", "img", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_needs_nothing_else(page: str) -> None:
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    names = {tag for tag, _ in tags.attributes}
    assert not names & {"script", "link", "iframe", "object"}
    assert "url(" not in page
    assert "@import" not in page
    sources = [found["src"] or "" for tag, found in tags.attributes if tag == "img"]
    assert all(source.startswith("data:image/") for source in sources)
    assert all(found.get("alt") for tag, found in tags.attributes if tag == "img")
    targets = {found["href"] for tag, found in tags.attributes if tag == "a"}
    assert targets == {f"#{found['id']}" for tag, found in tags.attributes if tag == "section"}


def test_drawings_are_whole_and_point_nowhere(page: str) -> None:
    drawings = [b64decode(data) for data in re.findall(r"data:image/svg\+xml;base64,([^\"]+)", page)]
    assert len(drawings) == 4 + 9
    for drawing in drawings:
        tree = ElementTree.fromstring(drawing)  # noqa: S314 - drawn above
        links = [value for node in tree.iter() for name, value in node.attrib.items() if name.endswith("href")]
        assert all(link.startswith(("#", "data:image/png")) for link in links)


def test_the_page_says_what_was_found(page: str, findings: Findings) -> None:
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles == [
        "Figures", "P2 core4/consensus", "Faces", "Robustness", "Leakage", "Comparison", "Parity",
    ]  # fmt: skip
    assert "selected on PublicTest" in page
    assert "Images without a duplicate among those seen before" in page
    assert "3 of the 40 images measured on (3 pixel for pixel, 0 nearly)" in page
    assert findings.gallery is not None
    assert f"row {findings.gallery.wrong[0].row};" in page


def test_the_page_says_where_every_image_was_seen_before() -> None:
    found = find_out(SUBJECT, FACES, (P1, P2), seen=FACES)
    evaluation = Evaluation("theirs", "PublicTest", None, found.results)
    text = markdown(evaluation, sections(evaluation, found))
    assert found.only_duplicates == ("P1", "P2")
    assert "- Every image of P1, P2 has a duplicate in the data given as training data" in text


def test_what_others_wrote_is_shown_and_not_obeyed(page: str) -> None:
    assert "<b>theirs</b>" not in page
    assert "&lt;b&gt;theirs&lt;/b&gt;" in page


def test_what_was_not_asked_for_is_left_out() -> None:
    found = find_out(SUBJECT, FACES, (P1,))
    evaluation = Evaluation("theirs", "PrivateTest", "PublicTest", found.results)
    assert [part.title for part in sections(evaluation, found)] == ["Figures", "P1 core4/fer2013", "Leakage"]
    assert "Images without a duplicate" not in markdown(evaluation, sections(evaluation, found))


def test_the_same_findings_make_the_same_drawing(findings: Findings) -> None:
    [analysis] = findings.analyses
    assert reliability(analysis.reliability) == reliability(analysis.reliability)


def test_markdown_has_the_same_words_and_tables(evaluation: Evaluation, findings: Findings) -> None:
    text = markdown(evaluation, sections(evaluation, findings))
    assert text.startswith("Model `<b>theirs</b>` on PublicTest")
    for title in ("P2 core4/consensus", "Faces", "Robustness", "Leakage", "Comparison", "Parity"):
        assert f"\n## {title}\n" in text
    assert "| Truth → answer | Images | Of the class % | Pair, of all errors % |" in text
    tables = re.split(r"\n\n", text)
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1 or not table.startswith("|")


def test_json_has_everything_but_the_pictures(evaluation: Evaluation, findings: Findings) -> None:
    table = json.loads(json.dumps({**evaluation.to_dict(), **findings.to_dict()}, allow_nan=False))
    assert table["results"][0]["protocol"] == "P2"
    assert table["analyses"][0]["protocol"] == "P2"
    assert set(table["analyses"][0]["mistakes"]) == {"classes", "pairs", "wrongly_happy"}
    assert set(table["analyses"][0]["risk_coverage"]["area"]) == {"value", "low", "high"}
    assert table["leakage"]["in_given"] == {"exact": 3, "near": 0, "conflicting": 0}
    assert len(table["robustness"]["worsened"]) == 9
    assert set(table["gallery"]["wrong"][0]) == {"row", "truth", "answer", "confidence", "truth_probability"}
    assert table["against"] == "<b>theirs</b>"
    assert table["comparisons"][0]["p_value"] == 1
    assert table["parity"]["tolerance"] == 1e-5


def test_heat_grows_lighter_so_that_gray_shows_it_too() -> None:
    colors = _pixels(heat(np.linspace(-0.2, 1, 121)[None]))[0]
    gray = colors @ (0.299, 0.587, 0.114)
    assert np.all(gray[:21] == gray[0])
    assert np.all(np.diff(gray[20:]) > -1)
    assert gray[-1] - gray[0] > 150
    assert np.all(_pixels(heat(np.zeros((2, 2)))) == colors[0])


def _pixels(picture: bytes) -> NDArray[np.float64]:
    with Image.open(BytesIO(picture)) as image:
        return np.asarray(image, dtype=np.float64)
