"""A whole evaluation of classifiers that need no network."""

import json
from collections.abc import Mapping

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.errors import DataError, ModelError
from mien.evaluate.classifiers import classifier_of
from mien.evaluate.evaluation import Evaluation, Result, evaluate
from mien.evaluate.protocols import P1, P2, P3, P4, PROTOCOLS
from mien.evaluate.report import markdown
from mien.expressions import EXPRESSION_SETS, FER7, FERPLUS8
from mien.model.metadata import ModelMetadata
from mien.preprocess import Preprocessing
from mien.stats import DRAWS
from mien.train.heads import ANSWERS, HEADS

Probabilities = Mapping[str, NDArray[np.float64]]


def drawn_faces(count: int = 60) -> LabelledFaces:
    """Noise whose first pixel tells FER2013's label; voters agree with it, for they know no contempt."""
    rng = np.random.default_rng(3)
    pixels = rng.integers(20, 230, (count, 48, 48), dtype=np.uint8)
    labels = np.arange(count) % len(FER7)
    pixels[:, 0, 0] = labels
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
    votes = np.zeros((count, len(VOTE_COLUMNS)), dtype=np.int64)
    votes[np.arange(count), [VOTE_COLUMNS.index(names[label]) for label in labels]] = 10
    return LabelledFaces(pixels, labels, votes, np.arange(count))


FACES = drawn_faces()


def reader_of_the_corner(pixels: NDArray[np.uint8]) -> Probabilities:
    """Is nearly sure of the label in the upper left pixel, and does not know where that is not one."""
    label = pixels[:, 0, 0]
    given: dict[str, NDArray[np.float64]] = {}
    orders = {
        "core4": ("happy", "sad", "surprise", "neutral"),
        "fer7": FER7.labels,
        "ferplus8": ("neutral", "happy", "surprise", "sad", "angry", "disgust", "fear", "contempt"),
    }
    for name, order in orders.items():
        position = np.array([order.index(known) if known in order else -1 for known in FER7.labels] + [-1] * 249)
        scores = np.ones((len(pixels), len(order)))
        for face, hit in enumerate(position[label]):
            if hit >= 0:
                scores[face, hit] = 100
        given[name] = scores / scores.sum(axis=1, keepdims=True)
    return given


def find(results: tuple[Result, ...], code: str, *, flip: bool = False, alone: bool = False) -> Result:
    [found] = [r for r in results if (r.protocol.code, r.flip_averaged, r.without_duplicates) == (code, flip, alone)]
    return found


def test_a_classifier_that_knows_is_right_by_every_protocol() -> None:
    results = evaluate(reader_of_the_corner, FACES, PROTOCOLS)
    assert [(r.protocol.code, r.flip_averaged) for r in results] == [
        (p.code, flip) for p in PROTOCOLS for flip in (False, True)
    ]
    assert all(r.metrics.accuracy.value == 1 for r in results)
    assert [r.metrics.n for r in results[::2]] == [int(p.counts(FACES).sum()) for p in PROTOCOLS]
    assert find(results, "P1").metrics.kl_to_votes is None
    kl = find(results, "P4").metrics.kl_to_votes
    assert kl is not None
    assert kl.value == pytest.approx(-np.log(100 / 107))


def test_flip_averaging_is_the_mean_with_the_mirror_image() -> None:
    # The mirror image has noise in its corner, of which this classifier makes an even guess.
    results = evaluate(reader_of_the_corner, FACES, (P3,))
    sure = 100 / 106
    plain, averaged = (find(results, "P3", flip=flip).metrics.negative_log_likelihood.value for flip in (False, True))
    assert plain == pytest.approx(-np.log(sure))
    assert averaged == pytest.approx(-np.log((sure + 1 / 7) / 2))


def test_faces_seen_before_are_left_out_once_more() -> None:
    seen = FACES[np.array([0, 3, 10, 59])]
    results = evaluate(reader_of_the_corner, FACES, (P3, P1), seen=seen)
    assert len(results) == 8
    assert find(results, "P3").metrics.n == 60
    assert find(results, "P3", alone=True).metrics.n == 56
    core = P1.counts(FACES)
    assert find(results, "P1", alone=True).metrics.n == core.sum() - core[[0, 3, 10, 59]].sum()
    assert find(results, "P1", alone=True, flip=True).metrics.n == find(results, "P1", alone=True).metrics.n


def test_a_protocol_without_images_is_a_clear_error() -> None:
    without_votes = LabelledFaces(FACES.gray(), FACES.fer7, np.zeros_like(FACES.votes), FACES.rows)
    with pytest.raises(DataError, match="no image counts by P2 core4/consensus"):
        evaluate(reader_of_the_corner, without_votes, (P2,))


