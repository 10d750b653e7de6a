"""Whether a crop shows an upright face at all: the last two stages of MTCNN on the crop, as it is and turned.

A network that tells expressions answers whatever it is shown, also a wall, noise or a face upside down, and often with
much confidence. The detector's stages were trained on what is no face, too. Which score and thresholds, and what they
cost, is in docs/decisions/0014-nothing-to-see.md.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mien.model.session import Session, new_session
from mien.model.shipped import read_shipped
from mien.preprocess import Crops, Preprocessing, fit_crop
from mien.results import Doubt

SIDE_PX = 48
FLAT_BELOW = 1.0
"""Crops whose standard deviation is below this, in gray levels, show nothing."""

REFINE_WINDOW, OUTPUT_WINDOW = 1.0, 0.95
"""The part of a crop's side that the second and the third stage see, about its center."""

FACE_EVIDENCE = -2.5
"""With less evidence, in log-odds, a crop shows no face. Lower than in detection: here somebody says it is a face."""

CLEAR_EVIDENCE = 5.0
"""With more evidence a crop shows an upright face, and is not looked at turned; turned faces do not reach it."""

TURNED_EVIDENCE = 3.5
"""A crop that has so much more evidence when it is turned shows a face that is not upright."""

_INPUT = Preprocessing(SIDE_PX, SIDE_PX, "gray", (0.0,), (1.0,))
_BORDER_PX = 1  # what RoiAlign's samples at the border reach into
_ODDS_LIMIT = 1e-6  # float32 scores cannot come closer to 0 and 1


class FaceCheck:
    """Tells crops that show an upright face from those that do not.

    Each crop is looked at alone, so that its answer does not depend on any other. An instance may be called from
    several threads at once and works in processes that were forked.
    """

    def __init__(self, *, threads: int | None = None) -> None:
        """Load the two networks.

        Args:
            threads: Threads that one call may use; None leaves it to ONNX Runtime.

        Raises:
            ArgumentError: `threads` has the wrong type or is less than 1.
            ModelError: A network's file is missing or damaged.
        """
        self._stages = [
            (new_session(read_shipped(f"mtcnn-{name}.onnx"), threads=threads), window)
            for name, window in (("rnet", REFINE_WINDOW), ("onet", OUTPUT_WINDOW))
        ]

    def doubts(self, crops: Crops) -> tuple[Doubt | None, ...]:
        """What speaks against each crop; None where it shows an upright face.

        Args:
            crops: Face crops, uint8, each gray (H, W) or RGB (H, W, 3).
        """
        return tuple(self._doubt(fit_crop(crop, _INPUT)) for crop in crops)

    def evidence(self, crop: NDArray[np.uint8]) -> float:
        """How much speaks for an upright face in a crop, in log-odds; a flat one has none."""
        fitted = fit_crop(crop, _INPUT)
        return float("-inf") if _is_flat(fitted) else self._evidence([fitted])[0]

    def _doubt(self, gray: NDArray[np.uint8]) -> Doubt | None:
        if _is_flat(gray):
            return Doubt.NO_FACE
        (upright,) = self._evidence([gray])
        if upright < FACE_EVIDENCE:
            return Doubt.NO_FACE
        if upright >= CLEAR_EVIDENCE:
            return None
        turned = max(self._evidence([np.rot90(gray, quarters) for quarters in (1, 2, 3)]))
        return Doubt.NOT_UPRIGHT if turned - upright > TURNED_EVIDENCE else None

    def _evidence(self, grays: Sequence[NDArray[np.uint8]]) -> list[float]:
        """Mean log-odds of both stages for each of some crops, uint8 of shape (48, 48)."""
        column = np.concatenate([np.pad(gray, _BORDER_PX, mode="edge") for gray in grays])
        picture = np.repeat(column[:, :, None], 3, axis=2)  # one below the other, as one picture
        step = SIDE_PX + 2 * _BORDER_PX
        middles = step * (np.arange(len(grays), dtype=np.float64) + 0.5)
        odds = [_log_odds(session, picture, middles, window) for session, window in self._stages]
        means: list[float] = np.mean(odds, axis=0).tolist()
        return means


def _log_odds(
    session: Session, picture: NDArray[np.uint8], middles: NDArray[np.float64], window: float
) -> NDArray[np.float64]:
    """Log-odds of a face in the square about the middle of each crop of a column of them."""
    half = window * SIDE_PX / 2
    center = np.full_like(middles, picture.shape[1] / 2)
    boxes = np.stack([center - half, middles - half, center + half, middles + half], axis=1).astype(np.float32)
    (scores,) = session.run(["scores"], {"image": picture, "boxes": boxes})
    chances = np.clip(scores[:, 0].astype(np.float64), _ODDS_LIMIT, 1 - _ODDS_LIMIT)
    return np.asarray(np.log(chances / (1 - chances)))


def _is_flat(gray: NDArray[np.uint8]) -> bool:
    return bool(gray.std() < FLAT_BELOW)
