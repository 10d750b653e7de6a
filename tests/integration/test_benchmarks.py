"""The benchmarks run and write what they promise; nothing here is about how fast anything is."""

import json
import shutil
import subprocess
import sys
from argparse import Namespace
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from drawn_faces import drawn_faces
from PIL import Image

from mien.model.package import load_model

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
SUMMARY = {"median", "q1", "q3", "runs"}
pytestmark = pytest.mark.slow
MACHINE = {"processor", "cores", "load", "system", "python", "versions", "commit"}


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


@pytest.fixture
def photos(tmp_path: Path, examples: Path) -> Path:
    folder = tmp_path / "photos"
    folder.mkdir()
    shutil.copy(examples / "astronaut.jpg", folder)
    return folder


def measured(monkeypatch: pytest.MonkeyPatch, out: Path, name: str, *options: str) -> dict[str, Any]:
    """What the benchmark writes, into a folder that is not there yet."""
    monkeypatch.setattr(sys, "argv", [name, *options, "--out", str(out)])
    import_module(name).main()
    figures = json.loads(out.read_text("utf-8"))
    assert figures["machine"].keys() == MACHINE
    return figures


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    options = ("--megapixels", "0.3", "--threads", "1", "2", "--forms", "jpeg", "array", "--min-face", "30")
    figures = measured(monkeypatch, tmp_path / "memory.json", "memory", *options)
    assert [(row["form"], row["threads"]) for row in figures["memory_mb"]] == [
        (form, threads) for form in ("jpeg", "array") for threads in (1, 2)
    ]
    for row in figures["memory_mb"]:
        assert 50 < row["loaded"] < 1000
        assert row["after"] <= row["peak"] < 1000


def test_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results" / "model.json"
    figures = measured(monkeypatch, out, "model", "--threads", "1", "--batches", "1", "3", "--faces", "21")
    assert figures["model"]["name"] == "base"
    assert [(row["threads"], row["batch"]) for row in figures["speed"]] == [(1, 1), (1, 3)]
    assert [row["ms_per_call"]["runs"] for row in figures["speed"]] == [
        21,
        15,
    ]  # odd, so that both medians are of the same call
    for row in figures["speed"]:
        assert row["faces_per_s"].keys() == SUMMARY
        assert row["faces_per_s"]["median"] == pytest.approx(
            1000 * row["batch"] / row["ms_per_call"]["median"], rel=0.5
        )
    assert "faces/s" in capsys.readouterr().out


def test_pipeline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = measured(monkeypatch, tmp_path / "pipeline.json", "pipeline", "--photos", str(photos), "--rounds", "1")
    assert list(figures["ms_per_photo"]) == ["read", "detect", "crop", "classify", "recognize"]
    assert all(times.keys() == SUMMARY and times["median"] > 0 for times in figures["ms_per_photo"].values())
    assert (figures["photos"], figures["faces"], figures["threads"]) == (1, 1, 1)
    assert "ms/photo" in capsys.readouterr().out


