"""A few numbers for each face by which a simple classifier can tell expressions, and strange pictures stand out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from mien.data.duplicates import FLAT_BELOW, flat, not_a_face
from mien.data.labelled_faces import LabelledFaces, Reference

_CELLS = 8  # on each side of a face
_DIRECTIONS = 8
_NOISE = 1e-2  # keeps a block without gradients from being blown up
_AT_ONCE = 128  # faces; more do not fit the processor's cache
_MOST_COMPONENTS = 256
_FACES_PER_COMPONENT = 10
_FITTED_ON = 10_000  # faces; the axes of more are the same, and take longer


def face_features(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Histograms of oriented gradients along their main axes, of unit variance along each.

    Args:
        pixels: uint8 of shape (N, H, W); at least 2 faces, of at least 8 px on each side.
        rng: Chooses the faces that the axes are found on.

    Returns:
        float32 of shape (N, K), K at most `_MOST_COMPONENTS` and a tenth of N.
    """
    gradients = oriented_gradients(pixels)
    chosen = rng.permutation(len(pixels))[:_FITTED_ON]
    if not np.ptp(gradients[chosen], axis=0).any():
        return np.zeros((len(pixels), 1), dtype=np.float32)  # one picture over and over has no axes
    components = int(np.clip(len(chosen) // _FACES_PER_COMPONENT, 1, _MOST_COMPONENTS))
    # Both are exact; each is quick where the other is slow.
    solver = "covariance_eigh" if len(chosen) > gradients.shape[1] else "full"
    pca = PCA(components, whiten=True, svd_solver=solver).fit(gradients[chosen])
    axes: NDArray[np.float32] = pca.transform(gradients).astype(np.float32)
    return axes


def oriented_gradients(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Histograms of oriented gradients, in overlapping blocks of two by two cells, each of unit length.

    Source: Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005.

    Args:
        pixels: uint8 of shape (N, H, W).

    Returns:
        float32 of shape (N, blocks * 4 * `_DIRECTIONS`).
    """
    parts = [_histograms(pixels[start : start + _AT_ONCE]) for start in range(0, len(pixels), _AT_ONCE)]
    return np.concatenate(parts)


def _histograms(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    high, wide = (side // _CELLS for side in pixels.shape[1:])  # of a cell, in pixels
    # The root evens out light, as the source found.
    gray = np.sqrt(pixels[:, : high * _CELLS, : wide * _CELLS].astype(np.float32))
    down, right = np.zeros_like(gray), np.zeros_like(gray)
    down[:, 1:-1] = gray[:, 2:] - gray[:, :-2]
    right[:, :, 1:-1] = gray[:, :, 2:] - gray[:, :, :-2]
    strength = np.hypot(right, down)
    direction = np.arctan2(down, right) % np.pi * (_DIRECTIONS / np.pi)
    cells = np.empty((len(gray), _CELLS, _CELLS, _DIRECTIONS), dtype=np.float32)
    for number in range(_DIRECTIONS):
        apart = np.abs(direction - number)
        near = np.maximum(1 - np.minimum(apart, _DIRECTIONS - apart), 0)
        cells[..., number] = (strength * near).reshape(-1, _CELLS, high, _CELLS, wide).sum(axis=(2, 4))
    blocks = np.concatenate(
        [cells[:, top : _CELLS - 1 + top, left : _CELLS - 1 + left] for top in (0, 1) for left in (0, 1)], axis=-1
    )
    blocks /= np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _NOISE)
    return blocks.reshape(len(gray), -1)


MOST_UNLIKE = 48
"""How many of the least usual pictures are listed."""


@dataclass(frozen=True, slots=True)
class Oddities:
    """Pictures to look at.

    Attributes:
        flat: No contrast: a standard deviation below `FLAT_BELOW` gray levels.
        not_a_face: Called no face by more FER+ voters than anything else; None where nobody voted.
        unlike: The `MOST_UNLIKE` pictures farthest from the mean in the whitened space of `face_features`, farthest
            first, flat ones aside. Some show no face, others a profile, a hand or writing: it is for people to see.
    """

    flat: tuple[Reference, ...]
    not_a_face: tuple[Reference, ...] | None
    unlike: tuple[Reference, ...]

    @property
    def unlike_called_no_face(self) -> int | None:
        """How many of `unlike` the voters call no face; None where nobody voted."""
        return None if self.not_a_face is None else len(set(self.unlike) & set(self.not_a_face))

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts."""
        return {
            "flat_below": FLAT_BELOW,
            "flat": [face.to_dict() for face in self.flat],
            "not_a_face": None if self.not_a_face is None else [face.to_dict() for face in self.not_a_face],
            "unlike": [face.to_dict() for face in self.unlike],
            "unlike_called_no_face": self.unlike_called_no_face,
        }


def oddities(faces: LabelledFaces, gray: NDArray[np.uint8], features: NDArray[np.float32]) -> Oddities:
    """Finds the pictures that may show no face.

    Args:
        faces: N faces.
        gray: The same as pictures of one size, uint8 of shape (N, H, W).
        features: Of these, as from `face_features`.
    """
    is_flat = flat(gray)
    distance = np.where(is_flat, -1.0, np.einsum("ij,ij->i", features, features))
    farthest = np.argsort(-distance, kind="stable")[:MOST_UNLIKE]
    votes = faces.votes
    return Oddities(
        flat=faces.references(np.flatnonzero(is_flat)),
        not_a_face=faces.references(np.flatnonzero(not_a_face(votes))) if votes.any() else None,
        unlike=faces.references(farthest[~is_flat[farthest]]),
    )
