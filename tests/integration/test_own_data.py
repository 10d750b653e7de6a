"""The whole way on a folder of pictures that people bring: train, export, evaluate, by the command."""

import re
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_face
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli import app
from mien.errors import DataError
from mien.expressions import CORE4, FER7, FERPLUS8
from mien.model.package import load_model

CONFIG = """
epochs = 1
batch_size = 16
precision = "32-true"

[network]
stem_width = 8
widths = [16]
depths = [1]

[data]
name = "Drawn faces"

[data.classes]
joy = "happy"
odd = ""
"""
FOLDER_OF = {"happy": "joy", "sad": "Sadness", "surprise": "surprise", "neutral": "neutral"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    for split, count in (("train", 12), ("val", 6)):
        for label, name in FOLDER_OF.items():
            folder = place / "faces" / split / name
            folder.mkdir(parents=True)
            for number in range(count):
                face = Image.fromarray(drawn_face(label, rng)).convert("RGB").resize((60 + number, 70))
                face.save(folder / f"{number:02}.jpg", quality=95)
    odd = place / "faces" / "train" / "odd" / "0.png"
    odd.parent.mkdir()
    Image.new("L", (48, 48)).save(odd)
    (place / "own.toml").write_text(CONFIG, "utf-8")
    return place


def mien(*arguments: str) -> Result:
    return CliRunner(env={"COLUMNS": "80"}).invoke(app, arguments)


@pytest.fixture(autouse=True)
def _in_place(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)


def test_folder_of_pictures_becomes_a_model_that_says_so(place: Path) -> None:
    trained = mien("train", "--config", "own.toml", "--data", "faces", "--output", "run")
    assert trained.exit_code == 0, trained.output
    assert "P2" not in trained.stdout
    assert "; val, each from its own head: P1 " in trained.stdout
    exported = mien("export", "run", "--data", "faces", "--output", "own.onnx", "--data-license", "CC0-1.0")
    assert exported.exit_code == 0, exported.output
    assert "P4" not in exported.stdout

    model = load_model(place / "own.onnx")
    data = model.metadata.training.data
    assert (data.source, data.with_votes) == ("Drawn faces", 0)
    assert data.left_out.total == 48
    assert {result.protocol for result in model.metadata.metrics.results} == {"P1", "P1c", "P3"}
    assert "CC0-1.0" in model.metadata.license
    assert "FER2013" not in model.metadata.license
    faces = np.zeros((1, 48, 48), dtype=np.uint8)
    for expressions in (CORE4, FER7, FERPLUS8):
        assert model.probabilities(faces, expressions.name).sum() == pytest.approx(1)

    card = (place / "own.md").read_text("utf-8")
    assert "faces of Drawn faces with its labels: happy" in card
    assert "no face for angry, disgust, fear: what it says of these means nothing" in card
    assert "Barsoum" not in card
    assert re.search(
        r"^\| val/(joy|Sadness|surprise|neutral)/0[0-5]\.jpg \| \w+ \| \w+ \| [0-9.]+ % \|$", card, re.MULTILINE
    )

    evaluated = mien("evaluate", "faces", "--model", "own.onnx")
    assert evaluated.exit_code == 0, evaluated.output
    assert "P1 core4/fer2013" in evaluated.stdout
    assert "selected on val" in evaluated.stdout
    assert "the truth is the labels of faces" in evaluated.stderr


def test_fault_in_the_data_ends_the_command_before_training(place: Path) -> None:
    (place / "typo.toml").write_text(CONFIG.replace("joy =", "jooy ="), "utf-8")
    ended = mien("train", "--config", "typo.toml", "--data", "faces", "--output", "typo")
    assert isinstance(ended.exception, DataError)
    assert "[data.classes]: no folder in the splits of faces 'jooy' (did you mean 'joy'?)" in str(ended.exception)
    assert not (place / "typo").exists()


def test_example_of_the_docs_runs_as_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "data.md").read_text("utf-8")
    (example,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    script, config = re.findall(r" <<'END'\n(.*?)^END$", example, re.MULTILINE | re.DOTALL)
    commands = [line.split() for line in example.splitlines() if line.startswith("mien ")]
    assert [command[1] for command in commands] == ["train", "export", "recognize", "evaluate"]

    monkeypatch.chdir(tmp_path)
    exec(compile(script, "docs/data.md", "exec"), {})  # noqa: S102 - the project's own page
    Path("own.toml").write_text(config, "utf-8")
    for command in commands:
        done = mien(*command[1:])
        assert done.exit_code == 0, f"{command}: {done.output} {done.exception}"
    accuracies = re.findall(r"^ (?:P1|P1c|P3) \S+ +80 +([\d.]+) ", done.stdout, re.MULTILINE)
    assert len(accuracies) == 3
    assert min(map(float, accuracies)) > 90
