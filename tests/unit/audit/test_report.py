"""The whole audit of drawn faces with planted faults, and its page."""

import json
import re
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces, in_splits
from numpy.typing import NDArray
from PIL import Image

from mien.audit.label_errors import QUICK_CLASSIFIER, LabelJudge
from mien.audit.pipeline import Audit, AuditOptions, audit, audit_faces
from mien.audit.report import findings, html_page
from mien.data.crops import Crops
from mien.data.dataset import open_dataset
from mien.data.labelled_faces import LabelledFaces
from mien.data.split import Split
from mien.errors import DataError
from mien.expressions import CORE4, FER7, core4_positions
from mien.report.pictures import face_sheet, mean_face
from mien.stats import Proportion

pytestmark = pytest.mark.slow

WRONG = (10, 57, 120, 203)  # training faces under the label of the next class
VOTES, SIZES = "labels-and-fer--votes", "sizes-of-the-pictures"
CORE = core4_positions(FER7)


@pytest.fixture(scope="module")
def planted() -> dict[str, LabelledFaces]:
    training, test = drawn_faces(240, seed=1), drawn_faces(40, seed=2)
    for row in WRONG:
        training.fer7[row] = CORE[(row + 1) % len(CORE4)]
    training.gray()[30] = 0
    test.gray()[3] = training.gray()[9]
    return {"Training": training, "PublicTest": test}


@pytest.fixture(scope="module")
def audited(planted: dict[str, LabelledFaces]) -> Audit:
    return replace(
        audit_faces(in_splits(planted)), source="drawn <faces> & more", absent={"PrivateTest": "it is <secret>"}
    )


@pytest.fixture(scope="module")
def html(audited: Audit) -> str:
    return html_page(audited)


