"""Faces whose pixels and labels are given, for tests that count and compare."""

import numpy as np
from numpy.typing import NDArray

from mien.data.crops import Crops
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.expressions import FER7

HAPPY, SAD, NEUTRAL = (FER7.index(label) for label in ("happy", "sad", "neutral"))


def faces(pixels: NDArray[np.uint8], labels: list[int], first_row: int = 0) -> LabelledFaces:
    votes = np.zeros((len(pixels), len(VOTE_COLUMNS)), dtype=np.int64)
    return LabelledFaces(Crops(pixels), np.array(labels, dtype=np.int64), votes, np.arange(len(pixels)) + first_row)


def random_pixels(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (count, 48, 48), dtype=np.uint8)


def voted(labels: list[int], votes: list[dict[str, int]]) -> LabelledFaces:
    """Faces whose pixels do not matter, each with its label and its votes."""
    table = np.array([[given.get(column, 0) for column in VOTE_COLUMNS] for given in votes], dtype=np.int64)
    pixels = np.zeros((len(labels), 48, 48), dtype=np.uint8)
    return LabelledFaces(Crops(pixels), np.array(labels, dtype=np.int64), table, np.arange(len(labels)))
