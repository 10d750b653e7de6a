"""A whole evaluation of classifiers that need no network."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien import data
from mien.data.dataset import open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split
from mien.errors import DataError, ModelError
from mien.evaluate import CropClassifier, Evaluation, EvaluationOptions, MienClassifier, Protocol, evaluate
from mien.evaluate.classifiers import Predictions, with_core_sets
from mien.evaluate.evaluation import Result
from mien.evaluate.protocols import P1, P2, P2B, P3, P4, PROTOCOLS
from mien.expressions import EXPRESSION_SETS, FER7, FERPLUS8
from mien.model.facts import LeftOut, Manifest, TrainingFacts
from mien.model.package import load_model
from mien.preprocess import Crops

pytestmark = pytest.mark.slow

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
    return LabelledFaces(data.Crops(pixels), labels, votes, np.arange(count))


FACES = drawn_faces()


def reader_of_the_corner(pixels: Crops) -> Probabilities:
    """Is nearly sure of the label in the upper left pixel, and does not know where that is not one."""
    label = np.array([crop[0, 0] for crop in pixels])
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


class Given(CropClassifier):
    """Gives what a function gives."""

    def __init__(self, predict: Callable[[Crops], Probabilities] = reader_of_the_corner, name: str = "given") -> None:
        self.name, self._predict = name, predict
        known = self._predict(FACES.gray())
        self.labels = {each.name: each.labels for each in EXPRESSION_SETS if each.name in known}
        if "core4" in self.labels:
            self.labels = {**self.labels, "core4-fer2013": self.labels["core4"]}

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        return with_core_sets(self._predict(crops))


def measured(
    *protocols: Protocol, seen: LabelledFaces | None = None, faces: LabelledFaces = FACES
) -> tuple[Result, ...]:
    return evaluate(Given(), faces, EvaluationOptions(protocols=protocols, seen=seen, analyses=False)).results


def find(results: tuple[Result, ...], code: str, *, flip: bool = False, alone: bool = False) -> Result:
    [found] = [r for r in results if (r.protocol.code, r.flip_averaged, r.without_duplicates) == (code, flip, alone)]
    return found


def test_a_classifier_that_knows_is_right_by_every_protocol() -> None:
    known = [each for each in PROTOCOLS if each is not P2B]  # it says nothing of its training
    results = measured(*known)
    assert [(r.protocol.code, r.flip_averaged) for r in results] == [
        (p.code, flip) for p in known for flip in (False, True)
    ]
    assert all(r.metrics.accuracy.value == 1 for r in results)
    assert [r.metrics.n for r in results[::2]] == [int(p.counts(FACES).sum()) for p in known]
    assert find(results, "P1").metrics.kl_to_votes is None
    kl = find(results, "P4").metrics.kl_to_votes
    assert kl is not None
    assert kl.value == pytest.approx(-np.log(100 / 107))


def test_flip_averaging_is_the_mean_with_the_mirror_image() -> None:
    # The mirror image has noise in its corner, of which this classifier makes an even guess.
    results = measured(P3)
    sure = 100 / 106
    plain, averaged = (find(results, "P3", flip=flip).metrics.negative_log_likelihood.value for flip in (False, True))
    assert plain == pytest.approx(-np.log(sure))
    assert averaged == pytest.approx(-np.log((sure + 1 / 7) / 2))


def test_faces_seen_before_are_left_out_once_more() -> None:
    seen = FACES[np.array([0, 3, 10, 59])]
    results = measured(P3, P1, seen=seen)
    assert len(results) == 8
    assert find(results, "P3").metrics.n == 60
    assert find(results, "P3", alone=True).metrics.n == 56
    core = P1.counts(FACES)
    assert find(results, "P1", alone=True).metrics.n == core.sum() - core[[0, 3, 10, 59]].sum()
    assert find(results, "P1", alone=True, flip=True).metrics.n == find(results, "P1", alone=True).metrics.n


def test_a_protocol_without_images_is_a_clear_error() -> None:
    without_votes = LabelledFaces(FACES.crops, FACES.fer7, np.zeros_like(FACES.votes), FACES.rows)
    with pytest.raises(DataError, match="no image counts by P2 core4/consensus"):
        measured(P2, faces=without_votes)


def test_where_each_image_was_seen_before_nothing_is_measured_without_these() -> None:
    results = measured(P3, P1, seen=FACES[~P1.counts(FACES)])
    assert find(results, "P3", alone=True).metrics.n == P1.counts(FACES).sum()
    results = measured(P3, P1, seen=FACES[P1.counts(FACES)])
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
        evaluate(Given(lambda _: given), FACES, EvaluationOptions(protocols=(P3,), analyses=False))


def nothing_found(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
    return np.full((len(gray), 5, 2), np.nan)


def test_without_names_everything_is_measured_that_both_sides_know() -> None:
    only_fer7 = Given(lambda crops: {"fer7": reader_of_the_corner(crops)["fer7"]})
    found = evaluate(only_fer7, FACES, EvaluationOptions(find_landmarks=nothing_found))
    assert [analysis.protocol for analysis in found.analyses] == ["P3"]
    assert found.not_measured == {
        "P1": "given gives no probabilities for core4-fer2013",
        "P1c": "given gives no probabilities for core4",
        "P2": "given gives no probabilities for core4",
        "P2b": "given gives no probabilities for core4-balanced",
        "P4": "given gives no probabilities for ferplus8",
    }
    without_votes = replace(FACES, votes=np.zeros_like(FACES.votes))
    found = evaluate(Given(), without_votes, EvaluationOptions(analyses=False))
    assert found.not_measured == dict.fromkeys(("P2", "P2b", "P4"), "no FER+ votes in this data")


def test_landmarks_come_from_what_was_passed_in() -> None:
    asked: list[tuple[int, ...]] = []

    def find_landmarks(gray: NDArray[np.uint8]) -> NDArray[np.float64]:
        asked.append(gray.shape)
        return nothing_found(gray)

    found = evaluate(Given(), FACES, EvaluationOptions(protocols=(P3,), find_landmarks=find_landmarks))
    assert asked == [(60, 48, 48)]
    [tilt] = [some for some in found.analyses[0].slices if some.name == "tilt"]
    assert [part.low for part in tilt.parts] == [None]
    evaluate(Given(), FACES, EvaluationOptions(analyses=False, find_landmarks=find_landmarks))
    assert len(asked) == 1


def cautioned(
    source: str | None = None, selected_on: str | None = None, named: str | None = None, **options: object
) -> Evaluation:
    given = Given(name="base")
    if source:
        data = Manifest(source, 0, 0, 0, "", "", {}, {}, LeftOut(0, 0, 0, 0, 0, 0, 0), 0.99, 1.0, "")
        given.training = TrainingFacts({}, data, {}, 1, 1.0, ())
    given.selected_on = selected_on
    faces = replace(FACES, source="FER2013", split=None if named is None else np.full(len(FACES), named))
    return evaluate(given, faces, EvaluationOptions(protocols=(P1,), analyses=False, **options))  # type: ignore[arg-type]


def test_it_is_said_where_the_model_was_selected_or_trained_on_these_images() -> None:
    here = cautioned(selected_on="PublicTest", named="PublicTest")
    assert here.caution == "selected on PublicTest: the model was chosen on these images, so its figures flatter it"
    assert cautioned(selected_on="PublicTest", named="val").selected_on == "val"
    assert cautioned(selected_on="PublicTest", split=Split.TEST).caution is None
    assert cautioned().caution is None
    learned = cautioned("FER2013", "validation", split=Split.TRAIN)
    assert learned.trained_on
    assert learned.caution is not None
    assert learned.caution.startswith("trained on train: the model has learned from these images")
    other = cautioned("Ours", "validation", split=Split.TRAIN)
    assert (other.trained_on, other.selected_on) == (False, None)


def test_the_mark_of_the_product_is_measured_and_agrees_with_its_certainty() -> None:
    """Every figure of the mark is that of `ExpressionModel.predict` on the same faces."""
    model = load_model("tiny")
    found = evaluate(
        MienClassifier(model), FACES, EvaluationOptions(protocols=(P2, P2B, P3), find_landmarks=nothing_found)
    )
    for protocol, analysis in zip((P2, P2B, P3), found.analyses, strict=True):
        prior = "balanced" if protocol is P2B else "training"
        predicted = model.predict(
            FACES.gray(), model.answer(protocol.expressions.name.removesuffix("-balanced"), prior=prior)
        )
        counts, truth = protocol.counts(FACES), protocol.target(FACES)
        uncertain = np.array([each.uncertain for each in predicted])
        right = np.array([each.expression for each in predicted]) == np.array(protocol.expressions.labels)[truth]
        mark = analysis.certainty.mark
        assert mark is not None
        assert (mark.certain.count, mark.certain.n) == (int((counts & ~uncertain).sum()), int(counts.sum()))
        assert mark.certain_accuracy.count == int((counts & ~uncertain & right).sum())
        assert mark.uncertain_accuracy.count == int((counts & uncertain & right).sum())
        assert found.marks[protocol.code] == mark
        if protocol is not P3:
            outside = FACES.majority() == FERPLUS8.index("anger")
            assert mark.uncertain_outside["anger"].n == outside.sum()
            assert mark.uncertain_outside["anger"].count == (outside & uncertain).sum()


def test_answers_are_ranked_by_support_where_there_is_any() -> None:
    class Supported(Given):
        def predict_faces(self, faces: LabelledFaces) -> Predictions:
            given = self.predict(faces.crops)
            return Predictions(given, {"fer7": np.linspace(1, 0, len(faces))}, {"fer7": 0.5})

    found = evaluate(Supported(), FACES, EvaluationOptions(protocols=(P3,), find_landmarks=nothing_found))
    certainty = found.analyses[0].certainty
    assert next(p.support for p in certainty.risk_coverage.points if p.coverage == 0.5) == pytest.approx(30 / 59)
    assert certainty.mark is not None
    assert certainty.mark.certain.count == 30


def test_as_json_it_names_protocol_n_and_interval_of_every_figure() -> None:
    options = EvaluationOptions(protocols=(P1, P4), gallery=1, find_landmarks=nothing_found)
    table = json.loads(
        json.dumps(
            evaluate(Given(), replace(FACES, split=np.full(60, "PublicTest")), options).to_dict(), allow_nan=False
        )
    )
    assert table["interval"] == {"level": 0.95, "bootstrap_draws": 2000, "seed": 2013}
    assert (table["model"], table["split"], table["caution"]) == ("given", "PublicTest", None)
    assert len(table["data_sha256"]) == 64
    assert table["model_sha256"] is None
    first = table["results"][0]
    assert (first["protocol"], first["name"], first["flip_averaged"]) == ("P1", "core4/fer2013", False)
    assert table["results"][1]["flip_averaged"] is True
    assert first["accuracy"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert set(first["confusion"]) == {"value", "low", "high"}
    assert list(table["results"][2]["recall"]) == [label for label in FERPLUS8.labels if label != "contempt"]
    assert set(table["analyses"][0]) == {"protocol", "name", "images", "confusions", "certainty", "slices"}
    assert set(table["gallery"]["right"][0]) == {"row", "truth", "answer", "confidence", "truth_probability", "file"}


def test_of_a_data_set_the_split_that_is_asked_for_is_read(tmp_path: Path) -> None:
    for label, folder in ((3, "joy"), (4, "sad")):
        place = tmp_path / "ours" / "val" / folder / "0.png"
        place.parent.mkdir(parents=True)
        Image.fromarray(FACES.gray()[label]).save(place)
    ours = open_dataset(tmp_path / "ours", {"joy": "happy"})
    found = evaluate(Given(), ours, EvaluationOptions(split=Split.VALIDATION, protocols=(P3,), analyses=False))
    assert (found.data, found.split, found.results[0].metrics.n) == ("ours", "val", 2)
    assert found.results[0].metrics.accuracy.value == 1
