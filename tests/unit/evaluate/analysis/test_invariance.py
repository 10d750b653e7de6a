"""Parity: a classifier whose answers hang on nothing but the face, and ones that hang on more."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from PIL import Image

from mien.evaluate.analysis.invariance import BATCH_SIZES, BatchClassifier, Parity, parity
from mien.evaluate.classifiers import Answers

FACES = drawn_faces(20, seed=8).gray()

Asked = Callable[[NDArray[np.float64], int | None], NDArray[np.float64]]


def measured(spoil: Asked = lambda scores, _: scores, file_error: float = 0.0) -> Parity:
    """Of a classifier that works face by face, but for what `spoil` does to each batch's scores."""

    def opened(threads: int | None) -> BatchClassifier:
        def classify(pixels: NDArray[np.uint8], batch: int) -> Answers:
            parts = [
                spoil(pixels[i : i + batch].mean(axis=(1, 2)) / 255, threads) for i in range(0, len(pixels), batch)
            ]
            bright = np.concatenate(parts)
            return {"two": np.stack([bright, 1 - bright], axis=1)}

        return classify

    def from_files(paths: Sequence[Path]) -> Answers:
        bright = np.array([np.asarray(Image.open(path)).mean() / 255 + file_error for path in paths])
        return {"two": np.stack([bright, 1 - bright], axis=1)}

    return parity(opened, from_files, FACES)


def spoiled(found: Parity) -> set[str]:
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
