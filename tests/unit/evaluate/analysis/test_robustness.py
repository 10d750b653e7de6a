"""Faces made worse: the same each time, by the right amount, and ever worse; and accuracy on them."""

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.analysis.robustness import CORRUPTIONS, SEVERITIES, Corruption, robustness
from mien.evaluate.classifiers import CropClassifier, Probabilities
from mien.evaluate.protocols import P2, P3
from mien.expressions import CORE4, FER7
from mien.preprocess import Crops

pytestmark = pytest.mark.slow

FACES = drawn_faces(60, seed=2)
CROPS = drawn_faces(40, seed=1).gray()
PINNED = {
    "noise": 17.7, "blur": 9.8, "JPEG": 8.8, "contrast": 32.0, "brightness": 64.5, "occlusion": 7.0, "rotation": 16.7,
    "shift": 31.7, "low resolution": 12.8,
}  # fmt: skip
"""Mean change of a pixel over the severities, in gray levels, of the drawn faces."""

NAMED = {corruption.name: corruption for corruption in CORRUPTIONS}


def worse(corruption: Corruption, severity: int, seed: int = 1) -> np.ndarray:
    return np.asarray(corruption(CROPS, severity, rng=np.random.default_rng(seed)))


def test_there_are_nine_in_five_severities() -> None:
    assert list(NAMED) == [
        "noise", "blur", "JPEG", "contrast", "brightness", "occlusion", "rotation", "shift", "low resolution",
    ]  # fmt: skip
    assert all(len(corruption.strengths) == len(SEVERITIES) == 5 for corruption in CORRUPTIONS)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_faces_keep_their_form_and_get_ever_worse(corruption: Corruption) -> None:
    before = CROPS.copy()
    distances = []
    for severity in SEVERITIES:
        made = worse(corruption, severity)
        assert (made.shape, made.dtype) == (CROPS.shape, np.uint8)
        assert np.array_equal(made, worse(corruption, severity))
        distances.append(np.abs(made.astype(float) - CROPS).mean())
    assert np.array_equal(CROPS, before)
    assert distances[0] > 0
    assert distances == sorted(distances)


@pytest.mark.parametrize("name", ["noise", "brightness", "occlusion", "rotation", "shift"])
def test_what_is_random_comes_from_the_generator(name: str) -> None:
    assert not np.array_equal(worse(NAMED[name], 3), worse(NAMED[name], 3, seed=2))


def test_strengths_are_what_their_units_say() -> None:
    gray = np.full((200, 48, 48), 128, dtype=np.uint8)
    rng = np.random.default_rng(1)
    assert np.asarray(NAMED["noise"](gray, 3, rng=rng)).astype(float).std() == pytest.approx(20, rel=0.01)
    assert set(np.unique(NAMED["brightness"](gray, 1, rng=rng))) == {128 - 25, 128 + 25}
    covered = np.asarray(NAMED["occlusion"](np.zeros((5, 48, 48), dtype=np.uint8), 2, rng=rng))
    assert (covered == 128).sum(axis=(1, 2)).tolist() == [12 * 12] * 5
    # Brightness stays, and contrast is halved.
    halved = worse(NAMED["contrast"], 2).astype(float)
    assert halved.mean(axis=(1, 2)) == pytest.approx(CROPS.mean(axis=(1, 2)), abs=0.3)
    assert halved.std(axis=(1, 2)) == pytest.approx(CROPS.std(axis=(1, 2)) / 2, rel=0.02)


def test_a_shifted_point_moves_by_the_distance() -> None:
    point = np.zeros((50, 48, 48), dtype=np.uint8)
    point[:, 20, 25] = 255
    shifted = NAMED["shift"](point, 5, rng=np.random.default_rng(1))
    _, rows, columns = np.nonzero(shifted)
    assert np.hypot(rows - 20, columns - 25) == pytest.approx(np.full(50, 8), abs=0.8)
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) > 10


