import csv
import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from mien.cli.output.writers import Csv, Format, JsonLines, Outcome, Table, Writer, format_for, printable, writer_for
from mien.expressions import CORE4
from mien.results import Box, Face, Prediction

LARGE_HAPPY = Face(Box(10, 20, 110, 140), None, 0.99, Prediction(CORE4.labels, (0.9, 0.05, 0.03, 0.02), False))
SMALL_UNSURE = Face(Box(200, 0, 220, 25.5), None, 0.75, Prediction(CORE4.labels, (0.1, 0.4, 0.1, 0.4), True))

TWO_FACES = Outcome('a/two, "faces".jpg', 640, 480, (LARGE_HAPPY, SMALL_UNSURE))
NO_FACE = Outcome("none.png", 8, 9)
UNREAD = Outcome("bad.jpg", error="bad.jpg: is not a picture")
ALL = (TWO_FACES, NO_FACE, UNREAD)


def written(form: Format, *outcomes: Outcome) -> str:
    stream = io.StringIO()
    with closing(writer_for(form, stream, CORE4)) as writer:
        for outcome in outcomes:
            writer.write(outcome)
    return stream.getvalue()


def test_json_lines_hold_one_object_per_picture() -> None:
    two, none, unread = map(json.loads, written(Format.JSONL, *ALL).splitlines())
    faces = [LARGE_HAPPY.to_dict(), SMALL_UNSURE.to_dict()]
    assert two == {"picture": TWO_FACES.picture, "width": 640, "height": 480, "faces": faces}
    assert none == {"picture": "none.png", "width": 8, "height": 9, "faces": []}
    assert unread == {"picture": "bad.jpg", "error": UNREAD.error}


def test_csv_holds_one_row_per_face_and_one_for_a_picture_without() -> None:
    first, second, none, unread = csv.DictReader(io.StringIO(written(Format.CSV, *ALL)))
    assert (first["picture"], first["face"], first["expression"]) == (TWO_FACES.picture, "1", "happy")
    assert [float(first[edge]) for edge in ("left", "top", "right", "bottom")] == [10, 20, 110, 140]
    assert [float(first[label]) for label in CORE4.labels] == [0.9, 0.05, 0.03, 0.02]
    assert (second["face"], second["small"], second["uncertain"]) == ("2", "True", "True")
    assert (none["picture"], none["width"], none["face"], none["expression"]) == ("none.png", "8", "", "")
    assert (unread["picture"], unread["width"], unread["error"]) == ("bad.jpg", "", UNREAD.error)


def test_csv_of_no_pictures_is_its_head() -> None:
    assert written(Format.CSV).startswith("picture,width,height,face,")
    assert written(Format.CSV).count("\n") == 1


@pytest.mark.parametrize("make", [JsonLines, lambda stream: Csv(stream, CORE4)], ids=["jsonl", "csv"])
def test_streamed_formats_are_written_at_once(make: type[JsonLines], tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="utf-8") as stream:
        writer: Writer = make(stream)
        writer.write(NO_FACE)
        assert "none.png" in path.read_text(encoding="utf-8")


def test_table_has_a_row_for_each_face_and_says_what_is_not_there() -> None:
    _, _, happy, unsure, none, unread = written(Format.TABLE, *ALL).splitlines()
    assert happy.split() == ["a/two,", '"faces".jpg', "1", "happy", "90%", "10,20", "100×120"]
    assert unsure.split() == ["2", "sad", "40%", "200,0", "20×26", "uncertain,", "small"]
    assert none.split() == ["none.png", "no", "face"]
    assert unread.split() == ["bad.jpg", "not", "read"]


def test_table_fits_80_columns_however_long_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "/home/somebody/pictures/2024/" + "holiday-" * 20 + ".jpg"
    text = written(Format.TABLE, Outcome(name, 4000, 3000, (SMALL_UNSURE,)))
    assert max(map(len, text.splitlines())) <= 80
    assert "uncertain" in text


def test_table_of_no_pictures_is_nothing() -> None:
    assert written(Format.TABLE) == ""


def test_table_is_coloured_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def printed(stream: io.StringIO) -> str:
        with closing(Table(stream)) as table:
            table.write(UNREAD)
        return stream.getvalue()

    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    red = "\x1b[31m"
    assert red in printed(Terminal())
    assert red not in printed(io.StringIO())
    monkeypatch.setenv("NO_COLOR", "1")
    assert red not in printed(Terminal())


def test_names_cannot_disturb_any_format() -> None:
    name = "[red]\x1b[2J\n\udcff,\u202e.jpg"
    outcome = Outcome(name, 1, 1)
    assert json.loads(written(Format.JSONL, outcome))["picture"] == name
    written(Format.CSV, outcome).encode()
    table = written(Format.TABLE, outcome)
    assert "[red]" in table
    assert "\x1b" not in table
    table.encode()


def test_printable_keeps_what_can_be_read() -> None:
    assert printable("Zoë/ж 1.jpg") == "Zoë/ж 1.jpg"
    assert printable("a\nb\x1b\udc80") == "a\\nb\\x1b\\udc80"


@pytest.mark.parametrize(
    ("output", "to_terminal", "form"),
    [
        (None, True, Format.TABLE),
        (None, False, Format.JSONL),
        (Path("a.csv"), False, Format.CSV),
        (Path("a.CSV"), False, Format.CSV),
        (Path("a.txt"), False, Format.JSONL),
    ],
)
def test_format_where_none_is_asked_for(output: Path | None, to_terminal: bool, form: Format) -> None:
    assert format_for(output, to_terminal) is form
