import io
from contextlib import closing
from dataclasses import replace

import pytest

from mien.cli.table import Table, printable
from mien.expressions import CORE4
from mien.results import Box, Face, OtherExpression, PictureResult, Prediction

LARGE_HAPPY = Face(Box(10, 20, 110, 140), None, 0.99, Prediction(CORE4.labels, (0.9, 0.05, 0.03, 0.02), False, 0.8))
SMALL_UNSURE = Face(Box(200, 0, 220, 25.5), None, 0.75, Prediction(CORE4.labels, (0.1, 0.4, 0.1, 0.4), True, 0.1))
RATHER_ANGRY = replace(LARGE_HAPPY, prediction=replace(SMALL_UNSURE.prediction, other=OtherExpression("angry", 0.773)))

TWO_FACES = PictureResult('a/two, "faces".jpg', 640, 480, (LARGE_HAPPY, SMALL_UNSURE))
NO_FACE = PictureResult("none.png", 8, 9)
UNREAD = PictureResult("bad.jpg", None, None, error="bad.jpg: is not a picture", error_kind="UnsupportedPicture")


def printed(*results: PictureResult, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    with closing(Table(stream)) as table:
        for result in results:
            table.write(result)
    return stream.getvalue()


def test_table_has_a_row_for_each_face_and_says_what_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    _, _, happy, unsure, none, unread = printed(TWO_FACES, NO_FACE, UNREAD).splitlines()
    assert happy.split() == ["a/two,", '"faces".jpg', "1", "happy", "90%", "10,20", "100×120"]
    assert unsure.split() == ["2", "sad", "40%", "200,0", "20×26", "uncertain:", "low", "confidence,", "small"]
    assert none.split() == ["none.png", "no", "face"]
    assert unread.split() == ["bad.jpg", "not", "read"]


def test_table_says_what_a_face_shows_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    assert "uncertain: perhaps angry 77 %" in printed(replace(TWO_FACES, faces=(RATHER_ANGRY,)))


def test_table_fits_80_columns_however_long_the_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    name = "/home/somebody/pictures/2024/" + "holiday-" * 20 + ".jpg"
    text = printed(PictureResult(name, 4000, 3000, (SMALL_UNSURE, RATHER_ANGRY)))
    assert max(map(len, text.splitlines())) <= 80
    assert "uncertain" in text
    assert "perhaps" in text


def test_table_of_no_pictures_is_nothing() -> None:
    assert printed() == ""


def test_table_is_colored_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    red = "\x1b[31m"
    assert red in printed(UNREAD, stream=Terminal())
    assert red not in printed(UNREAD)
    monkeypatch.setenv("NO_COLOR", "1")
    assert red not in printed(UNREAD, stream=Terminal())


def test_names_cannot_disturb_the_table() -> None:
    table = printed(replace(NO_FACE, source="[red]\x1b[2J\n\udcff,\u202e.jpg"))
    assert "[red]" in table
    assert "\x1b" not in table
    table.encode()


def test_printable_keeps_what_can_be_read() -> None:
    assert printable("Zoë/ж 1.jpg") == "Zoë/ж 1.jpg"
    assert printable("a\nb\x1b\udc80") == "a\\nb\\x1b\\udc80"
