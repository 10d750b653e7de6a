"""Faces that should not be trained on: copies of held-out ones, flat ones and pictures of no face."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.data.crops import Crops
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces, without_outliers
from mien.model.facts import LeftOut

NEAR_DUPLICATE = 0.99
"""Correlation of pixels from which on two faces count as the same picture."""

FLAT_BELOW = 1.0
"""Standard deviation of pixels, in gray levels, below which a face has no contrast."""

NOT_A_FACE = "more votes for nf than for any other answer, single votes not counted"
"""The rule of `not_a_face` in words, which a run keeps: to word it anew would look like another rule."""

_BLOCK = 512  # faces compared at once; bounds the memory
_TILE = 4  # pixels on a side
_SLACK = 1e-4  # far above the rounding error of a float32 dot product


@dataclass(frozen=True, slots=True)
class Pairs:
    """Pairs of like faces from two collections, ordered by position in the first, then in the second.

    Attributes:
        first: int64 of shape (P,), positions in the first collection.
        second: int64 of shape (P,), positions in the second.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)


def flat(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which faces show nothing: a standard deviation below `FLAT_BELOW`; pixels uint8 of shape (N, H, W)."""
    # Face by face: the deviations of all at once would take eight bytes a pixel.
    return np.array([face.std() < FLAT_BELOW for face in pixels], dtype=np.bool_)


def not_a_face(votes: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which faces more FER+ voters call no face than anything else; votes of shape (N, 10)."""
    kept = without_outliers(votes)
    no_face = VOTE_COLUMNS.index("nf")
    others = np.delete(kept, no_face, axis=1)
    return np.asarray(kept[:, no_face] > others.max(axis=1, initial=0))


def exact_duplicates(crops_a: Crops, crops_b: Crops) -> Pairs:
    """All pairs of one face from each collection with the same size, color and pixels."""
    return _together(_exact(crops_a, crops_b))


def near_duplicates(
    pixels_a: NDArray[np.uint8], pixels_b: NDArray[np.uint8], threshold: float = NEAR_DUPLICATE
) -> Pairs:
    """All pairs of one face from each collection whose pixels correlate by `threshold` or more.

    Exact duplicates are among them, except faces of one gray level, whose correlation is not defined. A collection
    compared with itself pairs each face with itself, too, and each pair both ways.

    Args:
        pixels_a: uint8 of shape (A, H, W), sides divisible by 4.
        pixels_b: uint8 of shape (B, H, W).
        threshold: Least Pearson correlation, -1 to 1.
    """
    pairs = _together(_near(pixels_a, pixels_b, threshold))
    order = np.lexsort((pairs.second, pairs.first))
    return Pairs(pairs.first[order], pairs.second[order])


def _exact(crops_a: Crops, crops_b: Crops) -> Iterator[Pairs]:
    """The pairs of `exact_duplicates`, face by face of the first collection."""
    positions: dict[tuple[tuple[int, ...], bytes], list[int]] = {}
    for index, face in enumerate(crops_b):
        positions.setdefault((face.shape, face.tobytes()), []).append(index)
    for index, face in enumerate(crops_a):
        if others := positions.get((face.shape, face.tobytes())):
            yield Pairs(np.full(len(others), index, dtype=np.int64), np.array(others, dtype=np.int64))


def _near(
    pixels_a: NDArray[np.uint8], pixels_b: NDArray[np.uint8], threshold: float = NEAR_DUPLICATE
) -> Iterator[Pairs]:
    """The pairs of `near_duplicates`, block by block: where many are alike, all at once would fill the memory."""
    coarse_a, coarse_b = _coarse(pixels_a), _coarse(pixels_b)
    for start_a in range(0, len(pixels_a), _BLOCK):
        for start_b in range(0, len(pixels_b), _BLOCK):
            # Most faces are told apart by few numbers; only the rest are compared pixel by pixel.
            bound = coarse_a[start_a : start_a + _BLOCK] @ coarse_b[start_b : start_b + _BLOCK].T
            likely = bound >= threshold - _SLACK
            rows = np.flatnonzero(likely.any(axis=1)) + start_a
            columns = np.flatnonzero(likely.any(axis=0)) + start_b
            correlation = standardized(pixels_a[rows]) @ standardized(pixels_b[columns]).T
            row, column = np.nonzero(correlation >= threshold)
            yield Pairs(rows[row].astype(np.int64), columns[column].astype(np.int64))


def _together(parts: Iterable[Pairs]) -> Pairs:
    every = [Pairs(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)), *parts]
    return Pairs(np.concatenate([part.first for part in every]), np.concatenate([part.second for part in every]))


def standardized(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Rows of zero mean and unit length, so that a dot product is a correlation; a face of one gray level is zero.

    Takes uint8 of shape (N, H, W), gives float32 of shape (N, H * W).
    """
    count, height, width = pixels.shape
    rows = pixels.reshape(count, height * width).astype(np.float32)
    rows -= rows.mean(axis=1, keepdims=True)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    np.divide(rows, length, out=rows, where=length > 0)
    return rows


def training_rows_to_keep(train: LabelledFaces, validation: LabelledFaces) -> tuple[NDArray[np.bool_], LeftOut]:
    """Which training faces may be trained on, and how many were left out for which reason.

    Left out are exact and near duplicates of any held-out face, flat faces and those which FER+ voters call no face.

    Returns:
        A mask of shape (N,) over `train`, and the counts.
    """
    gray = train.gray()
    is_exact, is_near, is_conflicting = (np.zeros(len(train), dtype=np.bool_) for _ in range(3))
    for mask, found in (
        (is_exact, _exact(train.crops, validation.crops)),
        (is_near, _near(gray, validation.gray())),
    ):
        for pairs in found:
            mask[pairs.first] = True
            is_conflicting[pairs.first[train.fer7[pairs.first] != validation.fer7[pairs.second]]] = True
    is_flat, is_no_face = flat(gray), not_a_face(train.votes)
    keep = ~(is_exact | is_near | is_flat | is_no_face)
    return keep, LeftOut(
        total=len(train),
        exact=int(is_exact.sum()),
        near=int((is_near & ~is_exact).sum()),
        conflicting=int(is_conflicting.sum()),
        flat=int(is_flat.sum()),
        not_a_face=int(is_no_face.sum()),
        kept=int(keep.sum()),
    )


def _coarse(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A few numbers for each face, whose dot products are never below the correlations; pixels as (N, H, W).

    They are the standardized face's part in the space of tiles of even brightness, and the length of its other part:
    by Cauchy and Schwarz, the product of two such lengths is never below the dot product of the parts themselves.
    """
    _, height, width = pixels.shape
    if height % _TILE or width % _TILE:
        raise ValueError(f"sides must be divisible by {_TILE}; got {width}x{height}")
    blocks = [np.empty((0, height * width // _TILE**2 + 1), dtype=np.float32)]
    for start in range(0, len(pixels), _BLOCK):
        rows = standardized(pixels[start : start + _BLOCK])
        tiles = rows.reshape(-1, height // _TILE, _TILE, width // _TILE, _TILE).sum(axis=(2, 4)) / _TILE
        tiles = tiles.reshape(len(rows), -1)
        rest = np.sqrt(np.maximum(1 - (tiles**2).sum(axis=1), 0))
        blocks.append(np.column_stack([tiles, rest]))
    return np.concatenate(blocks)
