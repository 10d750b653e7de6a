"""Every command that writes, where it cannot: full disks, limits, no permission, no folder, full outputs, no network.

pytest tests/attack/test_places.py                  every other command in one place, as in the suite
MIEN_ATTACK=2 pytest tests/attack/test_places.py    each in all
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from fer2013_files import write_drawn_fer2013
from forked_commands import ANYWHERE, Commands, Ended, Place
from settings_files import SEARCH, STUDY, TRAINING

ALL = int(os.environ.get("MIEN_ATTACK", "1")) > 1
BEFORE = b"what was there before"
DISK_KB = 64

COMMANDS = {
    "recognize": ("recognize", "PHOTO", "--output", "OUT/kept.json"),
    "recognize-parquet": ("recognize", "PHOTO", "--output", "OUT/kept.parquet"),
    "recognize-annotate": ("recognize", "PHOTO", "--annotate", "OUT/made"),
    "evaluate": ("evaluate", "tiny", "DATA", "--protocol", "P2", "--robustness", "0", "--html", "OUT/kept.html"),
    "audit": ("data", "audit", "DATA", "--html", "OUT/kept.html", "--json", "OUT/kept.json"),
    "train": ("train", "--config", "HERE/train.toml", "--data", "DATA", "--output", "OUT/made"),
    "study": ("study", "HERE/study.toml", "--data", "DATA", "--output", "OUT/made"),
    "search": ("search", "HERE/search.toml", "--data", "DATA", "--output", "OUT/made", "--trials", "1"),
    "export": ("export", "HERE/run", "--data", "DATA", "--output", "OUT/made.onnx"),
}
PLACES = ("full", "nearly full", "limit", "read-only", "missing", "full output", "full complaints", "no network")

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="forks, limits and users are POSIX's")]


def chosen() -> list[tuple[str, str]]:
    """Every other command in a place of its own, or each in all."""
    pairs = [(command, place) for command in COMMANDS for place in PLACES]
    diagonal = [(command, PLACES[number % len(PLACES)]) for number, command in enumerate(COMMANDS)]
    return pairs if ALL else diagonal[::2]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory, commands: Commands, examples: Path) -> Path:
    """A folder with drawn faces, configurations and a finished run."""
    folder = tmp_path_factory.mktemp("places")
    write_drawn_fer2013(folder / "data", training=32, public_test=16)
    (folder / "photo.jpg").write_bytes((examples / "astronaut.jpg").read_bytes())
    for name, text in (("train", TRAINING), ("study", STUDY), ("search", SEARCH)):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    config = "--config", folder / "train.toml", "--data", folder / "data"
    trained = commands.run("train", *config, "--output", folder / "run")
    assert trained.status == 0, trained.complaints
    return folder


class Attempt:
    """A command in a folder where things may be amiss."""

    def __init__(self, commands: Commands, command: str, here: Path, out: Path) -> None:
        self._commands, self._out = commands, out
        words = {"PHOTO": here / "photo.jpg", "DATA": here / "data", "HERE": here, "OUT": out}
        self._arguments = list(COMMANDS[command])
        for word, path in words.items():
            self._arguments = [argument.replace(word, str(path)) for argument in self._arguments]

    def keep(self) -> None:
        """Lets the command's output files be there before."""
        for path in self._outputs():
            path.write_bytes(BEFORE)

    def run(self, place: Place = ANYWHERE) -> Ended:
        """Runs it; whatever comes of it, there is no traceback."""
        ended = self._commands.run(*self._arguments, place=place)
        assert "Traceback" not in ended.complaints, ended.complaints
        assert "Exception ignored" not in ended.complaints, ended.complaints
        return ended

    def assert_refused(self, ended: Ended, *, whole: bool = True) -> None:
        """It said in its last line what is wrong, left no draft, and files are as before or whole."""
        lines = ended.complaints.splitlines()
        assert ended.status == 1, (ended.status, lines)
        assert lines, "nothing said"
        assert lines[-1].startswith(("mien: ", "arm ")), lines
        assert not list(self._out.rglob(".*.part")), "a draft is left"
        assert not list(self._out.rglob(".export-*")), "a draft is left"
        for path in self._outputs() if whole else ():
            content = path.read_bytes()
            assert content == BEFORE or content.rstrip().endswith((b"]", b"}", b"</html>", b"PAR1")), path

    def assert_written(self) -> None:
        """All its files are new."""
        assert all(path.read_bytes() != BEFORE for path in self._outputs())
        assert any(path.is_file() for path in self._out.rglob("*"))

    def _outputs(self) -> list[Path]:
        return [Path(argument) for argument in self._arguments if Path(argument).name.startswith("kept.")]


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """Puts a small disk in the folder's place; skips where none may be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KB}k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("a disk of its own may not be mounted here; run as root")
    try:
        yield
    finally:
        subprocess.run(("umount", str(folder)), check=True)  # noqa: S607


def fill(folder: Path, free_kb: int) -> None:
    """Fills a small disk up to so much."""
    with suppress(OSError), (folder / "filling").open("wb", buffering=0) as file:
        while os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize > 1024 * free_kb:
            file.write(bytes(1024))


@pytest.mark.parametrize(("command", "place"), chosen())
def test_a_command_in_a_place(command: str, place: str, commands: Commands, here: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    attempt = Attempt(commands, command, here, out)
    match place:
        case "full" | "nearly full":
            with small_disk(out):
                attempt.keep()
                fill(out, 0 if place == "full" else 8)
                ended = attempt.run()
                if ended.status or place == "full":  # what is small may find room
                    attempt.assert_refused(ended)
        case "limit":
            out.mkdir()
            attempt.keep()
            attempt.assert_refused(attempt.run(Place(largest_file=500)))
        case "read-only":
            with small_disk(out):
                attempt.keep()
                subprocess.run(("mount", "-o", "remount,ro", str(out)), check=True)  # noqa: S607
                attempt.assert_refused(attempt.run())
        case "missing":
            out.write_bytes(BEFORE)  # a file, where a folder is needed
            attempt.assert_refused(attempt.run(), whole=False)
            assert out.read_bytes() == BEFORE
        case "full output" | "full complaints" | "no network":
            out.mkdir()
            attempt.keep()
            which = {
                "full output": Place(output="/dev/full"),
                "full complaints": Place(complaints="/dev/full"),
                "no network": Place(network=False),
            }
            ended = attempt.run(which[place])
            if place == "full output" and command not in ("recognize", "recognize-parquet"):
                attempt.assert_refused(ended)
            else:
                assert ended.status == 0, ended.complaints
            attempt.assert_written()
