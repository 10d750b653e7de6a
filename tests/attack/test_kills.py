"""Commands killed at drawn moments and started again: nothing is lost, nothing done twice, the end is the same.

pytest tests/attack/test_kills.py -s                     a kill of each, as in the suite
MIEN_ATTACK=25 pytest tests/attack/test_kills.py -s      fifty kills of each command, with what was seen
"""

import json
import os
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import optuna
import pytest
import torch
from fer2013_files import write_drawn_fer2013
from forked_commands import ANYWHERE, Commands, Ended, Place
from settings_files import SEARCH, STUDY, TRAINING

TIMES = int(os.environ.get("MIEN_ATTACK", "1"))
KILLS = 2 * TIMES if TIMES > 1 else 1
IN_A_ROW = 2  # a trial of a search that was at work in three kills is given up
TRIALS = 2

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="kills and forks are POSIX's")]

Arguments = Callable[[Path], list[object]]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with drawn faces as FER2013, and what is done with them."""
    folder = tmp_path_factory.mktemp("kills")
    write_drawn_fer2013(folder / "data", training=32, public_test=16)
    for name, text in (("train", TRAINING), ("study", STUDY), ("search", SEARCH)):
        (folder / f"{name}.toml").write_text(text, "utf-8")
    return folder


class Killed:
    """A command that is killed at drawn moments, some times in a row, each time in a new folder.

    Args:
        commands: Run it.
        arguments: The command's, for a folder.
        place: Receives the folders.
    """

    def __init__(self, commands: Commands, arguments: Arguments, place: Path) -> None:
        self._commands, self._arguments, self._place = commands, arguments, place
        self.alone = place / "alone"
        self._duration_s = self._run(self.alone).elapsed_s
        self.seen: Counter[str] = Counter()

    def folders(self, check: Callable[[Path], None] = lambda _: None) -> Iterator[tuple[Path, Path]]:
        """The folders of runs that were killed and then ran to their end, each beside that of the run left alone.

        Args:
            check: Called with the folder after each kill.
        """
        rng = np.random.default_rng(0)
        kills, number = 0, 0
        while kills < KILLS:
            number += 1
            folder = self._place / f"killed-{number}"
            for _ in range(min(IN_A_ROW, KILLS - kills)):
                moment_s = rng.uniform(0, self._duration_s)
                ended = self._run(folder, Place(kill_after_s=moment_s))
                kills += ended.was_killed
                self.seen["killed" if ended.was_killed else "quicker"] += 1
                if not ended.was_killed:  # the load has changed
                    self._duration_s = min(self._duration_s, ended.elapsed_s)
                    break
                self.seen["drafts left"] += len(drafts(folder))
                assert_whole(folder)
                check(folder)
            self._run(folder)
            assert_whole(folder)
            yield self.alone, folder
        print(f"\n{kills} kills in {number} runs: {dict(self.seen)}")

    def _run(self, folder: Path, place: Place = ANYWHERE) -> Ended:
        folder.mkdir(parents=True, exist_ok=True)
        ended = self._commands.run(*self._arguments(folder), place=place)
        assert "Traceback" not in ended.complaints, ended.complaints
        assert ended.was_killed or ended.status == 0, ended.complaints
        return ended


def drafts(folder: Path) -> list[Path]:
    return list(folder.rglob(".*.part"))


def assert_whole(folder: Path) -> None:
    """Each file that has its final name, but logs, which grow, can be read to its end."""
    readers: dict[str, Callable[[Path], Any]] = {
        ".json": lambda path: json.loads(path.read_text("utf-8")),
        ".toml": lambda path: tomllib.loads(path.read_text("utf-8")),
        ".svg": ElementTree.parse,
        ".html": lambda path: path.read_text("utf-8").rindex("</html>"),
        ".ckpt": lambda path: torch.load(path, weights_only=True),
        ".npz": lambda path: dict(np.load(path)),
        ".csv": lambda path: path.read_text("utf-8").endswith("\n") or pytest.fail(str(path)),
        ".md": lambda path: path.read_text("utf-8").endswith("\n") or pytest.fail(str(path)),
    }
    for path in folder.rglob("*"):
        if path.suffix in readers and not path.parent.name.startswith("logs-"):
            readers[path.suffix](path)


def epochs_kept(folder: Path) -> int:
    checkpoint = folder / "last.ckpt"
    if not checkpoint.exists():
        return 0
    return int(torch.load(checkpoint, weights_only=True)["callbacks"]["EpochRecord"]["epochs"])


def assert_same_tensors(one: Path, other: Path) -> None:
    first, second = (torch.load(path, weights_only=True)["state_dict"] for path in (one, other))
    assert first.keys() == second.keys()
    for name, tensor in first.items():
        assert torch.equal(tensor, second[name]), name


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def test_a_training(place: Path, commands: Commands) -> None:
    def arguments(folder: Path) -> list[object]:
        resume = ["--resume"] if (folder / "last.ckpt").exists() else []
        settings = place / "train.toml", "--data", place / "data", "--output", folder, "--threads", 1
        return ["train", "--config", *settings, *resume]

    reached: dict[Path, list[int]] = {}
    killed = Killed(commands, arguments, place / "train")
    for alone, folder in killed.folders(lambda folder: reached.setdefault(folder, []).append(epochs_kept(folder))):
        assert reached[folder] == sorted(reached[folder])
        record, expected = read(folder / "run.json"), read(alone / "run.json")
        assert record["epochs_done"] == 3
        assert record["accuracy"] == expected["accuracy"]
        assert {start["after_epoch"] for start in record["starts"]} <= {0, *reached[folder]}
        assert_same_tensors(folder / "last.ckpt", alone / "last.ckpt")
        assert not drafts(folder)


def test_a_study(place: Path, commands: Commands) -> None:
    finished: dict[Path, int] = {}

    def remember(folder: Path) -> None:
        for result in folder.glob("runs/*/result.json"):
            assert finished.setdefault(result, result.stat().st_mtime_ns) == result.stat().st_mtime_ns

    def arguments(folder: Path) -> list[object]:
        return ["study", place / "study.toml", "--data", place / "data", "--output", folder, "--threads", 1]

    killed = Killed(commands, arguments, place / "study")
    for alone, folder in killed.folders(remember):
        remember(folder)
        report, expected = (without_times(read(each / "report.json")) for each in (folder, alone))
        assert report == expected
        for run in sorted(path.name for path in (alone / "runs").iterdir()):
            mine, other = (np.load(each / "runs" / run / "predictions.npz") for each in (folder, alone))
            assert all(np.array_equal(mine[name], other[name]) for name in other)
        assert not drafts(folder / "runs")


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: without_times(each) for key, each in value.items() if not key.endswith(("_s", "seconds"))}
    return [without_times(each) for each in value] if isinstance(value, list) else value


def test_a_search(place: Path, commands: Commands) -> None:
    def arguments(folder: Path, trials: int = TRIALS) -> list[object]:
        settings = "--data", place / "data", "--output", folder, "--threads", 1, "--trials", trials
        return ["search", place / "search.toml", *settings]

    finished: dict[tuple[Path, int], float] = {}

    def remember(folder: Path) -> None:
        for trial in trials_of(folder):
            if trial.value is not None:
                assert finished.setdefault((folder, trial.number), trial.value) == trial.value

    def many(folder: Path) -> list[object]:
        return arguments(folder, TRIALS + IN_A_ROW if folder.name == "alone" else TRIALS)

    killed = Killed(commands, many, place / "search")
    # A trial that is tried again takes a number that would have been another's: all that may come is in the longer one.
    expected = {str(trial.params): trial.value for trial in trials_of(killed.alone)}
    for _, folder in killed.folders(remember):
        remember(folder)
        complete = {str(trial.params): trial.value for trial in trials_of(folder) if trial.value is not None}
        assert len(complete) == sum(trial.value is not None for trial in trials_of(folder)) == TRIALS
        assert complete.items() <= expected.items()
        listed = [trial for trial in read(folder / "trials.json")["trials"] if trial["state"] == "finished"]
        assert len(listed) == TRIALS


def trials_of(folder: Path) -> list[optuna.trial.FrozenTrial]:
    if not (folder / "search.db").exists():
        return []
    storage = f"sqlite:///{folder / 'search.db'}"
    try:
        return optuna.load_study(study_name="search", storage=storage).get_trials()
    except KeyError:  # killed before it was made
        return []


def test_an_evaluation(place: Path, commands: Commands) -> None:
    def arguments(folder: Path) -> list[object]:
        outputs = "--json", folder / "report.json", "--html", folder / "report.html"
        return ["evaluate", "tiny", place / "data", "--robustness", 0, "--protocol", "P2", *outputs]

    killed = Killed(commands, arguments, place / "evaluate")
    for alone, folder in killed.folders():
        for name in ("report.json", "report.html"):
            assert (folder / name).read_bytes() == (alone / name).read_bytes()
