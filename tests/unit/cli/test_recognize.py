"""`mien recognize` from its arguments to what it prints, with a recogniser that needs no model."""

import csv
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.cli import main
from mien.errors import PictureError, PictureTooLarge, UnknownModel
from mien.expressions import expression_set
from mien.images import read_picture
from mien.results import Box, Face, PictureResult, Prediction


class FakeRecognizer:
    """Sees one happy face in every picture that is not black."""

    def __init__(
        self,
        model: str = "base",
        *,
        expressions: str | None = None,
        prior: Any = None,
        risk: float | None = None,
        detector: Any = "mtcnn",
        threads: int | None = None,
        rotations: tuple[int, ...] = (),
    ) -> None:
        self.detector, self.threads, self.rotations = detector, threads, rotations
        self.prior, self.risk = prior, risk
        FAKES.append(self)
        if model == "nosuch":
            raise UnknownModel("no model 'nosuch'; choose from base")
        self.expressions = expression_set(expressions or "core4")

    def recognize_many(self, sources: Iterable[Path | bytes], *, on_error: str) -> Iterator[PictureResult]:
        assert on_error == "yield"
        for source in sources:
            name = str(source) if isinstance(source, Path) else None
            try:
                pixels = read_picture(source)
            except PictureError as error:
                yield PictureResult(name, None, None, error=str(error), error_kind=type(error).__name__)
            else:
                yield PictureResult(name, pixels.shape[1], pixels.shape[0], self.faces(pixels))

    def faces(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        if pixels.max() == 0:
            return ()
        height, width = pixels.shape[:2]
        sure = tuple(float(label.startswith("happ")) for label in self.expressions.labels)
        return (Face(Box(0, 0, width, height), None, 1.0, Prediction(self.expressions.labels, sure, False, 1.0)),)


FAKES: list[FakeRecognizer] = []


class Ran(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Run = Callable[..., Ran]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Runs `mien recognize` in a folder of its own."""
    monkeypatch.setattr("mien.recognizer.Recognizer", FakeRecognizer)
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: str | Path) -> Ran:
        with pytest.raises(SystemExit) as ended:
            main(["recognize", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Ran(int(ended.value.code or 0), out, err)

    return run_it


def picture(path: Path, value: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 40), (value, value, value)).save(path)
    return path


def test_one_picture_gives_one_line_and_nothing_else(run: Run, tmp_path: Path) -> None:
    ran = run(picture(tmp_path / "a.png"))
    (record,) = ran.records
    assert (ran.status, ran.err) == (0, "")
    assert (record["source"], record["width_px"], record["height_px"]) == (str(tmp_path / "a.png"), 60, 40)
    assert [face["expression"] for face in record["faces"]] == ["happy"]


def test_a_picture_without_a_face_is_in_formats_of_pictures(run: Run, tmp_path: Path) -> None:
    black = picture(tmp_path / "black.png", 0)
    assert run(black).records[0]["faces"] == []
    assert json.loads(run(black, "--format", "json").out)[0]["faces"] == []
    assert "no face" in run(black, "--format", "table").out


def test_where_only_faces_are_written_a_picture_without_one_is_said(run: Run, tmp_path: Path) -> None:
    ran = run(picture(tmp_path / "black.png", 0), picture(tmp_path / "white.png"), "--format", "csv")
    (row,) = csv.DictReader(io.StringIO(ran.out))
    assert (row["source"], ran.status) == (str(tmp_path / "white.png"), 0)
    assert ran.err == f"mien: {tmp_path / 'black.png'}: no face\n2 pictures, 1 face\n"


def test_folders_and_globs_are_searched(run: Run, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/b.jpg", "c1.png", "c2.png"):
        picture(tmp_path / name)
    ran = run("in", "c*.png")
    assert [record["source"] for record in ran.records] == ["in/a.png", "in/deep/b.jpg", "c1.png", "c2.png"]
    assert ran.err == "4 pictures, 4 faces\n"


def test_one_bad_picture_does_not_stop_the_rest(run: Run, tmp_path: Path) -> None:
    for number in range(5):
        picture(tmp_path / f"in/{number}.png")
    (tmp_path / "in/2.png").write_text("no picture")
    ran = run("in")
    assert ran.status == 1
    assert [record["error"] is not None for record in ran.records] == [False, False, True, False, False]
    complaint, summary = ran.err.splitlines()
    assert complaint.startswith("mien: in/2.png: is not a picture")
    assert summary == "4 pictures, 4 faces; 1 could not be read"


def answering(monkeypatch: pytest.MonkeyPatch, *answers: tuple[Face, ...] | BaseException) -> None:
    """Makes the recognizer see these faces in one picture after the other, or end with an exception."""
    monkeypatch.setattr(FakeRecognizer, "faces", Mock(side_effect=answers))


@pytest.mark.parametrize(
    ("asked", "prior", "risk"),
    [
        ([], None, None),
        (["--prior", "balanced"], "balanced", None),
        (["--prior", "happy=.6,neutral=.4", "--risk", "0.1"], {"happy": 0.6, "neutral": 0.4}, 0.1),
    ],
)
def test_prior_and_risk_are_handed_on(
    run: Run, tmp_path: Path, asked: list[str], prior: object, risk: float | None
) -> None:
    picture(tmp_path / "a.png")
    assert run("a.png", *asked).status == 0
    assert (FAKES[-1].prior, FAKES[-1].risk) == (prior, risk)


def test_the_smallest_face_is_handed_on(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert run("a.png", "--min-face", "40", "--threads", "1").status == 0
    assert (repr(FAKES[-1].detector), FAKES[-1].threads) == ("Mtcnn(min_face_px=40)", 1)
    assert run("a.png", "--detector", "none").status == 0
    assert (FAKES[-1].detector, FAKES[-1].rotations) == ("none", ())


@pytest.mark.parametrize(
    ("given", "rotations"), [("all", (90, 180, 270)), ("180", (180,)), ("270, 90", (270, 90)), ("0", (0,))]
)
def test_rotations_are_handed_on(given: str, rotations: tuple[int, ...], run: Run, tmp_path: Path) -> None:
    assert run(picture(tmp_path / "a.png"), "--rotations", given).status == 0
    assert FAKES[-1].rotations == rotations


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--min-face", "7"], "--min-face: min_face_px must be 20 or more; got 7"),
        (["--min-face", "40", "--detector", "none"], "--min-face is for --detector mtcnn; got --detector none"),
        (["--rotations", "45"], "--rotations must be all or some of 90, 180 and 270 with commas between; got '45'"),
        (["--rotations", ""], "--rotations must be all or some of 90, 180 and 270 with commas between; got ''"),
        (["--yunet-model", "x.onnx"], "--yunet-model is for --detector yunet; got --detector mtcnn"),
        (["--detector", "yunet"], "the detector 'yunet' needs a model file that you have; name it with --yunet-model"),
        (["--detector", "yunet", "--yunet-model", "x.onnx"], "cannot read the YuNet model x.onnx: No such file"),
    ],
)
def test_options_of_detectors_that_do_not_fit_are_one_line(
    options: list[str], says: str, run: Run, tmp_path: Path
) -> None:
    ran = run(picture(tmp_path / "a.png"), *options)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"mien: error: {says}")


def test_a_path_that_leads_nowhere_is_said_and_the_rest_done(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    ran = run("a.png", "b*.png", "gone.png")
    assert ran.status == 1
    assert [record["source"] for record in ran.records] == ["a.png"]
    assert ran.err.startswith("mien: b*.png: ")
    assert "gone.png" in ran.err
    assert ran.err.endswith("1 picture, 1 face; 2 could not be read\n")


def test_output_goes_to_a_file_in_the_form_its_name_says(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    assert run("a.png", "--output", "faces.csv").out == ""
    (row,) = csv.DictReader(io.StringIO((tmp_path / "faces.csv").read_text(encoding="utf-8")))
    assert row["expression"] == "happy"
    run("a.png", "-o", "faces.csv", "-f", "jsonl")
    assert json.loads((tmp_path / "faces.csv").read_text(encoding="utf-8"))["source"] == "a.png"
    run("a.png", "a.png", "-o", "faces.json")
    assert [record["source"] for record in json.loads((tmp_path / "faces.json").read_text("utf-8"))] == ["a.png"]
    run("a.png", "-o", "faces.txt", "-f", "table")
    assert "happy" in (tmp_path / "faces.txt").read_text("utf-8")
    run("a.png", "-o", "faces")
    assert json.loads((tmp_path / "faces").read_text("utf-8"))["source"] == "a.png"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["-o", "out.xlsx"], "out.xlsx: no output format for the suffix '.xlsx'; choose from .json, .jsonl, .ndjson, "),
        (["-o", "a.jsn"], "a.jsn: no output format for the suffix '.jsn' (did you mean '.json'?); choose from .json, "),
        (["-f", "cvs"], "no format 'cvs' (did you mean 'csv'?); choose from table, json, jsonl, csv, parquet\n"),
        (["-f", "parquet"], "parquet needs a file to go to; name one: --output faces.parquet\n"),
    ],
)
def test_an_unknown_format_is_one_line(options: list[str], says: str, run: Run, tmp_path: Path) -> None:
    ran = run(picture(tmp_path / "a.png"), *options)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith(f"mien: error: {says}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_run_that_fails_leaves_the_output_that_was_there(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    (tmp_path / "faces.json").write_text("before")
    answering(monkeypatch, (), OSError(28, "No space left on device"))
    assert run("a.png", "b.png", "-o", "faces.json").status == 1
    assert (tmp_path / "faces.json").read_text() == "before"
    answering(monkeypatch, (), KeyboardInterrupt())
    assert run("a.png", "b.png", "-o", "faces.json").status == 130
    assert [record["source"] for record in json.loads((tmp_path / "faces.json").read_text())] == ["a.png"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "b.png", "faces.json"]


@pytest.mark.parametrize("output", ["a.png", "./a.png", "hard.png", "soft.png"])
def test_output_never_goes_over_a_picture(run: Run, tmp_path: Path, output: str) -> None:
    before = picture(tmp_path / "a.png").read_bytes()
    (tmp_path / "hard.png").hardlink_to(tmp_path / "a.png")
    (tmp_path / "soft.png").symlink_to("a.png")
    ran = run("a.png", "--output", output, "--format", "jsonl")
    assert ran.status == 1
    assert ran.err.startswith("mien: error: --output")
    assert (tmp_path / "a.png").read_bytes() == before


def test_output_into_no_folder_is_one_line(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    ran = run("a.png", "--output", "no/such/folder.jsonl")
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("mien: error: cannot write to no/such/folder.jsonl")


def test_annotated_copies_are_written_beside_one_another(run: Run, tmp_path: Path) -> None:
    for name in ("in/a.png", "in/deep/a.png", "in/deep/b.gif"):
        picture(tmp_path / name)
    assert run("in", "--annotate", "out").status == 0
    made = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("[!.]*.*"))
    assert made == ["a.png", "deep/a.png", "deep/b.gif.png"]


def test_annotated_copies_never_go_where_the_pictures_lie(run: Run, tmp_path: Path) -> None:
    before = picture(tmp_path / "in/a.png").read_bytes()
    ran = run("in", "--annotate", "in")
    assert (ran.status, ran.out) == (1, "")
    assert "name another folder" in ran.err
    assert (tmp_path / "in/a.png").read_bytes() == before


def test_annotated_copies_are_replaced_by_those_of_a_later_run(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "in/a.png")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(b"earlier")
    assert run("in", "--annotate", "out").status == 0
    with Image.open(tmp_path / "out/a.png") as copy:
        assert copy.size == (60, 40)


def test_copies_of_an_earlier_run_are_no_pictures_of_a_later_one(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b/c.png")
    for _ in range(3):
        ran = run(".", "--annotate", "marked")
        assert (ran.status, ran.err) == (0, "2 pictures, 2 faces\n")
        assert [record["source"] for record in ran.records] == ["a.png", "b/c.png"]
    for named in ("marked", "marked/a.png", "marked/*"):
        ran = run(named, "--annotate", "marked")
        assert (ran.status, ran.out) == (1, "")
        assert "marked holds pictures that are to be read" in ran.err


def test_a_folder_with_pictures_of_ones_own_is_never_taken_for_copies(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    before = picture(tmp_path / "own/a.png", 10).read_bytes()
    for _ in range(2):
        ran = run(".", "--annotate", "own")
        assert (ran.status, ran.out) == (1, "")
        assert "own holds pictures that are to be read" in ran.err
    assert (tmp_path / "own/a.png").read_bytes() == before


def test_what_a_phone_leaves_is_read_or_named(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "phone/1.jpg")
    for name, brand in (("2.HEIC", b"heic"), ("3.avif", b"avif")):
        (tmp_path / "phone" / name).write_bytes(b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1" + brand + bytes(200))
    (tmp_path / "phone/4.MOV").write_bytes(bytes(100))
    ran = run("phone")
    assert ran.status == 1
    assert [record["error"] is None for record in ran.records] == [True, False, False]
    assert sorted(line.split(": ")[1] for line in ran.err.splitlines()[:-1]) == [
        f"phone/{name}" for name in ("2.HEIC", "3.avif", "4.MOV")
    ]
    assert ran.err.endswith("1 picture, 1 face; 3 could not be read\n")


class Full(io.StringIO):
    """A stream onto a full disk, or into a pipe whose reader has gone."""

    def write(self, text: str = "") -> int:
        del text
        raise OSError(28, "No space left on device")

    flush = write  # type: ignore[assignment]


def test_results_come_also_where_complaints_cannot_be_written(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.jpg").write_text("no picture")
    picture(tmp_path / "b.png")
    monkeypatch.setattr(sys, "stderr", Full())
    ran = run("a.jpg", "none.jpg", "b.png")
    assert (ran.status, len(ran.records)) == (1, 2)
    monkeypatch.setattr(sys, "stderr", Full())
    assert run("b.png", "--model", "nosuch").status == 1


def test_memory_that_runs_out_is_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    monkeypatch.setattr(FakeRecognizer, "recognize_many", Mock(side_effect=MemoryError))
    ran = run("a.png")
    assert (ran.status, ran.err) == (1, "mien: error: memory ran out; free some, or ask for less at once\n")


def test_a_copy_there_is_no_memory_for_is_said(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.png", "b.png"):
        picture(tmp_path / name)
    monkeypatch.setattr("mien.drawing.annotate", Mock(side_effect=PictureTooLarge("memory ran out; make it smaller")))
    ran = run("a.png", "b.png", "--annotate", "out")
    assert (ran.status, len(ran.records)) == (1, 2)
    assert ran.err.splitlines()[0] == "mien: out/a.png: cannot be drawn: memory ran out; make it smaller"


def test_a_copy_that_fails_is_said_and_counted_and_its_faces_are_written(run: Run, tmp_path: Path) -> None:
    for name in ("a.png", "b.png", "c.png"):
        picture(tmp_path / "in" / name)
    (tmp_path / "out/b.png").mkdir(parents=True)
    ran = run("in", "--annotate", "out")
    assert ran.status == 1
    assert [len(record["faces"]) for record in ran.records] == [1, 1, 1]
    complaint, summary = ran.err.splitlines()
    assert complaint.startswith("mien: out/b.png: cannot be written")
    assert summary == "3 pictures, 3 faces; 1 annotated copy could not be written"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.png", "b.png", "c.png"]


def test_no_folder_for_the_copies_is_one_line(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "file").touch()
    ran = run("a.png", "--annotate", "file/out")
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("mien: error: cannot make the folder file/out: Not a directory")


def test_pillow_says_nothing_between_our_lines(run: Run, tmp_path: Path) -> None:
    Image.new("RGB", (60, 40)).save(tmp_path / "a.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12")
    ran = run("a.jpg")
    assert (ran.status, ran.err) == (0, "")


def test_what_the_system_refuses_is_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    for error, says in (
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError(5, "Input/output error", "a\nb"), "Input/output error: 'a\\nb'"),
        (OSError("no more words"), "no more words"),
    ):
        answering(monkeypatch, error)
        ran = run("a.png")
        assert (ran.status, ran.err) == (1, f"mien: error: {says}\n")


def test_other_faults_are_not_hidden(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "a.png")
    answering(monkeypatch, ValueError("a fault in mien"))
    with pytest.raises(ValueError, match="a fault in mien"):
        run("a.png")


def test_a_file_called_as_standard_input_is_gets_its_own_copy(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Image.new("RGB", (20, 30)).save(tmp_path / "-", "PNG")
    with picture(tmp_path / "a.png").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        assert run("-", "./-", "--annotate", "out").status == 0
    for name, size in (("standard-input.png", (60, 40)), ("-.png", (20, 30))):
        with Image.open(tmp_path / "out" / name) as copy:
            assert copy.size == size


def test_standard_input_is_read(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with picture(tmp_path / "a.png").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        (record,) = run("-").records
    assert (record["source"], record["width_px"]) == ("-", 60)


def test_standard_input_without_an_end_is_given_up(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mien.images.MAX_BYTES", 1000)
    (tmp_path / "long").write_bytes(bytes(1001))
    with (tmp_path / "long").open("rb") as file:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(file))
        ran = run("-")
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert ran.err.startswith("mien: standard input: has more than the limit of 1000 bytes")


def test_ctrl_c_keeps_what_was_done(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(4):
        picture(tmp_path / f"{number}.png")
    answering(monkeypatch, (), (), KeyboardInterrupt())
    ran = run(".")
    assert ran.status == 130
    assert [record["source"] for record in ran.records] == ["0.png", "1.png"]
    assert ran.err == "2 pictures, 0 faces\nmien: interrupted\n"


def test_sets_of_expressions_can_be_chosen(run: Run, tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (face,) = run("a.png", "--expressions", "ferplus8").records[0]["faces"]
    assert tuple(face["probabilities"]) == expression_set("ferplus8").labels
    assert face["expression"] == "happiness"


@pytest.mark.parametrize("wrong", [("--model", "nosuch"), ("--expressions", "core5")], ids=["model", "expressions"])
def test_an_unknown_name_is_one_line(run: Run, tmp_path: Path, wrong: tuple[str, str]) -> None:
    picture(tmp_path / "a.png")
    ran = run("a.png", *wrong)
    assert (ran.status, ran.out, ran.err.count("\n")) == (1, "", 1)
    assert ran.err.startswith("mien: error: no ")
    assert "choose from" in ran.err


@pytest.mark.parametrize("wrong", [(), ("a.png", "--nosuch"), ("a.png", "--threads", "0")], ids=str)
def test_wrong_usage_ends_with_2(run: Run, tmp_path: Path, wrong: tuple[str, ...]) -> None:
    picture(tmp_path / "a.png")
    ran = run(*wrong)
    assert (ran.status, ran.out) == (2, "")
    assert "Usage:" in ran.err
