"""Accuracy on faces made worse."""

from collections.abc import Mapping

import numpy as np
from drawn_faces import drawn_faces
from numpy.typing import NDArray

from mien.data.labelled_faces import LabelledFaces
from mien.evaluate.analysis.robustness import CORRUPTIONS, SEVERITIES, robustness
from mien.evaluate.protocols import P2, P3

FACES = drawn_faces(60, seed=2)


def knows_only_what_it_has_seen(pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float64]]:
    """Right about the very faces of this test, even about all others."""
    known = {face.tobytes(): label for face, label in zip(FACES.gray(), FACES.consensus_core4(), strict=True)}
    given = np.full((len(pixels), 4), 0.25)
    for row, face in zip(given, pixels, strict=True):
        if face.tobytes() in known:
            row[:] = np.eye(4)[known[face.tobytes()]]
    return {"core4": given}


def test_faces_as_they_are_and_made_worse() -> None:
    found = robustness(knows_only_what_it_has_seen, FACES, P2, most=40)
    assert (found.protocol, found.images, found.clean.value) == ("P2", 40, 1)
    assert [row.corruption for row in found.worsened] == [corruption.name for corruption in CORRUPTIONS]
    for row in found.worsened:
        assert len(row.accuracy) == len(SEVERITIES)
        assert row.mean < 0.5  # an even guess calls all of them happy
    assert found.clean.low < 1
    assert found == robustness(knows_only_what_it_has_seen, FACES, P2, most=40)


def test_only_faces_that_count_are_drawn_and_each_once() -> None:
    asked: list[NDArray[np.uint8]] = []

    def even(pixels: NDArray[np.uint8]) -> Mapping[str, NDArray[np.float64]]:
        asked.append(pixels)
        return {"fer7": np.full((len(pixels), 7), 1 / 7)}

    half = FACES.fer7.copy()
    half[::2] = -1
    faces = LabelledFaces(FACES.crops, half, FACES.votes, FACES.rows)
    assert robustness(even, faces, P3, most=1000).images == 30
    assert np.array_equal(asked[0], FACES.gray()[1::2])
    assert len(asked) == 1 + len(CORRUPTIONS) * len(SEVERITIES)
