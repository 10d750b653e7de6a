"""Invariance: a classifier whose answers hang on nothing but the face, and ones that hang on more."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.analysis.invariance import BATCH_SIZES, Invariance, invariance
from mien.evaluate.classifiers import CropClassifier, Probabilities
from mien.preprocess import Crops

FACES = drawn_faces(20, seed=8).gray()

Asked = Callable[[NDArray[np.float64], int | None], NDArray[np.float64]]


class Spoiled(CropClassifier):
    """Works face by face, but for what `spoil` does to each batch's scores."""

    name, labels = "spoiled", {"two": ("bright", "dark")}

    def __init__(self, spoil: Asked, file_error: float = 0.0, threads: int | None = None) -> None:
        self.spoil, self.file_error, self.threads = spoil, file_error, threads

    def predict(self, crops: Crops, *, batch: int | None = None) -> Probabilities:
        bright, size = np.array([crop.mean() / 255 for crop in crops]), batch or len(crops)
        bright = np.concatenate([self.spoil(bright[i : i + size], self.threads) for i in range(0, len(bright), size)])
        return {"two": np.stack([bright, 1 - bright], axis=1)}

    def predict_files(self, paths: Sequence[Path]) -> Probabilities:
        bright = np.array([np.asarray(Image.open(path)).mean() / 255 + self.file_error for path in paths])
        return {"two": np.stack([bright, 1 - bright], axis=1)}

    def with_threads(self, threads: int | None) -> "Spoiled":
        return Spoiled(self.spoil, self.file_error, threads)


def measured(spoil: Asked = lambda scores, _: scores, file_error: float = 0.0) -> Invariance:
    return invariance(Spoiled(spoil, file_error), FACES, most=20)


def spoiled(found: Invariance) -> set[str]:
    return {row.way for row in found.rows if row.greatest_difference > found.tolerance}


def test_face_by_face_is_the_same_in_all_ways() -> None:
    found = measured()
    assert found.holds
    assert found.images == 20
    assert all(row.changed == 0 for row in found.rows)
    ways = [row.way for row in found.rows]
    assert ways[: len(BATCH_SIZES)] == [f"in batches of {size}" for size in (2, 4, 8, 16, 32, 64, 128, 256)]
    assert {
        "shuffled, in batches of 64",
        "by 1 thread",
        "by 2 threads",
        "from a strided array",
        "from PNG files",
    } <= set(ways)


def test_what_hangs_on_the_rest_of_the_batch_is_found() -> None:
    found = measured(lambda bright, _: bright - bright.mean() + 0.5)
    assert not found.holds
    assert spoiled(found) >= {f"in batches of {size}" for size in BATCH_SIZES}
    assert max(row.changed for row in found.rows) > 0


def test_what_hangs_on_the_place_in_the_batch_is_found() -> None:
    found = measured(lambda bright, _: bright * (1 - 1e-3 * np.arange(len(bright))))
    assert "shuffled, in batches of 64" in spoiled(found)


def test_what_hangs_on_the_number_of_threads_is_found() -> None:
    found = measured(lambda bright, threads: bright + (1e-3 if threads == 2 else 0))
    assert spoiled(found) == {"by 2 threads"}
    assert found.greatest_difference == pytest.approx(1e-3)


def test_what_hangs_on_the_way_in_is_found() -> None:
    assert spoiled(measured(file_error=1e-4)) == {"from PNG files"}
    assert measured(file_error=1e-6).holds


def test_a_last_batch_that_is_not_full_counts_too() -> None:
    found = measured(lambda bright, _: bright if len(bright) in (1, 8) else bright + 1e-3)
    assert "in batches of 8" in spoiled(found)  # 20 faces: the last batch has four


def test_equal_faces_are_asked_about_once_and_sizes_may_differ() -> None:
    spoiled_by_none = Spoiled(lambda scores, _: scores)
    crops = [FACES[0], FACES[0], FACES[1], np.full((64, 32, 3), 9, dtype=np.uint8)]
    found = invariance(spoiled_by_none, crops, most=10)
    assert found.images == 3
    assert found.holds
    assert invariance(spoiled_by_none, FACES, most=4).images == 4
