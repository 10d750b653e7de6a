"""`mien data audit` from its arguments to its files."""

import json
import sys
from pathlib import Path

import pytest
from drawn_faces import drawn_faces
from PIL import Image
from typer.testing import CliRunner, Result

from mien.cli import app
from mien.errors import DataError, MienError, MissingExtra, OutputError, UnknownModel


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A fer2013.csv of drawn faces, 60 to learn from and 8 to test on, without votes; in the working folder."""
    monkeypatch.chdir(tmp_path)
    faces = drawn_faces(68, seed=1)
    lines = ["emotion,pixels,Usage"]
    for index, (face, label) in enumerate(zip(faces.gray(), faces.fer7, strict=True)):
        lines.append(f"{label},{' '.join(map(str, face.ravel()))},{'Training' if index < 60 else 'PublicTest'}")
    path = tmp_path / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["data", "audit", *map(str, arguments)])


def test_page_json_and_findings(data: Path, tmp_path: Path) -> None:
    ran = run(data, "--html", tmp_path / "a.html", "--json", tmp_path / "a.json")
    assert ran.exit_code == 0, ran.output
    assert "Training has 60 faces; classes have 15 (happy) to 15 (happy)." in ran.stdout
    assert f"The page: {tmp_path / 'a.html'}" in ran.stdout
    assert "PrivateTest" not in ran.stderr
    assert "PrivateTest" not in (tmp_path / "a.html").read_text("utf-8")
    figures = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert figures["faces"] == 68
    assert figures["data"] == str(data)


def test_splits_can_be_chosen_and_the_page_goes_into_the_working_folder(data: Path, tmp_path: Path) -> None:
    ran = run(data, "--split", "validation")
    assert ran.exit_code == 0, ran.output
    assert "Training has" not in ran.stdout
    assert "PublicTest has 8 faces" in ran.stdout
    assert [path.name for path in tmp_path.iterdir() if path.suffix in (".html", ".json")] == ["audit.html"]


def test_a_model_judges_what_it_has_not_seen(data: Path, tmp_path: Path) -> None:
    ran = run(data, "--model", "base", "--html", tmp_path / "a.html", "--json", tmp_path / "a.json")
    assert ran.exit_code == 0, ran.output
    judges = json.loads((tmp_path / "a.json").read_text("utf-8"))["label_errors"]
    assert [(errors["judge"], errors["splits"]) for errors in judges] == [
        ("model base, chosen on PublicTest", ["PublicTest"]),
        ("logistic regression on oriented gradients, out of 5 folds", ["Training"]),
    ]
    everything = run(
        data, "--model", "base", "--unseen", "Training", "--split", "Training", "--json", tmp_path / "b.json"
    )
    assert everything.exit_code == 0, everything.output
    (errors,) = json.loads((tmp_path / "b.json").read_text("utf-8"))["label_errors"]
    assert (errors["judge"], errors["right"]["n"]) == ("model base", 60)


@pytest.mark.parametrize(
    ("arguments", "error", "says"),
    [
        (["--unseen", "PublicTest"], MienError, "name the model with --model"),
        (["--split", "Training", "--model", "base"], MienError, "say --unseen Training"),
        (["--model", "base", "--unseen", "PublikTest"], DataError, "did you mean 'PublicTest'"),
        (["--split", "dev"], DataError, "choose from train, validation, test, Training, PublicTest, PrivateTest"),
        (["--json", "fer2013.csv"], OutputError, "read or written already"),
        (["--json", "a.html"], OutputError, "read or written already"),
        (["--class", "joy"], DataError, "needs NAME=LABEL; got 'joy'"),
        (["--class", "joy=hapy"], DataError, "did you mean 'happy'"),
        (["--model", "bass"], UnknownModel, "did you mean 'base'"),
    ],
)
def test_faults_are_errors_of_mien(
    data: Path, tmp_path: Path, arguments: list[str], error: type[MienError], says: str
) -> None:
    ran = run(data, "--html", tmp_path / "a.html", *arguments)
    assert isinstance(ran.exception, error)
    assert says in str(ran.exception)
    assert not (tmp_path / "a.html").exists()


def test_own_class_names_are_mapped_or_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("joy", "sad", "unclear")):
        (tmp_path / "faces" / "train" / name).mkdir(parents=True)
        Image.fromarray(drawn_faces(4, seed=1).gray()[number]).save(tmp_path / "faces" / "train" / name / "1.png")
    assert isinstance(run("faces").exception, DataError)
    ran = run("faces", "--class", "joy=happy", "--class", "unclear=", "--json", "audit.json")
    assert ran.exit_code == 0, ran.output
    counts = json.loads(Path("audit.json").read_text("utf-8"))["composition"]["counts"]["train"]
    assert {label: count for label, count in counts.items() if count} == {"happy": 1, "sad": 1}


def test_files_that_cannot_be_written_are_refused_before_the_work(tmp_path: Path) -> None:
    for option in ("--html", "--json"):
        for path in (tmp_path, tmp_path / "nowhere" / "a"):
            ran = run(tmp_path / "no data either", option, path)
            assert isinstance(ran.exception, OutputError)
            assert str(path) in str(ran.exception)


@pytest.mark.parametrize("package", ["matplotlib", "sklearn.linear_model"])
def test_a_missing_package_names_the_extra(data: Path, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("mien.audit")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    ran = run(data)
    assert isinstance(ran.exception, MissingExtra)
    assert "mien[evaluate]" in str(ran.exception)


def test_help_says_what_it_does() -> None:
    assert "audit" in CliRunner().invoke(app, ["data", "--help"]).stdout
    assert "label errors" in " ".join(run("--help").stdout.split())
