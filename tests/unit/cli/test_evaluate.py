"""`mien evaluate` from its arguments to what it prints and writes, with a model that needs no file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli.evaluate import evaluate
from mien.data.dataset import open_dataset
from mien.data.manifest import fingerprint
from mien.errors import MienError, OutputError
from mien.model.calibration import Answer
from mien.model.facts import LeftOut, Manifest, TrainingFacts
from mien.model.metadata import ModelMetadata
from mien.model.package import ModelFile
from mien.preprocess import Preprocessing
from mien.train.heads import ANSWERS, HEADS

pytestmark = pytest.mark.slow

FERPLUS_HEAD = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
COUNTS = {"Training": 3, "PublicTest": 8, "PrivateTest": 4}


@dataclass
class EvenModel:
    """Thinks every expression as likely as any other, so that the first of each set is its answer."""

    selected_on: str | None = None
    training: TrainingFacts | None = None

    @property
    def file(self) -> ModelFile:
        return ModelFile("even", Path("even.onnx"), sha256="", content=b"")

    @property
    def metadata(self) -> ModelMetadata:
        return ModelMetadata(
            "even",
            Preprocessing(48, 48, "gray", (128.0,), (60.0,)),
            {head.name: head.labels for head in HEADS},
            ANSWERS,
            selected_on=self.selected_on,
            training=self.training,
        )

    calibration_faces = None

    def answer(self, name: str, *, prior: object = None, risk: object = None) -> Answer:
        assert prior is None
        assert risk is None
        return ANSWERS[name]

    def logits(self, pixels: NDArray[np.uint8], *, batch: int = 64) -> dict[str, NDArray[np.float32]]:
        del batch
        return {head.name: np.zeros((len(pixels), len(head)), dtype=np.float32) for head in HEADS}


def trained(classes: Mapping[str, str] | None = None, **data: Any) -> TrainingFacts:
    """Facts of a training on FER2013, or on what `data` says in place of it."""
    no_faces = LeftOut(0, 0, 0, 0, 0, 0, 0)
    manifest = Manifest("FER2013", 0, 0, 0, "", "", {}, {}, no_faces, 0.99, 1.0, "")
    return TrainingFacts({"data": {"classes": classes or {}}}, replace(manifest, **data), {}, 1, 1.0, ())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A fer2013.csv with votes: labels happy and sad in turn, voters call all happy; one test image was seen."""
    rng = np.random.default_rng(1)
    faces, votes = ["emotion,pixels,Usage"], [FERPLUS_HEAD]
    first = ""
    for usage, count in COUNTS.items():
        for number in range(count):
            pixels = " ".join(map(str, rng.integers(0, 256, 2304)))
            first = first or pixels
            faces.append(f"{3 + number % 2},{first if (usage, number) == ('PublicTest', 1) else pixels},{usage}")
            votes.append(f"{usage},x.png,0,10,0,0,0,0,0,0,0,0")
    (tmp_path / "fer2013new.csv").write_text("\n".join(votes) + "\n", "utf-8")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(faces) + "\n", "utf-8")
    return path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object, model: EvenModel | None = None) -> Result:
    monkeypatch.setattr("mien.evaluate.load.load_model", lambda _, **__: model or EvenModel())
    monkeypatch.setenv("COLUMNS", "80")
    app = typer.Typer()
    app.command()(evaluate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_the_table_has_a_row_with_and_without_flips_for_each_protocol(
    monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    ran = run(monkeypatch, data)
    assert ran.exit_code == 0, ran.output
    assert "even on FER2013, PublicTest, all images:" in ran.stdout
    cells = [line.split() for line in ran.stdout.splitlines()]
    rows = [row[:-3] for row in cells if row and row[0] in ("flip", "P1", "P1c", "P2", "P3", "P4")]
    assert rows == [
        ["P1", "core4/fer2013", "8", "50.0"],
        ["flip", "8", "50.0"],
        ["P1c", "default/fer2013", "8", "50.0"],
        ["flip", "8", "50.0"],
        ["P2", "core4/consensus", "8", "100.0"],
        ["flip", "8", "100.0"],
        ["P3", "fer7/fer2013", "8", "0.0"],
        ["flip", "8", "0.0"],
        ["P4", "ferplus8/majority", "8", "0.0"],
        ["flip", "8", "0.0"],
    ]
    assert "…" not in ran.stdout
    assert "selected on" not in ran.output


def test_protocol_and_split_can_be_chosen(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    ran = run(monkeypatch, data, "--split", "PrivateTest", "--protocol", "P1", "--protocol", "fer7/fer2013")
    assert "even on FER2013, PrivateTest" in ran.stdout
    assert "P1" in ran.stdout
    assert "P3" in ran.stdout
    assert "P2" not in ran.stdout


def test_training_data_measure_once_more_without_duplicates(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    out = data.with_name("figures.json")
    ran = run(monkeypatch, data, "--protocol", "P1", "--training", data, "--json", out)
    assert "images without a duplicate among those seen before" in ran.stdout
    table = json.loads(out.read_text("utf-8"))
    assert [(r["n"], r["without_duplicates"]) for r in table["results"]] == [(8, False)] * 2 + [(7, True)] * 2
    assert table["results"][0]["accuracy"]["value"] == 0.5
    assert table["results"][2]["accuracy"]["value"] == pytest.approx(4 / 7, abs=1e-5)


def test_selection_on_the_split_is_said_whether_the_model_or_the_caller_knows_it(
    monkeypatch: pytest.MonkeyPatch, data: Path
) -> None:
    told = "selected on PublicTest"
    assert told in run(monkeypatch, data, model=EvenModel("PublicTest")).stdout
    assert told in run(monkeypatch, data, "--selected-on", "PublicTest").stdout
    assert told not in run(monkeypatch, data, "--split", "PrivateTest", model=EvenModel("PublicTest")).stdout


def test_markdown_is_written(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    out = data.with_name("report.md")
    assert run(monkeypatch, data, "--markdown", out).exit_code == 0
    assert "| P4 ferplus8/majority | 8 |" in out.read_text("utf-8")


def test_missing_votes_are_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    data.with_name("fer2013new.csv").unlink()
    ran = run(monkeypatch, data)
    assert ran.exit_code == 0
    assert "mien: no FER+ votes in this data: P2, P2b, P4 not measured" in ran.stderr
    assert "P2" not in ran.stdout


def test_protocols_that_the_model_has_no_answer_for_are_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    lines = ["row,happy,sad,surprise,neutral"] + [f"{row},1,0,0,0" for row in range(3, 11)]
    theirs = data.with_name("theirs.csv")
    theirs.write_text("\n".join(lines) + "\n", "utf-8")
    ran = run(monkeypatch, theirs, data)
    assert ran.exit_code == 0, ran.output
    assert "theirs gives no probabilities for fer7: P3 not measured" in ran.stderr
    assert "theirs gives no probabilities for ferplus8: P4 not measured" in ran.stderr
    assert "votes" not in ran.stderr


def test_images_that_the_model_has_learned_from_are_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    told = "trained on Training: the model has learned from these images"
    learned = EvenModel(training=trained())
    other = EvenModel(training=trained(source="Ours"))
    assert told in run(monkeypatch, data, "--split", "Training", model=learned).stdout.replace("\n", " ")
    assert "trained on" not in run(monkeypatch, data, "--split", "Training", model=other).stdout
    assert "trained on" not in run(monkeypatch, data, model=learned).stdout


def test_the_model_may_be_named_before_the_data(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    ran = run(monkeypatch, "other", data, "--protocol", "P1")
    assert ran.exit_code == 0, ran.output
    for arguments in (["a", "b", data], ["a", data, "--model", "b"]):
        ran = run(monkeypatch, *arguments)
        assert ran.exit_code == 2
        assert "give one model" in ran.output


def test_a_model_is_compared_with_answers_of_another_tool(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    # Rows 3 to 10 are PublicTest; the model calls all of them happy, as half of the labels do.
    lines = ["row,happy,sad,surprise,neutral"] + [f"{row},{row % 2},{1 - row % 2},0,0" for row in range(3, 11)]
    data.with_name("theirs.csv").write_text("\n".join(lines) + "\n", "utf-8")
    out = data.with_name("figures.json")
    arguments = ("--protocol", "P1", "--against", data.with_name("theirs.csv"), "--json", out)
    ran = run(monkeypatch, data, *arguments)
    assert "P1: even less theirs: -50.0 (" in ran.stdout
    assert "n = 8, McNemar p = 0.12: within noise" in ran.stdout
    assert json.loads(out.read_text("utf-8"))["comparisons"][0]["only_second_right"] == 4


def test_models_of_one_name_are_called_by_what_was_given(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    ran = run(monkeypatch, "new.onnx", data, "--protocol", "P1", "--against", "old.onnx")
    assert "P1: new.onnx less old.onnx: +0.0 (+0.0 to +0.0) points of accuracy" in ran.stdout


def test_robustness_is_said_and_written(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    out = data.with_name("report.md")
    ran = run(monkeypatch, data, "--protocol", "P2", "--robustness", "4", "--markdown", out)
    assert "P2, 4 faces: 100.0 % (51.0-100.0) as they are, 100.0 % on average when made worse in 9 ways" in ran.stdout
    assert "\n## Robustness\n" in out.read_text("utf-8")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of pictures with one face each of joy and sadness to validate on."""
    for label, gray in (("joy", 50), ("sad", 90)):
        path = tmp_path / "ours" / "validation" / label / "0.png"
        path.parent.mkdir(parents=True)
        Image.new("L", (48, 48), gray).save(path)
    return tmp_path / "ours"


def test_a_folder_of_pictures_is_measured_by_its_own_labels(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    training = trained({"joy": "happy"})
    ran = run(monkeypatch, folder, model=EvenModel("PublicTest", training))
    assert ran.exit_code == 0, ran.output
    assert "the truth is the labels of ours, not FER2013's" in ran.stderr
    assert "P3 fer7/fer2013" in ran.stdout
    assert "P2" not in ran.stdout
    assert "selected on" not in ran.stdout


def test_a_model_is_selected_on_its_own_data_under_whatever_name(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    classes = {"joy": "happy"}
    seen = fingerprint(open_dataset(folder, classes).read())
    for data in ({"source": "Ours", "held_out_sha256": seen}, {"source": "ours", "held_out_sha256": "0"}):
        ran = run(monkeypatch, folder, model=EvenModel("PublicTest", trained(classes, **data)))
        assert "selected on validation" in ran.stdout


def test_own_class_names_are_mapped_or_left_out(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    (folder / "validation" / "sad").rename(folder / "validation" / "unclear")
    told = str(run(monkeypatch, folder, "--class", "joy=happy").exception)
    assert "no label 'unclear'" in told
    assert "say in the mapping of classes" in told
    out = folder.with_name("figures.json")
    ran = run(monkeypatch, folder, "--class", "joy=happy", "--class", "unclear=", "--protocol", "P3", "--json", out)
    assert ran.exit_code == 0, ran.output
    recall = json.loads(out.read_text("utf-8"))["results"][0]["recall"]
    assert set(recall) == {"happy"}


@pytest.mark.parametrize(("name", "n"), [("train", 3), ("validation", 8), ("TEST", 4), ("private_test", 4)])
def test_splits_go_by_many_names(monkeypatch: pytest.MonkeyPatch, data: Path, name: str, n: int) -> None:
    out = data.with_name("figures.json")
    assert run(monkeypatch, data, "--protocol", "P1", "--split", name, "--json", out).exit_code == 0
    assert json.loads(out.read_text("utf-8"))["results"][0]["n"] == n


def test_labels_the_model_never_learned_are_said(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    learned = trained(training_by_label={"happy": 9, "sad": 0, "fear": 0})
    out = data.with_name("report.md")
    ran = run(monkeypatch, data, "--protocol", "P1", "--markdown", out, model=EvenModel(training=learned))
    told = "the model was trained on no face labelled sad (4 images here)"
    assert told in ran.stdout
    assert told in out.read_text("utf-8")
    assert "fear" not in ran.stdout


def test_files_are_checked_before_anything_is_read(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    before = data.read_bytes()
    twice = data.with_name("report")
    wrong = [["--markdown", data], ["--json", twice, "--markdown", twice], ["--json", data.parent]]
    for arguments in wrong:
        fault = run(monkeypatch, data, "--protocol", "P9", *arguments).exception
        assert isinstance(fault, OutputError), fault
    assert data.read_bytes() == before
    assert not twice.exists()


def test_faults_are_errors_of_mien(monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    assert "did you mean 'PublicTest'" in str(run(monkeypatch, data, "--split", "PublikTest").exception)
    assert "did you mean" in str(run(monkeypatch, data, "--protocol", "core4/fer13").exception)
    unwritable = run(monkeypatch, data, "--json", data / "x.json").exception
    assert isinstance(unwritable, MienError)
    assert "cannot write to" in str(unwritable)