def test_where_each_image_was_seen_before_nothing_is_measured_without_these() -> None:
    results = evaluate(reader_of_the_corner, FACES, (P3, P1), seen=FACES[~P1.counts(FACES)])
    assert find(results, "P3", alone=True).metrics.n == P1.counts(FACES).sum()
    results = evaluate(reader_of_the_corner, FACES, (P3, P1), seen=FACES[P1.counts(FACES)])
    assert [r.protocol.code for r in results if r.without_duplicates] == ["P3", "P3"]
    assert find(results, "P1").metrics.n == P1.counts(FACES).sum()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"core4": np.full((60, 4), 0.25)}, "no probabilities for fer7; the classifier gives core4"),
        ({"fer7": np.full((60, 8), 1 / 8)}, r"must have shape \(60, 7\); got \(60, 8\)"),
        ({"fer7": np.full((60, 7), 0.5)}, "sum to 1"),
        ({"fer7": np.tile([2.0, -1, 0, 0, 0, 0, 0], (60, 1))}, "0 or more"),
        ({"fer7": np.full((60, 7), np.nan)}, "0 or more"),
    ],
)
def test_what_is_no_probability_is_refused(given: Probabilities, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        evaluate(lambda _: given, FACES, (P3,))


class CountingModel:
    """Finds all expressions alike, and notes how often it was asked."""

    metadata = ModelMetadata(
        "even", Preprocessing(48, 48, "gray", (128.0,), (60.0,)), {h.name: h.labels for h in HEADS}, ANSWERS
    )

    def __init__(self) -> None:
        self.asked: list[int] = []

    def logits(self, crops: NDArray[np.uint8], /) -> dict[str, NDArray[np.float32]]:
        self.asked.append(len(crops))
        return {head.name: np.zeros((len(crops), len(head)), dtype=np.float32) for head in HEADS}


def test_a_network_is_run_once_for_all_sets() -> None:
    model = CountingModel()
    given = classifier_of(model)(FACES.gray())
    assert model.asked == [60]
    for expressions in EXPRESSION_SETS:
        assert given[expressions.name] == pytest.approx(np.full((60, len(expressions)), 1 / len(expressions)))
    assert list(classifier_of(model, ["fer7"])(FACES.gray())) == ["fer7"]


def test_evaluation_says_so_where_the_model_was_selected_on_these_images() -> None:
    results = evaluate(reader_of_the_corner, FACES, (P1,))
    chosen_here = Evaluation("base", "PublicTest", "PublicTest", results)
    assert chosen_here.caution is not None
    assert chosen_here.caution.startswith("selected on PublicTest")
    assert "**Selected on PublicTest" in markdown(chosen_here)
    for other in (
        Evaluation("base", "PrivateTest", "PublicTest", results),
        Evaluation("x", "PublicTest", None, results),
    ):
        assert other.caution is None
        assert "elected on" not in markdown(other)
    learnt = Evaluation("base", "Training", "PublicTest", results, trained_on=True)
    assert "**Trained on Training: the model has learnt from these images" in markdown(learnt)


def test_evaluation_as_json_names_protocol_n_and_interval_of_every_figure() -> None:
    evaluation = Evaluation("base", "PublicTest", None, evaluate(reader_of_the_corner, FACES, (P1, P4)))
    table = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    assert table["interval"] == {"level": 0.95, "bootstrap_draws": DRAWS, "seed": 2013}
    assert table["results"][0]["protocol"] == "P1"
    assert table["results"][0]["name"] == "core4/fer2013"
    assert table["results"][0]["flip_averaged"] is False
    assert table["results"][1]["flip_averaged"] is True
    assert table["results"][0]["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert list(table["results"][2]["recall"]) == [label for label in FERPLUS8.labels if label != "contempt"]


def test_markdown_holds_a_row_for_each_result_and_a_matrix_for_each_protocol() -> None:
    seen = FACES[np.array([0])]
    evaluation = Evaluation("base", "PublicTest", None, evaluate(reader_of_the_corner, FACES, (P1, P4), seen=seen))
    text = markdown(evaluation)
    lines = text.splitlines()
    assert sum(line.startswith("| P1 `core4/fer2013` |") for line in lines) == 4
    assert "| P4 `ferplus8/majority` | flip | left out | 59 | 100.0 (100.0-100.0) |" in text
    assert f"| happy | 100.0 (100.0-100.0) | {(FACES.fer7 == FER7.index('happy')).sum()} | 0 | 0 | 0 |" in lines
    assert "| contempt | - | 0 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |" in lines
    widths = {line.count("|") for line in lines if line.startswith("|")}
    assert widths == {11, 7}