class Page(HTMLParser):
    """What stands in a page: ids, what links and pictures refer to, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.pictures: list[dict[str, str | None]] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag == "img":
            self.pictures.append(named)
        if "href" in named:
            self.links.append(named["href"] or "")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_planted_faults_are_found(audited: Audit) -> None:
    (errors,) = audited.label_errors
    assert (errors.judge, errors.splits) == (QUICK_CLASSIFIER, ("Training", "PublicTest"))
    likeliest = {(suspect.face.split, suspect.face.row) for suspect in errors.suspects[:8]}
    assert {("Training", row) for row in WRONG} <= likeliest
    by_row = {suspect.face.row: suspect for suspect in errors.suspects if suspect.face.split == "Training"}
    assert [by_row[row].suggested for row in WRONG] == [CORE4.labels[row % len(CORE4)] for row in WRONG]
    assert [(face.split, face.row) for face in audited.oddities.flat] == [("Training", 30)]
    (into_training,) = [c for c in audited.copies.counts if (c.split, c.other) == ("PublicTest", "Training")]
    assert (into_training.exact, into_training.exact_other_label) == (1, 1)
    assert audited.agreements[0].overall == Proportion.of(236, 240)


def test_all_of_it_goes_into_json(audited: Audit) -> None:
    read = json.loads(json.dumps(audited.to_dict()))
    assert read["splits"] == ["Training", "PublicTest"]
    assert read["absent"] == {"PrivateTest": "it is <secret>"}
    assert read["composition"]["counts"]["Training"]["angry"] == 0
    assert read["oddities"]["flat"] == [{"split": "Training", "row": 30, "label": "surprise"}]
    assert read["copies"]["groups"][0]["faces"][0] == {"split": "Training", "row": 9, "label": "sad"}
    assert len(read["label_errors"][0]["suspects"]) == len(audited.label_errors[0].suspects)


def test_the_same_seed_gives_the_same_audit_and_page(planted: dict[str, LabelledFaces]) -> None:
    few = {"Training": planted["Training"][:80]}
    first, second = (audit_faces(in_splits(few), AuditOptions(seed=4)) for _ in range(2))
    assert first.to_dict() == second.to_dict()
    assert html_page(first, seed=4) == html_page(second, seed=4)


def test_a_judge_judges_only_what_it_has_not_seen(planted: dict[str, LabelledFaces]) -> None:
    asked: list[Crops] = []

    def classify(crops: Crops) -> NDArray[np.float64]:
        asked.append(crops)
        return np.tile(np.eye(len(FER7))[FER7.index("happy")], (len(crops), 1))

    steps: list[str] = []
    judge = LabelJudge("one of ours", ("PublicTest",), classify)
    found = audit_faces(in_splits(planted), AuditOptions(judge=judge, on_step=steps.append))
    assert [(errors.judge, errors.splits) for errors in found.label_errors] == [
        ("one of ours", ("PublicTest",)),
        (QUICK_CLASSIFIER, ("Training",)),
    ]
    assert [np.array_equal(list(crops), planted["PublicTest"].gray()) for crops in asked] == [True]
    assert found.label_errors[0].right.value == 0.25
    assert "Asking one of ours about labels" in steps
    with pytest.raises(DataError, match="no split in this data 'PrivateTest'"):
        audit_faces(in_splits(planted), AuditOptions(judge=replace(judge, unseen=("PrivateTest",))))


def test_few_faces_are_not_judged_but_audited() -> None:
    few = audit_faces(in_splits({"Training": drawn_faces(8, seed=3)}))
    assert few.label_errors == ()
    assert few.unjudged is not None
    assert few.unjudged in Page(html_page(few)).text
    assert f"Labels were not judged: {few.unjudged}." in findings(few)
    with pytest.raises(DataError, match="one face only"):
        audit_faces(in_splits({"Training": drawn_faces(1, seed=3)}))


def test_faces_that_are_all_the_same_are_audited() -> None:
    same = drawn_faces(30, seed=5)
    same.gray()[:] = same.gray()[0]
    found = audit_faces(in_splits({"Training": same}))
    assert found.copies.spare == 29
    assert found.unjudged is not None


def test_the_page_needs_nothing_else(html: str) -> None:
    page = Page(html)
    assert page.pictures
    assert all(re.match(r"data:image/(png|svg\+xml);base64,", picture["src"] or "") for picture in page.pictures)
    assert all(picture["alt"] for picture in page.pictures)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert len(page.ids) == len(set(page.ids))
    without_data = re.sub(r'"data:[^"]+"', '""', html)
    assert "http" not in without_data
    assert "url(" not in without_data


def test_pictures_of_the_page_can_be_seen(html: str) -> None:
    for picture in Page(html).pictures:
        kind, content = (picture["src"] or "").split(";base64,")
        if kind.endswith("png"):
            with Image.open(BytesIO(b64decode(content))) as image:
                assert image.mode == "L"
                assert min(image.size) >= 48
        else:
            svg = b64decode(content).decode()
            assert "Training" in svg
            assert "surprise" in svg


def test_names_and_reasons_are_text_not_markup(html: str) -> None:
    assert "<title>Audit of drawn &lt;faces&gt; &amp; more</title>" in html
    assert "it is <secret>" in Page(html).text


def test_every_finding_and_part_stands_in_the_page(audited: Audit, html: str) -> None:
    page = Page(html)
    assert {"class-balance", "classes", "copies", "likely-label-errors", VOTES} <= set(page.ids)
    assert SIZES not in page.ids
    for finding in findings(audited):
        assert finding in page.text
    assert "Faces of PublicTest with a copy in Training: " in page.text
    assert "neutral × 1" in page.text


def test_without_votes_the_page_has_no_part_on_them(planted: dict[str, LabelledFaces]) -> None:
    few = planted["Training"][:60]
    unvoted = audit_faces(in_splits({"Training": replace(few, votes=np.zeros_like(few.votes))}))
    assert unvoted.agreements == ()
    page = Page(html_page(unvoted))
    assert VOTES not in page.ids
    assert "FER+" not in page.text


def test_a_folder_of_pictures_has_names_and_sizes(tmp_path: Path) -> None:
    for name in ("happy/first & last.png", "sad/b.png"):
        (tmp_path / "train" / name).parent.mkdir(parents=True)
        Image.new("L", (30, 60), 9).save(tmp_path / "train" / name)
    page = Page(html_page(audit(open_dataset(tmp_path))))
    assert SIZES in page.ids
    assert "train/happy/first & last.png" in page.text
    assert "row 0" not in page.text


def test_sheets_and_means() -> None:
    faces = np.stack([np.full((48, 48), gray, dtype=np.uint8) for gray in range(10)])
    sheet = face_sheet(faces)
    assert sheet.shape == (2 * 49, 8 * 49)
    assert (sheet[0, 49], sheet[49, 49], sheet[49, 49 * 3], sheet[48, 0]) == (1, 9, 255, 255)
    assert face_sheet(np.repeat(faces, 9, axis=0)).shape == (4 * 49, 8 * 49)
    dark, light = np.zeros((48, 48), dtype=np.uint8), np.zeros((48, 48), dtype=np.uint8)
    light[0, 0] = 90
    assert mean_face(np.stack([dark, light]))[0, :2].tolist() == [255, 0]


@pytest.mark.data
def test_facts_about_fer2013(shared_data: Path) -> None:
    found = audit(open_dataset(shared_data / "fer2013"), AuditOptions((Split.TRAIN, Split.VALIDATION)))
    counts = {(count.split, count.other): count for count in found.copies.counts}
    into_training = counts["PublicTest", "Training"]
    assert (into_training.exact, into_training.exact_other_label) == (279, 9)
    within = counts["Training", "Training"]
    # Correlations next to the threshold may fall on either side with another linear algebra library.
    assert within.near == pytest.approx(2392, abs=2)
    assert within.near_other_label == pytest.approx(111, abs=2)
    assert [face.split for face in found.oddities.flat] == ["Training"] * 12 + ["PublicTest"]
    training, public_test = found.agreements
    assert public_test.core4 == Proportion.of(2427 - 529, 2427)
    assert (training.overall.n, public_test.overall.n) == (26940, 3396)
    assert {label: round(share.value, 3) for label, share in public_test.core4_by_label.items()} == {
        "happy": 0.915,
        "sad": 0.404,
        "surprise": 0.887,
        "neutral": 0.896,
    }
    (errors,) = found.label_errors
    first_hundred, *_, everybody = errors.checks
    # What voters say of the likeliest errors, which nobody was told.
    assert first_hundred.differs.low > 1.5 * everybody.differs.value
