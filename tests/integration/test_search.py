"""A search on drawn faces: pruned, failed, interrupted, continued, killed, and shared by two processes."""

import csv
import json
import subprocess
import sys
from collections.abc import Mapping
from math import isnan
from pathlib import Path
from typing import Any

import pytest
from drawn_faces import drawn_faces
from optuna.trial import TrialState

from mien.errors import ConfigError, OutputError
from mien.search import search as searching
from mien.search import trial as trials_of
from mien.search.config import SearchConfig
from mien.search.report import Selection
from mien.search.search import Search, SearchOptions
from mien.search.storage import counted, open_study, try_again
from mien.search.trial import REASON
from mien.train.config import load_config
from mien.train.training import Run

FACES = drawn_faces(32, seed=0), drawn_faces(16, seed=1)
SETTINGS: dict[str, Any] = {
    "images": 24,
    "base": {
        "epochs": 2,
        "batch_size": 8,
        "precision": "32-true",
        "network": {"stem_width": 4, "widths": [8], "depths": [1]},
    },
    "space": {
        "optimizer.peak_learning_rate": {"low": 0.001, "high": 0.1, "log": True},
        "network.widths": {"choices": [[4], [8]]},
    },
    "pruner": {"whole_trials": 1, "warmup_epochs": 0},
}
CONFIG = SearchConfig.model_validate(SETTINGS)


def quiet(*_: Any) -> None:
    pass


def states(search: Search) -> list[str]:
    return [each.state.name for each in counted(search.study)]


def stand_in(figures: list[float]) -> Any:
    """A training that gives these figures after its first epoch, and better ones after the second; NaN ends it."""
    left = iter(figures)

    def fit(*given: Any) -> Run:
        folder, options = given[3:]
        figure = next(left)
        if isnan(figure):
            raise ConfigError("the training diverged")
        for epoch in (1, 2):
            if options.watch(epoch, {"P2": 0.5, "nll_P2": figure - epoch / 100}):
                break
        return Run(folder, {}, 0.0, epoch)

    return fit


def test_trains_and_leaves_a_configuration_that_can_be_trained(tmp_path: Path) -> None:
    search = Search("tiny", CONFIG, FACES, tmp_path)
    search.run(1, quiet)
    assert states(search) == ["COMPLETE"]
    best = load_config(tmp_path / "best.toml")
    assert best.optimizer.peak_learning_rate == search.study.best_params["optimizer.peak_learning_rate"]
    assert (best.epochs, best.batch_size) == (2, 8)
    assert "selected on validation (16 faces), after 2 epochs on 24 faces" in (tmp_path / "best.toml").read_text()
    facts = json.loads((tmp_path / "trials.json").read_text())
    assert facts["selected_on"] == "validation"
    assert set(facts["trials"][0]["metrics"]) >= {"P1", "P2", "nll_P2"}
    space = SETTINGS["space"] | {"network.widths": {"choices": [[4]]}}
    changed = SearchConfig.model_validate(SETTINGS | {"images": 20, "space": space})
    with pytest.raises(
        ConfigError,
        match=r"cannot continue the search 'tiny' .* space\.network\.widths\.choices was .*; images was 24, is now 20",
    ):
        Search("tiny", changed, FACES, tmp_path)
    with pytest.raises(ConfigError, match=r"data\.validation_sha256 was"):
        Search("tiny", CONFIG, (FACES[0], drawn_faces(16, seed=2)), tmp_path)


def test_prunes_fails_and_continues(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_of, "fit", stand_in([1.0, 2.0, float("nan")]))
    search = Search("mixed", CONFIG, FACES, tmp_path)
    search.run(3, quiet)
    assert states(search) == ["COMPLETE", "PRUNED", "FAIL"]
    monkeypatch.setattr(trials_of, "fit", stand_in([0.9, 0.8, 0.7]))
    again = Search("mixed", CONFIG, FACES, tmp_path)
    again.run(6, quiet)
    assert states(again) == ["COMPLETE", "PRUNED", "FAIL", *["COMPLETE"] * 3]
    again.run(6, quiet)
    assert len(counted(again.study)) == 6
    rows = list(csv.DictReader((tmp_path / "trials.csv").read_text().splitlines()))
    assert [row["state"] for row in rows[:3]] == ["finished", "pruned", "failed"]
    assert rows[2]["reason"] == "the training diverged"
    assert float(rows[5]["nll_P2"]) == pytest.approx(0.68)
    assert len({row["optimizer.peak_learning_rate"] for row in rows}) == 6
    assert "| 5 | finished | 0.68 |" in (tmp_path / "trials.md").read_text()
    for plot in ("history.svg", "importance.svg"):
        assert (tmp_path / plot).read_text().rstrip().endswith("</svg>")


def test_a_configuration_that_is_refused_is_a_failed_trial(tmp_path: Path) -> None:
    space = {"network.widths": {"choices": [[4, 4]]}}
    search = Search("refused", SearchConfig.model_validate(SETTINGS | {"space": space}), FACES, tmp_path)
    with pytest.raises(ConfigError, match=r"all 2 trials failed; the last: .*widths has 2 stages and depths 1"):
        search.run(2, quiet)
    assert not (tmp_path / "best.toml").exists()
    assert (tmp_path / "trials.md").exists()


