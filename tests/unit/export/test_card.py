"""What a model says of its data is true of that data."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import FER2013, LabelledFaces
from mien.data.manifest import manifest
from mien.export.card import about_data, about_labels, about_models, license_note
from mien.model.facts import Manifest, TrainingFacts


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
