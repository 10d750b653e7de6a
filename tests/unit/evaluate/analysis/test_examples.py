"""Occlusion maps and the gallery."""

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.analysis.examples import example_sheet, gallery, occlusion_map, surest_wrong
from mien.evaluate.classifiers import CropClassifier, Probabilities
from mien.evaluate.csv_predictions import RecordedPredictions
from mien.evaluate.protocols import P2
from mien.expressions import CORE4
from mien.preprocess import Crops

FACES = drawn_faces(40, seed=3)
TRUTH = FACES.consensus_core4()


def test_what_speaks_for_the_answer_lights_up() -> None:
    face = np.zeros((48, 48), dtype=np.uint8)
    face[30:34, 12:16] = 255

    def brightest(pixels: Crops) -> NDArray[np.float64]:
        return np.asarray(pixels)[:, 30:34, 12:16].mean(axis=(1, 2)) / 255

    found = occlusion_map(brightest, face)
    assert found.shape == (48, 48)
    # All squares that cover these pixels cover all that the answer rests on, and leave the mean gray in its place.
    assert found[30:34, 12:16] == pytest.approx(np.full((4, 4), 1 - round(face.mean()) / 255))
    assert found.max() == found[30, 12]
    # No square that covers these touches it.
    assert np.all(found[:18] == 0)
    assert np.all(found[:, 30:] == 0)


def test_what_speaks_against_the_answer_is_below_zero() -> None:
    face = np.full((48, 48), 200, dtype=np.uint8)
    face[:24] = 0
    assert occlusion_map(lambda pixels: np.asarray(pixels).mean(axis=(1, 2)) / 255, face)[0, 0] < 0


def answers() -> NDArray[np.float64]:
    """Faces 0 to 29 right, 30 to 39 called happy; the higher the number, the less sure."""
    answer = np.where(np.arange(40) < 30, TRUTH, 0)
    confidence = np.linspace(0.9, 0.4, 40)
    given = np.repeat(((1 - confidence) / 3)[:, None], 4, axis=1)
    given[np.arange(40), answer] = confidence
    return given


RECORDED = RecordedPredictions("theirs", CORE4, {0: np.full(4, 0.25)})


def test_kinds_are_chosen_by_truth_answer_and_confidence() -> None:
    found = gallery(answers(), RECORDED, FACES, P2, each=3)
    wrong = [row for row in range(30, 40) if TRUTH[row] != 0]
    assert [shown.example.row for shown in found.wrong] == wrong[:3]
    assert [shown.example.row for shown in found.wrongly_happy] == wrong[:3]
    assert [shown.example.row for shown in found.least_certain] == [39, 38, 37]
    assert all(shown.example.truth == shown.example.answer for shown in found.right)
    assert len({shown.example.row for shown in found.right}) == 3
    # Drawn, not the most certain.
    assert [shown.example.row for shown in found.right] != [0, 1, 2]
    shown = found.wrong[0]
    assert shown.example.answer == "happy"
    assert shown.example.truth == P2.expressions.labels[TRUTH[shown.example.row]]
    assert shown.example.confidence == pytest.approx(np.linspace(0.9, 0.4, 40)[shown.example.row])
    assert shown.example.truth_probability == pytest.approx((1 - shown.example.confidence) / 3)
    assert shown.occlusion is None
    assert np.array_equal(shown.crop, FACES.gray()[shown.example.row])


class Even(CropClassifier):
    """Has nothing to say of faces that are covered."""

    name, labels = "even", {"core4": CORE4.labels}

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        self.asked.append(crops[0].tobytes())
        given = np.zeros((len(crops), 4))
        given[:, 0], given[:, 1] = 1, 0
        given[0, :] = (0.25, 0.75, 0, 0)  # the uncovered face
        return {"core4": given}


def test_each_face_is_looked_into_once_and_for_its_own_answer() -> None:
    even = Even()
    found = gallery(answers(), even, FACES, P2, each=3)
    assert len(even.asked) == len(set(even.asked))
    happy = found.wrong[0]
    assert happy.occlusion is not None
    assert happy.occlusion == pytest.approx(np.full((48, 48), 0.25 - 1))


def test_a_part_is_the_same_share_of_a_face_of_any_size_and_in_color() -> None:
    face = np.zeros((96, 96, 3), dtype=np.uint8)
    face[60:68, 24:32] = 255
    found = occlusion_map(lambda crops: np.asarray(crops)[:, 60:68, 24:32].mean(axis=(1, 2, 3)) / 255, face)
    assert found.shape == (96, 96)
    assert found[60, 24] == found.max() > 0.9
    assert np.all(found[:36] == 0)


def test_the_surest_wrong_answer_comes_first_and_is_found_by_its_file() -> None:
    wrong = [row for row in range(30, 40) if TRUTH[row] != 0]
    found = surest_wrong(answers(), FACES, P2, 2)
    assert [each.row for each in found] == wrong[:2]
    assert found[0].place == f"row {wrong[0]}"
    names = np.array([f"val/happy/{number}.png" for number in range(40)])
    [named] = surest_wrong(answers(), replace(FACES, files=names), P2, 1)
    assert named.place == named.file == names[wrong[0]]


def test_a_sheet_shows_each_example() -> None:
    found = surest_wrong(answers(), FACES, P2, 2)
    with Image.open(BytesIO(example_sheet(found, FACES))) as image:
        sheet = np.asarray(image)
    for number, example in enumerate(found):
        shown = sheet[:116, number * 120 : number * 120 + 116]
        assert abs(shown.mean() - FACES.gray()[example.row].mean()) < 3
