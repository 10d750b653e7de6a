"""The report as a page and as Markdown: all in it, nothing from elsewhere, and safe to show."""

import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from types import MappingProxyType
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate import CropClassifier, Evaluation, EvaluationOptions, evaluate, html_page, markdown
from mien.evaluate.classifiers import Predictions, Probabilities
from mien.evaluate.protocols import P1, P2
from mien.evaluate.report import notes, sections, title
from mien.expressions import CORE4
from mien.preprocess import Crops
from mien.stats import Proportion

pytestmark = pytest.mark.slow

FACES = replace(drawn_faces(40, seed=11), split=np.full(40, "PublicTest"))


class ByBrightness(CropClassifier):
    """Knows nothing of expressions, but is never in doubt for long."""

    name, selected_on = "<b>theirs</b>", "PublicTest"
    labels = MappingProxyType({"core4": CORE4.labels, "core4-fer2013": CORE4.labels})

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        scores = np.array([[crop[:, i::4].mean() for i in range(4)] for crop in crops])
        powers = np.exp((scores - scores.max(axis=1, keepdims=True)) / 2)
        given = powers / powers.sum(axis=1, keepdims=True)
        return {"core4": given, "core4-fer2013": given}

    def predict_faces(self, faces: LabelledFaces) -> Predictions:
        return Predictions(self.predict(faces.crops), thresholds={"core4": 0.5})


OPTIONS = EvaluationOptions(selected_on="PublicTest", protocols=(P2,))


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    options = replace(OPTIONS, seen=FACES[:3], against=ByBrightness(), robustness=4, gallery=2, invariance=4)
    return evaluate(ByBrightness(), FACES, options)


@pytest.fixture(scope="module")
def page(evaluation: Evaluation) -> str:
    return html_page(evaluation)


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


def test_the_page_says_what_was_found(page: str, evaluation: Evaluation) -> None:
    titles = re.findall("<h2>(.*?)</h2>", page)
    assert titles == [
        "Figures", "P2 core4/consensus", "Faces", "Robustness", "Leakage", "Comparison", "Invariance",
    ]  # fmt: skip
    assert "Selected on PublicTest" in page
    assert "Images without a duplicate among those seen before" in page
    assert "3 of the 40 images measured on (3 pixel for pixel, 0 nearly)" in page
    assert evaluation.gallery is not None
    assert f"row {evaluation.gallery.wrong[0].example.row};" in page


def test_the_mark_has_a_table_of_its_own(evaluation: Evaluation) -> None:
    mark = evaluation.analyses[0].certainty.mark
    assert mark is not None
    text = markdown(evaluation)
    assert "**The mark uncertain: support under 0.50**" in text
    assert f"| certain | {mark.certain.count} |" in text
    assert f"| marked uncertain | {40 - mark.certain.count} |" in text


def test_it_is_said_where_every_image_was_seen_before() -> None:
    found = evaluate(ByBrightness(), FACES, replace(OPTIONS, protocols=(P1, P2), seen=FACES, analyses=False))
    assert found.only_duplicates == ("P1", "P2")
    told = "Every image of P1, P2 has a duplicate in the data given as training data"
    assert f"- {told}" in markdown(found)
    assert any(note.startswith(told) for note in notes(found))


def test_data_of_ones_own_are_named_and_said_to_be_no_fer2013() -> None:
    faces = replace(FACES, source="crops", files=np.array([f"val/{row}.png" for row in range(40)]))
    faces = replace(faces, split=np.full(40, "val"))
    found = evaluate(ByBrightness(), faces, replace(OPTIONS, selected_on=None, gallery=1, analyses=False))
    assert title(found) == "<b>theirs</b> on crops, val"
    text = markdown(found)
    assert text.startswith("# <b>theirs</b> on crops, val\n")
    assert "The truth is the labels of crops, not FER2013's." in text
    assert re.search(r"- happy \d+ %; .*val/\d+\.png; falls by", text) or "val/" in text
    assert "row " not in text


def test_what_others_wrote_is_shown_and_not_obeyed(page: str) -> None:
    assert "<b>theirs</b>" not in page
    assert "&lt;b&gt;theirs&lt;/b&gt;" in page


def test_what_was_not_asked_for_is_left_out() -> None:
    found = evaluate(ByBrightness(), FACES, EvaluationOptions(protocols=(P1,), selected_on="test"))
    assert [part.title for part in sections(found)] == ["Figures", "P1 core4/fer2013", "Leakage"]
    assert "Images without a duplicate" not in markdown(found)
    assert "elected on" not in markdown(found)


def test_markdown_has_the_same_words_and_tables(evaluation: Evaluation) -> None:
    text = markdown(evaluation)
    assert text.startswith("# <b>theirs</b> on PublicTest\n\n**Selected on PublicTest: the model was chosen")
    for name in ("Figures", "P2 core4/consensus", "Faces", "Robustness", "Leakage", "Comparison", "Invariance"):
        assert f"\n## {name}\n" in text
    assert "| Truth → answer | Images | Of the class % | Pair, of all errors % |" in text
    # The matrix is a drawing in the page.
    assert "**Images by truth and answer**\n\n| Truth | happy | sad | surprise | neutral |" in text
    for table in text.split("\n\n"):
        assert len({line.count("|") for line in table.splitlines()}) == 1 or not table.startswith("|")


def test_notes_say_the_rest_in_a_sentence_each(evaluation: Evaluation) -> None:
    precision, mark, compared, worse, same = notes(evaluation)
    assert mark == "P2: all answers are marked uncertain"
    promised = replace(evaluation.marks["P2"], promised=0.05, certain=Proportion.of(20, 40))
    assert notes(replace(evaluation, marks={"P2": promised}))[1].startswith(
        "P2: 50.0 % (35.2-64.8) of the answers are not uncertain, of which "
    )
    assert notes(replace(evaluation, marks={"P2": promised}))[1].endswith(" are wrong; at most 5 % are promised")
    nothing = replace(promised, certain=Proportion.of(0, 40))
    assert notes(replace(evaluation, marks={"P2": nothing}))[1] == (
        "P2: all answers are marked uncertain; at most 5 % are promised"
    )
    assert precision.startswith("P2, precision: happy ")
    assert compared.startswith("P2: <b>theirs</b> less <b>theirs</b>: +0.0 (+0.0 to +0.0) points of accuracy, n = 40")
    assert worse.startswith("P2, 4 faces: ")
    assert same.startswith("Invariance: greatest difference 0 over ")
