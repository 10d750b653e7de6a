import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from mien.errors import ModelError, UnknownExpressionSet
from mien.model.calibration import Answer, whole_head
from mien.model.facts import (
    Certainty,
    ExportFacts,
    Failure,
    LeftOut,
    Manifest,
    ModelMetrics,
    Parity,
    ProtocolMetrics,
    Start,
    TrainingFacts,
)
from mien.model.layers import Layer
from mien.model.metadata import FORMAT_VERSION, ModelMetadata, parse_metadata
from mien.preprocess import Framing, Preprocessing
from mien.stats import Estimate

SHARE = Estimate(0.8, 0.7, 0.9)
MOODS = ("calm", "amused", "tense", "none")
MANIFEST = Manifest(
    source="Ours",
    training=90,
    with_votes=0,
    held_out=20,
    training_sha256="ab",
    held_out_sha256="cd",
    training_by_label={"calm": 50, "amused": 40},
    training_by_majority={},
    left_out=LeftOut(100, 5, 3, 1, 1, 1, 90),
    near_duplicate_correlation=0.99,
    flat_below=1.0,
    not_a_face="never",
)
RESULT = ProtocolMetrics(
    protocol="P9",
    name="own",
    flip_averaged=False,
    without_duplicates=False,
    n=20,
    labels=("calm", "amused"),
    accuracy=SHARE,
    balanced_accuracy=SHARE,
    macro_f1=SHARE,
    calibration_error=SHARE,
    negative_log_likelihood=SHARE,
    kl_to_votes=None,
    recall={"calm": SHARE},
    confusion=((9, 1), (2, 8)),
)
CERTAINTY = Certainty(
    n=20,
    calibration_error=0.02,
    error_by_chance=0.03,
    bins=((0.5, 0.6, 20),),
    coverage=(0.5, 1.0),
    risk=(0.0, 0.1),
    aurc=0.05,
    certain=SHARE,
    certain_wrong=SHARE,
    wrong=SHARE,
    uncertain_outside={"none": (4, SHARE)},
)
METADATA = ModelMetadata(
    name="some",
    input=Preprocessing(64, 48, "rgb", (1.0, 2.0, 3.0), (4.0, 5.0, 6.5), Framing(1.2, 0.05, kind="five-point")),
    heads={"mood": MOODS},
    answers={
        "two": Answer("mood", ("relaxed", "amused"), (0, 1), 0.8, 0.9, 0.4, (0.25, 0.75), (0.5, 0.5), 0.1, 0.8),
        "mood": whole_head("mood", MOODS),
    },
    license="Apache-2.0",
    selected_on="val",
    training=TrainingFacts({"epochs": 3}, MANIFEST, {}, 3, 12.5, (Start(0, "0.1.0", None, "2.5"),)),
    metrics=ModelMetrics("val", (RESULT,), {"two": CERTAINTY}, (Failure(3, "calm", "amused", 0.9),)),
    export=ExportFacts("int8", 18, 128, Parity(0.1, 0.01, 0.0, {"two": 1.0}, {"P9": 0.8}, {"P9": 0.8})),
    layers=(Layer("trunk.0", "", "conv 3×3", "ReLU", (8, 32, 24), 80, 55296, (-1,)),),
)
FILE = Path("some.onnx")


def test_what_is_written_is_read() -> None:
    assert parse_metadata(METADATA.to_json(), FILE) == METADATA
    bare = ModelMetadata("bare", METADATA.input, {"mood": MOODS}, {"mood": whole_head("mood", MOODS)})
    assert parse_metadata(bare.to_json(), FILE) == bare


def test_the_first_answer_is_the_default() -> None:
    read = parse_metadata(METADATA.to_json(), FILE)
    assert (list(read.answers), read.default_answer) == (["two", "mood"], "two")


def test_an_answer_that_is_not_there_is_told_with_those_that_are() -> None:
    assert METADATA.answer("two").labels == ("relaxed", "amused")
    with pytest.raises(UnknownExpressionSet, match=r"'mod' \(did you mean 'mood'\?\); choose from two, mood"):
        METADATA.answer("mod")