def test_turning_shows_no_border() -> None:
    gray = np.full((8, 48, 48), 77, dtype=np.uint8)
    assert np.unique(NAMED["rotation"](gray, 5, rng=np.random.default_rng(1))).tolist() == [77]


def test_strengths_and_what_they_do_are_pinned() -> None:
    """Figures of robustness can be compared from version to version only while these stay."""
    assert {corruption.name: corruption.strengths for corruption in CORRUPTIONS} == {
        "noise": (10, 15, 20, 30, 40),
        "blur": (0.5, 0.75, 1.0, 1.5, 2.0),
        "JPEG": (60, 40, 25, 15, 8),
        "contrast": (0.75, 0.5, 0.4, 0.3, 0.15),
        "brightness": (25, 50, 75, 100, 125),
        "occlusion": (8, 12, 16, 20, 24),
        "rotation": (5, 10, 15, 20, 30),
        "shift": (2, 3, 4, 6, 8),
        "low resolution": (32, 24, 18, 14, 10),
    }
    lost = {
        name: round(float(np.mean([np.abs(worse(way, s).astype(float) - CROPS).mean() for s in SEVERITIES])), 1)
        for name, way in NAMED.items()
    }
    assert lost == pytest.approx(PINNED, abs=0.15)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_larger_faces_in_color_get_as_much_worse(corruption: Corruption) -> None:
    large = np.repeat(np.repeat(CROPS[..., None], 3, axis=3), 2, axis=1).repeat(2, axis=2)
    made = np.asarray(corruption(large, 3, rng=np.random.default_rng(1)))
    assert made.shape == large.shape
    small = np.abs(worse(corruption, 3).astype(float) - CROPS).mean()
    assert np.abs(made.astype(float) - large).mean() == pytest.approx(small, rel=0.6)


def test_faces_of_several_sizes_stay_as_large_as_they_are() -> None:
    crops = [CROPS[0], np.zeros((30, 40, 3), dtype=np.uint8)]
    for corruption in CORRUPTIONS:
        made = corruption(crops, 5, rng=np.random.default_rng(1))
        assert [crop.shape for crop in made] == [(48, 48), (30, 40, 3)]


class OnlyWhatItHasSeen(CropClassifier):
    """Right about the very faces of this test, even about all others."""

    name, labels = "memory", {"core4": CORE4.labels}

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        known = {face.tobytes(): label for face, label in zip(FACES.gray(), FACES.consensus_core4(), strict=True)}
        given = np.full((len(crops), 4), 0.25)
        for row, face in zip(given, crops, strict=True):
            if face.tobytes() in known:
                row[:] = np.eye(4)[known[face.tobytes()]]
        return {"core4": given}


def test_accuracy_on_faces_as_they_are_and_made_worse() -> None:
    found = robustness(OnlyWhatItHasSeen(), FACES, P2, most=40)
    assert (found.protocol, found.images, found.clean.value) == ("P2", 40, 1)
    assert [row.corruption for row in found.corruptions] == [corruption.name for corruption in CORRUPTIONS]
    for row in found.corruptions:
        assert len(row.accuracy) == len(SEVERITIES)
        assert row.mean < 0.5  # an even guess calls all of them happy
    assert found.clean.low < 1
    assert found == robustness(OnlyWhatItHasSeen(), FACES, P2, most=40)


class Even(CropClassifier):
    """Finds all seven alike, and notes what it was asked."""

    name, labels = "even", {"fer7": FER7.labels}

    def __init__(self) -> None:
        self.asked: list[Crops] = []

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        del batch
        self.asked.append(crops)
        return {"fer7": np.full((len(crops), 7), 1 / 7)}


def test_only_faces_that_count_are_drawn_and_each_once() -> None:
    half = FACES.fer7.copy()
    half[::2] = -1
    faces, even = LabelledFaces(FACES.crops, half, FACES.votes, FACES.rows), Even()
    assert robustness(even, faces, P3, most=1000).images == 30
    assert np.array_equal(even.asked[0], FACES.gray()[1::2])
    assert len(even.asked) == 1 + len(CORRUPTIONS) * len(SEVERITIES)
