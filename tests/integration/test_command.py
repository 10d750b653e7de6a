"""The installed command in processes of its own: what only streams, signals and terminals can show."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from mien._version import __version__
from mien.detect import DETECTORS
from mien.expressions import CORE4

MIEN = [sys.executable, "-m", "mien"]
COLOR = re.compile(r"\x1b\[[0-9;]*3[0-9]")


def mien(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [*MIEN, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload]


def on_terminal(*arguments: str | Path, **environment: str) -> str:
    """What a terminal of 80 columns is sent."""
    ours, theirs = pty.openpty()
    clean = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    settings = clean | {"TERM": "xterm-256color", "COLUMNS": "80"} | environment
    with subprocess.Popen([*MIEN, *map(str, arguments)], stdout=theirs, stderr=theirs, env=settings):
        os.close(theirs)
        sent = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                break
            if not part:
                break
            sent += part
    os.close(ours)
    return sent.decode()


def test_version() -> None:
    ran = mien("--version")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, f"mien {__version__}\n", "")


def test_help_names_commands_and_choices() -> None:
    assert {"recognize", "info", "train", "export", "evaluate"} <= set(mien("--help").stdout.split())
    words = mien("recognize", "--help", env={**os.environ, "COLUMNS": "200"}).stdout.replace(",", "").split()
    assert set(DETECTORS) <= set(words)


def test_a_wrong_command_is_wrong_usage() -> None:
    ran = mien("recognise")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "Traceback" not in ran.stderr


def test_examples_are_recognised(examples: Path) -> None:
    ran = mien("recognize", examples)
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0
    assert {Path(record["source"]).name: len(record["faces"]) for record in records}["astronaut.jpg"] == 1
    assert all(face["expression"] in CORE4.labels for record in records for face in record["faces"])


def test_a_picture_on_standard_input_gives_what_its_file_gives(examples: Path) -> None:
    path = examples / "astronaut.jpg"
    with path.open("rb") as file:
        piped = json.loads(mien("recognize", "-", stdin=file).stdout)
    assert piped | {"source": str(path)} == json.loads(mien("recognize", path).stdout)


def test_a_bad_picture_is_one_line_on_standard_error(tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    ran = mien("recognize", tmp_path / "bad.jpg")
    assert ran.returncode == 1
    assert ran.stderr.startswith("mien: ")
    assert ran.stderr.count("\n") == 1


def test_a_reader_that_leaves_is_no_fault_worth_a_word(examples: Path) -> None:
    arguments = [*MIEN, "recognize", str(examples)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert "Traceback" not in process.stderr.read()
        assert process.wait(timeout=60) != 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full, which Linux has")
@pytest.mark.parametrize("arguments", [("info",), ("recognize", "--detector", "none"), ("recognize", "-f", "table")])
def test_a_full_disk_is_one_line(arguments: tuple[str, ...], examples: Path) -> None:
    picture = [examples / "astronaut.jpg"] * (arguments[0] == "recognize")
    with Path("/dev/full").open("w") as full:
        command = [*MIEN, *arguments, *map(str, picture)]
        ran = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (ran.returncode, ran.stderr) == (1, "mien: error: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full, which Linux has")
def test_an_output_file_that_is_full_is_one_line(examples: Path) -> None:
    ran = mien("recognize", examples / "astronaut.jpg", "-o", "/dev/full")
    assert (ran.returncode, ran.stdout, ran.stderr) == (1, "", "mien: error: No space left on device\n")


def test_ctrl_c_ends_with_130_and_keeps_what_was_done(tmp_path: Path) -> None:
    Image.new("RGB", (640, 480)).save(tmp_path / "0.png")
    for number in range(1, 500):
        (tmp_path / f"{number}.png").write_bytes((tmp_path / "0.png").read_bytes())
    arguments = [*MIEN, "recognize", str(tmp_path)]
    # Tests that run in the background ignore interrupts, and so would the command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, err = process.communicate(timeout=60)
    lines = [first, *rest.splitlines()]
    assert process.returncode == 130
    assert all("faces" in json.loads(line) for line in lines)
    assert len(lines) < 500
    assert err.rstrip().endswith("mien: interrupted")


def test_a_terminal_gets_a_table_in_color(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    paths = (examples / "astronaut.jpg", tmp_path / "bad.jpg")
    shown = on_terminal("recognize", *paths)
    assert "Expression" in shown
    assert COLOR.search(shown)
    assert not COLOR.search(on_terminal("recognize", *paths, NO_COLOR="1"))


def test_a_terminal_gets_a_progress_bar_for_many_pictures_only(examples: Path, tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / f"{number}.jpg").write_bytes((examples / "astronaut.jpg").read_bytes())
    assert "Reading pictures" in on_terminal("recognize", tmp_path)
    assert "Reading pictures" not in on_terminal("recognize", tmp_path / "0.jpg")
    assert "Reading pictures" not in on_terminal("recognize", tmp_path, "--format", "jsonl")


@pytest.mark.parametrize("as_json", [True, False])
def test_info_names_models_with_their_checksums(as_json: bool) -> None:
    ran = mien("info", *["--json"] * as_json)
    assert ran.returncode == 0
    if as_json:
        facts = json.loads(ran.stdout)
        (base,) = [model for model in facts["models"] if model["name"] == "base"]
        assert len(base["sha256"]) == 64
        assert Path(base["path"]).stat().st_size == base["size_bytes"]
        assert "CPUExecutionProvider" in facts["providers"]
    else:
        assert re.search(r"SHA-256 +[0-9a-f]{64}$", ran.stdout, re.MULTILINE)
        assert __version__ in ran.stdout


def test_nothing_is_written_into_the_home_folder(examples: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    ran = mien("recognize", examples / "astronaut.jpg", env=environment | {"HOME": str(tmp_path)})
    assert ran.returncode == 0
    assert list(tmp_path.rglob("*")) == []


def test_output_that_cannot_show_every_character_gets_escapes(examples: Path) -> None:
    environment = os.environ | {"PYTHONIOENCODING": "ascii"}
    ran = mien("recognize", examples / "astronaut.jpg", "--format", "table", env=environment)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert "happy" in ran.stdout


def test_closed_output_is_said(examples: Path) -> None:
    command = f"'{sys.executable}' -m mien recognize '{examples / 'astronaut.jpg'}' >&-"
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stderr.startswith("mien: error: standard output is closed")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("standard_input", ["</dev/null", "<&-"], ids=["empty", "closed"])
def test_no_standard_input_is_said(standard_input: str) -> None:
    command = f"'{sys.executable}' -m mien recognize - {standard_input}"
    ran = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 1
    assert ran.stderr == "mien: standard input is empty; send a picture to it\n"
    assert json.loads(ran.stdout)["source"] == "-"


def test_complaints_go_nowhere_else_where_standard_error_is_closed(examples: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.jpg").write_bytes(b"\xff\xd8\xff nothing")
    pictures = " ".join(f"'{path}'" for path in (tmp_path / "bad.jpg", tmp_path / "gone.jpg", examples))
    command = f"'{sys.executable}' -m mien recognize {pictures} --detector none 2>&-"
    ran = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, text=True, timeout=60, check=False)
    records = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 1
    assert [record["error"] is not None for record in records] == [True, False, False, False]