@pytest.mark.parametrize(
    ("version", "remedy"), [(FORMAT_VERSION + 1, "update mien"), (1, "export it again"), ("x", "export it again")]
)
def test_other_format_version_says_which_is_read(version: object, remedy: str) -> None:
    table = json.loads(METADATA.to_json()) | {"format_version": version}
    with pytest.raises(ModelError, match=f"format version {version}; this mien reads {FORMAT_VERSION}: {remedy}$"):
        parse_metadata(json.dumps(table), FILE)


@pytest.mark.parametrize("key", ["name", "input", "heads", "answers"])
def test_missing_part_is_named(key: str) -> None:
    table = json.loads(METADATA.to_json())
    del table[key]
    with pytest.raises(ModelError, match=rf"some\.onnx has damaged metadata \({key}: missing\); export it again"):
        parse_metadata(json.dumps(table), FILE)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"format_version": 2, "heads": 3}'])
def test_text_that_is_no_metadata(text: str) -> None:
    with pytest.raises(ModelError, match="damaged metadata") as refused:
        parse_metadata(text, FILE)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("place", "value", "says"),
    [
        ("answers.two.temperature", 0, r"answers\.two: temperatures must be above 0"),
        ("answers.two.head", "face", r"answers\.two: there is no head 'face'; heads are mood"),
        ("answers.two.positions", [0, 7], r"answers\.two: positions \(0, 7\) are not all among 4 labels"),
        ("answers.two.positions", [0], r"answers\.two: positions must be one for each label"),
        ("answers.two.training_prior", [0.5, 0.1], r"answers\.two: training_prior must"),
        ("answers.two.training_prior", None, r"answers\.two: prior needs a training_prior"),
        ("answers.two.prior", [0.5, -0.5], r"answers\.two: prior must have a share for each label"),
        ("answers.two.risk", 1, r"answers\.two: risk must be above 0 and below 1; got 1"),
        ("answers.two.labels", ["a", "a"], r"answers\.two: labels must be two or more, each once"),
        ("answers", {}, "heads and answers must be one or more"),
        ("heads.mood", "calm", r"heads\.mood: must be a list"),
        ("input.std", [1, 2], r"input: rgb takes 3 means"),
        ("input.height", "a", r"input\.height: must be of type int"),
        ("input.height", True, r"input\.height: must be of type int"),
        ("input.channels", "bgr", r"input\.channels: must be one of gray, rgb"),
        ("input.resampling", "cubic", r"input\.resampling: must be one of area"),
        ("input.color", "rgb", r"input\.color: unknown; known are height"),
        ("input.framing.scale", -1, r"input\.framing: scale must be above 0"),
        ("metrics.results.0.recall.calm.value", None, r"metrics\.results\.0\.recall\.calm\.value: must be a number"),
        ("training.data.left_out.near", 0.5, r"training\.data\.left_out\.near: must be of type int"),
    ],
)
def test_what_does_not_fit_is_named_by_its_place(place: str, value: object, says: str) -> None:
    table = json.loads(METADATA.to_json())
    *path, last = place.split(".")
    inner: Any = table
    for step in path:
        inner = inner[int(step) if isinstance(inner, list) else step]
    inner[last] = value
    with pytest.raises(ModelError, match=rf"^some\.onnx has damaged metadata \({says}.*\); export it again$"):
        parse_metadata(json.dumps(table), FILE)


def test_plain_results_are_of_single_faces_on_all_images() -> None:
    metrics = ModelMetrics(
        "val", (RESULT, replace(RESULT, flip_averaged=True), replace(RESULT, without_duplicates=True))
    )
    assert metrics.plain == (RESULT,)


def test_the_smallest_file_of_the_page_on_model_files_is_read() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "reference" / "model-file.md").read_text("utf-8")
    metadata = parse_metadata(page.split("```json")[1].split("```")[0], Path("mine.onnx"))
    assert (metadata.default_answer, metadata.answer("moods").labels) == ("moods", ("laughing", "puzzled", "asleep"))
    stated = {field.name for field in fields(ModelMetadata)} | {"format_version"}
    assert stated == {row.split("`")[1].split(".")[0] for row in page.splitlines() if row.startswith("| `")}
