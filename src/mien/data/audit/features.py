"""A few numbers for each face by which a simple classifier can tell expressions, and strange pictures stand out."""

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

_CELL_PX = 6  # a face of 48 px has eight cells on a side
_DIRECTIONS = 8
_NOISE = 1e-2  # keeps a block without gradients from being blown up
_AT_ONCE = 128  # faces; more do not fit the processor's cache
_MOST_COMPONENTS = 256
_FACES_PER_COMPONENT = 10
_FITTED_ON = 10_000  # faces; the axes of more are the same, and take longer


def face_features(pixels: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Histograms of oriented gradients along their main axes, of unit variance along each.

    Args:
        pixels: uint8 of shape (N, H, W); at least 2 faces, of at least 12 px on each side.
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
    rows, columns = (side // _CELL_PX for side in pixels.shape[1:])
    # The root evens out light, as the source found.
    grey = np.sqrt(pixels[:, : rows * _CELL_PX, : columns * _CELL_PX].astype(np.float32))
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    right[:, :, 1:-1] = grey[:, :, 2:] - grey[:, :, :-2]
    strength = np.hypot(right, down)
    direction = np.arctan2(down, right) % np.pi * (_DIRECTIONS / np.pi)
    cells = np.empty((len(grey), rows, columns, _DIRECTIONS), dtype=np.float32)
    for number in range(_DIRECTIONS):
        apart = np.abs(direction - number)
        near = np.maximum(1 - np.minimum(apart, _DIRECTIONS - apart), 0)
        cells[..., number] = (strength * near).reshape(-1, rows, _CELL_PX, columns, _CELL_PX).sum(axis=(2, 4))
    blocks = np.concatenate(
        [cells[:, top : rows - 1 + top, left : columns - 1 + left] for top in (0, 1) for left in (0, 1)], axis=-1
    )
    blocks /= np.sqrt((blocks**2).sum(axis=-1, keepdims=True) + _NOISE)
    return blocks.reshape(len(grey), -1)
