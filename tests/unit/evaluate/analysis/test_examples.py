"""Occlusion maps and the gallery."""

from collections.abc import Mapping

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray

from mien.evaluate.analysis.examples import gallery, occlusion_map
from mien.evaluate.protocols import P2

FACES = drawn_faces(40, seed=3)
TRUTH = FACES.consensus_core4()


def test_what_speaks_for_the_answer_lights_up() -> None:
    face = np.zeros((48, 48), dtype=np.uint8)
    face[30:34, 12:16] = 255

    def brightest(pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        return pixels[:, 30:34, 12:16].mean(axis=(1, 2)) / 255

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
    assert occlusion_map(lambda pixels: pixels.mean(axis=(1, 2)) / 255, face)[0, 0] < 0


def answers() -> dict[str, NDArray[np.float64]]:
    """Faces 0 to 29 right, 30 to 39 called happy; the higher the number, the less sure."""
    answer = np.where(np.arange(40) < 30, TRUTH, 0)
    confidence = np.linspace(0.9, 0.4, 40)
    given = np.repeat(((1 - confidence) / 3)[:, None], 4, axis=1)
    given[np.arange(40), answer] = confidence
    return {"core4": given}


def test_kinds_are_chosen_by_truth_answer_and_confidence() -> None:
    found = gallery(answers(), None, FACES, P2, each=3)
    wrong = [row for row in range(30, 40) if TRUTH[row] != 0]
    assert [shown.row for shown in found.wrong] == wrong[:3]
    assert [shown.row for shown in found.wrongly_happy] == wrong[:3]
    assert [shown.row for shown in found.least_certain] == [39, 38, 37]
    assert all(shown.truth == shown.answer for shown in found.right)
    assert len({shown.row for shown in found.right}) == 3
    # Drawn, not the most certain.
    assert [shown.row for shown in found.right] != [0, 1, 2]
    shown = found.wrong[0]
    assert shown.answer == "happy"
    assert shown.truth == P2.expressions.labels[TRUTH[shown.row]]
    assert shown.confidence == pytest.approx(np.linspace(0.9, 0.4, 40)[shown.row])
    assert shown.truth_probability == pytest.approx((1 - shown.confidence) / 3)
    assert shown.occlusion is None
    assert np.array_equal(shown.pixels, FACES.gray()[shown.row])


def test_each_face_is_looked_into_once_and_for_its_own_answer() -> None:
    asked: list[bytes] = []

    def classify(pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float64]]:
        asked.append(pixels[0].tobytes())
        given = np.zeros((len(pixels), 4))
        given[:, 0], given[:, 1] = 1, 0
        given[0, :] = (0.25, 0.75, 0, 0)  # the uncovered face
        return {"core4": given}

    found = gallery(answers(), classify, FACES, P2, each=3)
    assert len(asked) == len(set(asked))
    happy = found.wrong[0]
    assert happy.occlusion is not None
    assert happy.occlusion == pytest.approx(np.full((48, 48), 0.25 - 1))