def test_startup(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ("--photos", str(photos), "--runs", "1", "--folder-runs", "1")
    figures = measured(monkeypatch, tmp_path / "startup.json", "startup", *settings)
    assert list(figures["start_up"]) == [
        "python -c pass",
        "python -c 'import mien'",
        "mien --help",
        "mien recognize astronaut.jpg",
    ]
    for times in figures["start_up"].values():
        assert times.keys() == {"wall_ms", "cpu_ms", "wall_over_bare_ms", "cpu_over_bare_ms"}
        assert all(figure.keys() == SUMMARY for figure in times.values())
    assert figures["peak_mb"]["one photo"]["median"] > 10
    assert figures["peak_mb"]["folder"]["photos"] == 1
    assert "peak memory" in capsys.readouterr().out


def test_loader(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # Its parts, without the processes of their own that each of them gets: bringing torch into one takes seconds.
    data, config = tmp_path / "faces", tmp_path / "small.toml"
    for number, name in enumerate(("train/happy", "train/sad", "val/happy", "val/sad")):
        (data / name).mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(data / name / "0.png")
    config.write_text("[network]\nstem_width = 8\nwidths = [8]\ndepths = [1]\n", "utf-8")
    loader, training = import_module("loader"), import_module("_training")
    arguments = Namespace(data=data, config=config, batches=2, network_batches=1, runs=3, threads=1)
    figures = training.rates(arguments)
    assert list(figures["samples_per_s"]) == ["loader", "loader and augmentation", "network"]
    assert all(rate.keys() == SUMMARY and rate["median"] > 0 for rate in figures["samples_per_s"].values())
    assert figures["batch_size"] == 2
    assert training.read_ms(data, training.load_config(config)) > 0
    run = training.train(data, training.load_config(config), threads=1)
    assert (run.epochs, set(run.accuracy)) == (1, {"P1", "P3"})
    summary = loader.summary([12.5])
    peak = {**training.told(config), **summary}
    figures |= {"read_ms": {"decoded": summary, "cached": summary}, "peak_mb": peak}
    loader.print_figures({"machine": loader.machine([]), **figures})
    printed = capsys.readouterr().out
    assert "from the cache 12 ms" in printed
    assert "peak memory of an epoch: 12 MB (small.toml; teachers: none)" in printed


def test_loader_takes_the_shipped_model_where_teachers_are_missing(tmp_path: Path) -> None:
    one_epoch, config = import_module("_training").one_epoch, import_module("_training").TrainingConfig
    (tmp_path / "there.onnx").touch()
    there, missing = str(tmp_path / "there.onnx"), str(tmp_path / "missing.onnx")
    for teachers, taken in (([], ()), ([there, "tiny"], (there, "tiny")), ([there, missing], ("base",))):
        asked = config.model_validate({"epochs": 9, "distillation": {"teachers": teachers}})
        assert (one_epoch(asked).epochs, one_epoch(asked).distillation.teachers) == (1, taken)


def test_a_command_that_fails_has_no_figures() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        import_module("startup").run([sys.executable, "-c", "raise SystemExit(1)"])


def test_a_folder_without_photos_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["pipeline", "--photos", str(tmp_path)])
    with pytest.raises(SystemExit, match="2"):
        import_module("pipeline").main()


def test_summary_of_one_and_of_several_runs() -> None:
    summary = import_module("_measure").summary
    assert summary([2.0]) == {"median": 2.0, "q1": 2.0, "q3": 2.0, "runs": 1}
    assert summary([5.0, 1.0, 3.0, 2.0, 4.0]) == {"median": 3.0, "q1": 2.0, "q3": 4.0, "runs": 5}


def test_batch_or_single_arithmetic() -> None:
    script = import_module("batch_or_single")
    truth = np.array([0, 1, 2, 3, 3])  # happy, sad, surprise, neutral, neutral
    # Folders in alphabetical order: happy, neutral, sad, surprise.
    assert script.alphabetical(truth).tolist() == [0, 2, 3, 1, 1]
    assert script.in_folder_order(truth).tolist() == [0, 3, 4, 1, 2]
    row = script.row("none", truth, script.alphabetical(truth))
    assert (row["images"], row["right"], row["accuracy"]["value"]) == (5, 1, 0.2)
    assert row["answered"] == {"happy": 0.2, "sad": 0.2, "surprise": 0.2, "neutral": 0.4}


def test_what_a_handful_of_images_may_show() -> None:
    handful = import_module("batch_or_single").handful
    coin = handful(2, np.array([True, False]))
    # Of two images 0, 1 or 2 are right with probability 1/4, 1/2, 1/4; two draws differ by 2 with probability 1/8.
    assert coin["accuracy_95"] == [0.0, 1.0]
    assert coin["two_draws_apart_95"] == 1.0
    four_in_five = handful(10, np.arange(5) > 0)
    rng = np.random.default_rng(0)
    drawn = rng.binomial(10, 0.8, (2, 200_000))
    assert np.mean(np.abs(drawn[0] - drawn[1]) <= 10 * four_in_five["two_draws_apart_95"]) >= 0.95
    assert np.mean(np.abs(drawn[0] - drawn[1]) <= 10 * four_in_five["two_draws_apart_95"] - 1) < 0.95


def test_batch_or_single_on_faces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    faces = tmp_path / "faces"
    for number, name in enumerate(("happy", "sad", "surprise", "neutral")):
        folder = faces / "val" / name
        folder.mkdir(parents=True)
        pixels = np.random.default_rng(number).integers(0, 256, (48, 48), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "0.png")
    drawing = tmp_path / "all.svg"
    script = import_module("batch_or_single")
    monkeypatch.setattr(script, "DROPPED_BATCHES", (3,))
    figures = measured(
        monkeypatch, tmp_path / "all.json", "batch_or_single", str(faces), "--model", "tiny", "--svg", str(drawing)
    )
    assert [row["images"] for row in figures["rows"]] == [4, 4, 4, 4, 4, 3]
    assert "Accuracy %, P1" in drawing.read_text("utf-8")


def test_panels_of_people_meet_the_others_as_often_as_their_votes_say() -> None:
    people = import_module("people")
    rows = list(people.panels(drawn_faces(400, seed=0), load_model("tiny"), draws=3))
    assert [(row["people"], row["protocol"]) for row in rows[:3]] == [(1, "P2"), (1, "P4"), (2, "P2")]
    # Eight of ten voted for what is drawn, all the others for neutral, as all do where neutral is drawn.
    assert rows[0]["panel"]["value"] == pytest.approx(0.85, abs=0.03)
    assert rows[-1]["panel"]["value"] > 0.95
    assert all(row["images"] == 400 and 0 <= row["model"]["value"] < 0.9 for row in rows)


def test_labels_are_foretold_from_votes_that_tell_them() -> None:
    people = import_module("people")
    rows = list(people.from_votes(drawn_faces(80, seed=0), drawn_faces(40, seed=1), load_model("tiny")))
    assert [(row["protocol"], row["known"]) for row in rows[:2]] == [("P1", ["votes"]), ("P1", ["model"])]
    assert rows[0]["right"]["value"] == rows[2]["right"]["value"] == 1


def test_protocols_has_every_metric_plain_and_averaged_over_flips() -> None:
    found = import_module("protocols").measured("tiny", drawn_faces(40, seed=0))
    assert (found["model"], found["precision"]) == ("tiny", "int8")
    ways = [(row["protocol"], row["flip_averaged"]) for row in found["results"]]
    assert ways == [(code, flip) for code in ("P1", "P1c", "P2", "P2b", "P3", "P4") for flip in (False, True)]
    assert all(0 <= row["accuracy"]["low"] <= row["accuracy"]["value"] <= 1 for row in found["results"])
    assert all(row["n"] == 40 for row in found["results"])


def test_nothing_to_see_counts_certain_answers_by_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = import_module("nothing_to_see")
    for name, few in (("DRAWN_OF_A_KIND", 3), ("PATCHES_A_PICTURE", 4), ("ANGLES_DEG", (0, 180))):
        monkeypatch.setattr(script, name, few)
    data, photos, faceless = tmp_path / "faces", tmp_path / "photos", tmp_path / "faceless"
    voted = drawn_faces(12, seed=0)
    monkeypatch.setattr(script, "open_dataset", lambda _: SimpleNamespace(read=lambda _: voted))
    for folder in (photos, faceless):
        folder.mkdir()
    shutil.copy(BENCHMARKS.parent / "examples" / "grace_hopper.jpg", photos)
    Image.fromarray(script.stripes(np.random.default_rng(0))).save(faceless / "stripes.png")
    options = ("--fer2013", str(data), "--photos", str(photos), "--faceless", str(faceless), "--model", "tiny")
    figures = measured(monkeypatch, tmp_path / "nothing.json", "nothing_to_see", *options)
    crops = figures["crops"]
    assert (crops["faces found in photos"]["n"], crops["patches"]["n"], crops["drawn, flat"]["n"]) == (1, 4, 3)
    assert crops["faces found in photos"]["certain_checked"]["share"] == 1
    assert crops["faces found in photos, turned by 180°"]["certain_checked"]["share"] == 0
    assert crops["drawn, flat"]["no_face"] == 3
    upright, upside_down = figures["photos_turned"]
    assert upright["as_found"]["certain"] == upright["rotations"]["certain"] == 1
    assert upside_down["as_found"]["certain"] == 0
    assert upside_down["rotations"] == upright["rotations"]
