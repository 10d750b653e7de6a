"""Faces made worse: the same each time, by the right amount, and ever worse."""

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.evaluate.analysis.robustness import CORRUPTIONS, SEVERITIES, Corruption

FACES = drawn_faces(40, seed=1).gray()
NAMED = {corruption.name: corruption for corruption in CORRUPTIONS}


def worse(corruption: Corruption, severity: int, seed: int = 1) -> np.ndarray:
    return corruption(FACES, severity, rng=np.random.default_rng(seed))


def test_there_are_nine_in_five_severities() -> None:
    assert list(NAMED) == [
        "noise", "blur", "JPEG", "contrast", "brightness", "occlusion", "rotation", "shift", "low resolution",
    ]  # fmt: skip
    assert all(len(corruption.strengths) == len(SEVERITIES) == 5 for corruption in CORRUPTIONS)


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda c: c.name)
def test_faces_keep_their_form_and_get_ever_worse(corruption: Corruption) -> None:
    before = FACES.copy()
    distances = []
    for severity in SEVERITIES:
        made = worse(corruption, severity)
        assert (made.shape, made.dtype) == (FACES.shape, np.uint8)
        assert np.array_equal(made, worse(corruption, severity))
        distances.append(np.abs(made.astype(float) - FACES).mean())
    assert np.array_equal(FACES, before)
    assert distances[0] > 0
    assert distances == sorted(distances)


@pytest.mark.parametrize("name", ["noise", "brightness", "occlusion", "rotation", "shift"])
def test_what_is_random_comes_from_the_generator(name: str) -> None:
    assert not np.array_equal(worse(NAMED[name], 3), worse(NAMED[name], 3, seed=2))


def test_strengths_are_what_their_units_say() -> None:
    gray = np.full((200, 48, 48), 128, dtype=np.uint8)
    rng = np.random.default_rng(1)
    assert NAMED["noise"](gray, 3, rng=rng).astype(float).std() == pytest.approx(20, rel=0.01)
    assert set(np.unique(NAMED["brightness"](gray, 1, rng=rng))) == {128 - 25, 128 + 25}
    covered = NAMED["occlusion"](np.zeros((5, 48, 48), dtype=np.uint8), 2, rng=rng)
    assert (covered == 128).sum(axis=(1, 2)).tolist() == [12 * 12] * 5
    # Brightness stays, and contrast is halved.
    halved = worse(NAMED["contrast"], 2).astype(float)
    assert halved.mean(axis=(1, 2)) == pytest.approx(FACES.mean(axis=(1, 2)), abs=0.3)
    assert halved.std(axis=(1, 2)) == pytest.approx(FACES.std(axis=(1, 2)) / 2, rel=0.02)


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
