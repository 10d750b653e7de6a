"""Drawn faces of the four core expressions: labelled data small enough to make on the spot."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from mien.data.crops import Crops
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.expressions import CORE4, FER7, FERPLUS8, core4_positions


def drawn_faces(count: int, seed: int) -> LabelledFaces:
    """`count` faces, the four expressions in turn, each with its own place, size, light and noise."""
    rng = np.random.default_rng(seed)
    core = np.arange(count) % len(CORE4)
    votes = np.zeros((count, len(VOTE_COLUMNS)), dtype=np.int64)
    votes[np.arange(count), np.array(core4_positions(FERPLUS8))[core]] = 8
    votes[:, 0] += 2
    return LabelledFaces(
        crops=Crops([drawn_face(CORE4.labels[position], rng) for position in core]),
        fer7=np.array(core4_positions(FER7))[core],
        votes=votes,
        rows=np.arange(count),
    )


def in_splits(parts: Mapping[str, LabelledFaces]) -> LabelledFaces:
    """The faces of several splits, by what these are called, one split after the other."""
    return LabelledFaces.concatenate([replace(faces, split=np.full(len(faces), name)) for name, faces in parts.items()])


def drawn_face(expression: str, rng: np.random.Generator) -> NDArray[np.uint8]:
    """One face, uint8 of shape (48, 48)."""
    skin, background = (int(value) for value in rng.integers((140, 20), (230, 110)))
    picture = Image.new("L", (96, 96), background)
    draw = ImageDraw.Draw(picture)
    x, y = rng.integers(42, 55, size=2)
    draw.ellipse((x - 36, y - 42, x + 36, y + 42), fill=skin)
    eye = 7 if expression == "surprise" else 4
    for side in (-14, 14):
        draw.ellipse((x + side - 5, y - 14 - eye, x + side + 5, y - 14 + eye), fill=10)
    if expression == "happy":
        draw.arc((x - 18, y - 4, x + 18, y + 26), 20, 160, fill=10, width=4)
    elif expression == "sad":
        draw.arc((x - 16, y + 14, x + 16, y + 38), 200, 340, fill=10, width=4)
    elif expression == "surprise":
        draw.ellipse((x - 8, y + 8, x + 8, y + 30), fill=10)
    else:
        draw.line((x - 14, y + 20, x + 14, y + 20), fill=10, width=4)
    gray = np.asarray(picture.resize((48, 48), Image.Resampling.BOX), dtype=np.float64)
    return np.clip(gray + rng.normal(0, 6, gray.shape), 0, 255).astype(np.uint8)
