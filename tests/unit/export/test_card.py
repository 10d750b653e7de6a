"""What a model says of its data is true of that data."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import FER2013, LabelledFaces
from mien.data.manifest import manifest
from mien.errors import MissingExtra
from mien.export.card import (
    about_certainty,
    about_data,
    about_export,
    about_failures,
    about_labels,
    about_models,
    license_note,
    write_plots,
)
from mien.model.facts import Certainty, ExportFacts, Failure, Manifest, Parity, TrainingFacts
from mien.model.risk import ALL_UNCERTAIN
from mien.stats import Estimate
from mien.train.heads import ANSWERS


def facts(faces: LabelledFaces) -> Manifest:
    _, left_out = training_rows_to_keep(faces, faces)
    return manifest(faces, faces, left_out)


VOTED = replace(drawn_faces(8, seed=0), source=FER2013)
UNVOTED = replace(VOTED, votes=np.zeros_like(VOTED.votes))


def test_fer2013_with_votes() -> None:
    data = facts(VOTED)
    assert "8 faces of FER2013's Training split with FER2013's labels and the FER+ votes." in about_data(data)
    assert "gathered by web search" in about_data(data)
    assert "differ on about a fifth" in about_labels(data)
    assert license_note(data, {}).endswith("not clearly stated, with FER+ votes (Barsoum et al., 2016; MIT).")


def test_fer2013_without_votes_claims_none() -> None:
    data = facts(UNVOTED)
    assert "with FER2013's labels. Left out" in about_data(data)
    assert "the labels stood in for them" in about_data(data)
    assert "FER+" not in license_note(data, {})
    assert "fifth" not in about_labels(data)


def test_rules_by_which_faces_were_left_out_are_told() -> None:
    data = facts(VOTED)
    told = (
        "flat (standard deviation of gray levels below 1), or are no face to voters "
        "(more votes for nf than for any other answer, single votes not counted)."
    )
    assert told in about_data(data)


@pytest.mark.parametrize(("source", "name"), [("Ours", "Ours"), ("", "a data set without a name")])
def test_other_data_claim_nothing_of_fer2013(source: str, name: str) -> None:
    data = facts(replace(UNVOTED, source=source))
    told = about_data(data) + about_labels(data) + license_note(data, {}, "CC0-1.0")
    assert "FER2013" not in told
    assert f"faces of {name} with its labels: happy 2, sad 2, surprise 2, neutral 2." in told
    assert "licence of its pictures: CC0-1.0." in told
    assert "licence of its pictures: not stated." in license_note(data, {})


def training(config: dict[str, Any], sources: dict[str, str]) -> TrainingFacts:
    return TrainingFacts(config, facts(VOTED), sources, 1, 1.0, ())


SUMS = {"runs/first": "1106cf7458563fbd", "runs/a.onnx": "e0f96a106a35ecf7", "tiny": "81830f477b750468"}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({}, ""),
        ({"distillation": {"teachers": [], "weight": 0.5}, "start_from": None, "network": {"family": "residual"}}, ""),
        (
            {"distillation": {"teachers": ["tiny"], "weight": 0.7}},
            "Mixed into its targets, with a weight of 0.7, were the answers of `tiny` (SHA-256 81830f477b75…).",
        ),
        (
            {"distillation": {"teachers": ["runs/a.onnx", "tiny"], "weight": 0.4}, "start_from": "runs/first"},
            "Mixed into its targets, with a weight of 0.4, were the mean answers of `a.onnx` (SHA-256 e0f96a106a35…), "
            "`tiny` (SHA-256 81830f477b75…). Its first weights were those of the run `first` (SHA-256 1106cf745856…).",
        ),
    ],
)
def test_models_it_learnt_from_are_told_with_their_checksums(config: dict[str, Any], told: str) -> None:
    assert about_models(training(config, SUMS)) == told


def test_first_weights_of_imagenet_are_told_unless_there_were_none() -> None:
    config = {"network": {"family": "efficientnet-lite0"}}
    told = about_models(training(config, {"efficientnet-lite0": "5c106cde9af1beef"}))
    assert "were those of `efficientnet-lite0` (SHA-256 5c106cde9af1…), trained on ImageNet-1k." in told
    assert not about_models(training(config, {}))


EXPORT = ExportFacts("fp32", 18, None, Parity(0.1413, 0.021, 0.0, {"core4": 0.9941}, {"P2": 0.8877}, {"P2": 0.8888}))
CORE = replace(ANSWERS["core4"], threshold=0.6008, training_prior=(0.4, 0.1, 0.1, 0.4), prior=(0.25,) * 4)


def share(value: float) -> Estimate:
    return Estimate(value, 0.05, 0.15)


CERTAINTY = {
    "core4": Certainty(
        n=1458,
        calibration_error=0.016,
        error_by_chance=0.018,
        bins=(),
        coverage=(0.8, 0.9, 0.95, 1.0),
        risk=(0.041, 0.072, 0.083, 0.1),
        aurc=0.02087,
        certain=share(0.884),
        certain_wrong=share(0.067),
        wrong=share(0.1),
        uncertain_outside={"anger": (177, share(0.864))},
    )
}


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({}, "Weights and arithmetic are in float32; ONNX opset 18; any number of faces at once."),
        ({"precision": "fp16"}, "Weights are stored in float16"),
        ({"precision": "int8", "range_faces": 128}, "that 128 faces of the training set gave them"),
    ],
)
def test_form_of_the_file_is_said(stated: dict[str, Any], says: str) -> None:
    text = about_export(replace(EXPORT, **stated))
    assert says in text
    assert "at most 0.14 (mean 0.02)" in text
    assert "on 99.4 % (`core4`) of the held-out faces" in text
    assert "| P2 | 88.9 % | 88.8 % |" in text


def test_a_file_that_was_compared_with_no_network_says_nothing_of_one() -> None:
    assert about_export(replace(EXPORT, parity=None)).endswith("any number of faces at once.")


def test_risks_stand_under_their_coverage() -> None:
    text = about_certainty(CERTAINTY, {"core4": CORE}, "some-card")
    head, _, row = next(part for part in text.split("\n\n") if "AURC" in part).splitlines()
    shown = dict(zip(*(line.strip("| ").split(" | ") for line in (head, row)), strict=True))
    assert shown["at 95 %"] == "8.3 %"
    assert shown["at 90 %"] == "7.2 %"
    assert shown["all answered"] == "10.0 %"
    assert shown["ECE"] == "1.6 % (1.8 %)"
    assert "| `core4` | balanced | 5 % | 0.60 | 88.4 % (5.0-15.0) | 6.7 % (5.0-15.0) |" in text
    assert "| `core4` | anger | 177 | 86.4 % (5.0-15.0) |" in text
    assert "(some-card/calibration.svg)" in text
    assert "(some-card/risk-coverage.svg)" in text


def test_answers_that_are_all_uncertain_are_wrong_in_no_share() -> None:
    none = replace(CERTAINTY["core4"], certain=Estimate(0, 0, 0.01), certain_wrong=Estimate(1, 0, 1))
    text = about_certainty({"core4": none}, {"core4": replace(CORE, threshold=ALL_UNCERTAIN)}, "some-card")
    assert "| `core4` | balanced | 5 % | all uncertain | 0.0 % (0.0-1.0) | - |" in text


def test_what_is_not_there_is_said() -> None:
    assert "too few faces" in about_certainty({}, {}, "some-card")
    assert "none" in about_failures(())


def test_mistakes_are_rows_without_pictures() -> None:
    text = about_failures([Failure(31234, "sad", "happy", 0.998)])
    assert "| 31234 | sad | happy | 99.8 % |" in text
    assert "![" not in text


COVERAGES = tuple(step / 20 for step in range(20, 0, -1))
DRAWN = {
    name: replace(
        CERTAINTY["core4"],
        bins=tuple((0.3 + each / 25, 0.28 + each / 25, 100) for each in range(15)),
        coverage=COVERAGES,
        risk=tuple(coverage**2 * worst for coverage in COVERAGES),
    )
    for name, worst in (("core4", 0.1), ("core4-fer2013", 0.2), ("fer7", 0.3), ("ferplus8", 0.15))
}


def test_plots_are_small_and_the_same_and_say_what_they_show(tmp_path: Path) -> None:
    folders = tmp_path / "a", tmp_path / "b"
    for folder in folders:
        folder.mkdir()
        paths = write_plots(DRAWN, folder)
        assert [path.name for path in paths] == ["calibration.svg", "risk-coverage.svg"]
    for path in folders[0].iterdir():
        assert path.stat().st_size < 90_000
        assert path.read_bytes() == (folders[1] / path.name).read_bytes()
        text = path.read_text("utf-8")
        ElementTree.fromstring(text)  # noqa: S314 - our own file
        assert all(name in text for name in DRAWN)


def test_one_answer_is_enough(tmp_path: Path) -> None:
    calibration, risk = write_plots({"fer7": DRAWN["fer7"]}, tmp_path)
    assert "core4" not in calibration.read_text("utf-8")
    assert "fer7" in risk.read_text("utf-8")


def test_without_matplotlib_it_is_said_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"plots needs the package 'matplotlib'.*mien\[evaluate\]"):
        write_plots(DRAWN, tmp_path)