def test_an_interrupted_trial_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> Run:
        raise KeyboardInterrupt

    monkeypatch.setattr(trials_of, "fit", interrupted)
    search = Search("cut", CONFIG, FACES, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        search.run(1, quiet)
    monkeypatch.setattr(trials_of, "fit", stand_in([1.0]))
    search.run(1, quiet)
    first, second = search.study.trials
    assert (first.state, second.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert first.params == second.params
    assert states(search) == ["COMPLETE"]


def test_a_trial_of_a_dead_process_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials_of, "fit", stand_in([1.0]))
    monkeypatch.setattr("mien.search.storage._GRACES", 1)
    monkeypatch.setattr(searching, "open_study", with_heartbeat_of_a_second)
    search = Search("dead", CONFIG, FACES, tmp_path)
    with pytest.warns(UserWarning, match="Heartbeat"):  # asked for by hand, and not by a search that goes on
        left = search.study.ask()
    search.study._storage.record_heartbeat(left._trial_id)  # as a running trial does, until its process is killed
    search.run(1, quiet)
    assert [each.state.name for each in search.study.trials] == ["FAIL", "COMPLETE"]
    assert states(search) == ["COMPLETE"]


def test_a_trial_that_died_before_its_first_heartbeat_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_of, "fit", stand_in([1.0]))
    monkeypatch.setattr("mien.search.storage._GRACES", 1)
    monkeypatch.setattr("mien.search.storage._FIRST_HEARTBEAT_S", 0)
    monkeypatch.setattr(searching, "open_study", with_heartbeat_of_a_second)
    search = Search("silent", CONFIG, FACES, tmp_path)
    with pytest.warns(UserWarning, match="Heartbeat"):
        search.study.ask()
    search.run(1, quiet)
    assert states(search) == ["COMPLETE"]


def test_a_trial_taken_for_dead_is_left_by_a_process_that_wakes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search("woken", CONFIG, FACES, tmp_path)
    trained = stand_in([1.0, 2.0])

    def asleep(*given: Any) -> Run:
        monkeypatch.setattr(trials_of, "fit", trained)
        running = search.study.get_trials(deepcopy=False)[-1]
        search.study._storage.set_trial_state_values(running._trial_id, TrialState.FAIL)  # as another process does
        try_again(search.study, running)
        return trained(*given)

    monkeypatch.setattr(trials_of, "fit", asleep)
    told: list[str] = []
    search.run(1, lambda trial, _: told.append(trial.user_attrs.get(REASON, "") if trial else "waits"))
    assert [each.state.name for each in search.study.trials] == ["FAIL", "COMPLETE"]
    assert len(told) == 2
    assert "taken for dead" in told[0]
    assert told[1] == ""


def test_what_is_amiss_with_the_database_and_with_a_trial_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def incomplete(*_: Any) -> Run:
        raise ImportError("no such library")

    monkeypatch.setitem(sys.modules, "psycopg2", None)
    with pytest.raises(ConfigError, match="needs a driver that is not installed"):
        Search("x", CONFIG, FACES, tmp_path, SearchOptions(storage="postgresql://me@nowhere/searches"))
    monkeypatch.setattr(trials_of, "fit", incomplete)
    search = Search("x", CONFIG, FACES, tmp_path)
    with pytest.raises(ImportError, match="no such library"):
        search.run(1, quiet)


def with_heartbeat_of_a_second(name: str, url: str, config: SearchConfig, data: Mapping[str, str]) -> Any:
    return open_study(name, url, config, data, heartbeat_s=1)


WORKER = """
import sys, time
from pathlib import Path
from test_search import CONFIG, FACES, Search, SearchOptions, quiet, stand_in
from mien.search import trial
fit = stand_in([1.0 + i / 100 for i in range(9)])
trial.fit = lambda *given: (time.sleep(0.3), fit(*given))[1]
options = SearchOptions(storage=sys.argv[2])
Search("shared", CONFIG, FACES, Path(sys.argv[1]), options).run(6, lambda t, _: t and print(t.number))
"""


def test_two_processes_share_a_search(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    paths = [str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path]
    code = f"import sys; sys.path[:0] = {paths!r}\n{WORKER}"
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / name), url], stdout=subprocess.PIPE, text=True)
        for name in ("a", "b")
    ]
    numbers = [[int(line) for line in worker.communicate(timeout=100)[0].split()] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0]
    assert all(numbers)
    assert sorted(numbers[0] + numbers[1]) == list(range(6))
    for name in ("a", "b"):
        assert len(json.loads((tmp_path / name / "trials.json").read_text())["trials"]) == 6


def test_a_part_of_the_training_split_can_take_the_place_of_validation(tmp_path: Path) -> None:
    config = SearchConfig.model_validate(SETTINGS | {"selected_on": "train"})
    search = Search("inner", config, (drawn_faces(100, seed=0), FACES[1]), tmp_path)
    assert search.selection == Selection("train", 24, 10)


def test_a_storage_that_is_none_is_refused(tmp_path: Path) -> None:
    for url, error, fault in (
        ("nonsense", ConfigError, "'nonsense' is not the URL of a database"),
        ("sqlite:////nowhere/at/all.db", OutputError, "cannot use the storage .* unable to open database file"),
    ):
        with pytest.raises(error, match=fault):
            Search("x", CONFIG, FACES, tmp_path, SearchOptions(storage=url))
