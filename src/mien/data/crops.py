"""Face crops as their source has them: of any size, in gray or color."""

from collections.abc import Iterator, Sequence
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError

Crop = NDArray[np.uint8]
"""One crop: uint8 of shape (H, W), gray, or (H, W, 3), RGB."""

Choice = NDArray[np.bool_] | NDArray[np.int64] | slice
"""Which of N things: a mask of shape (N,), positions, or a slice."""


class Crops(Sequence[Crop]):
    """N crops; an index gives one of them, a mask, positions or a slice some.

    Args:
        crops: uint8, stacked as (N, H, W) or (N, H, W, 3), or one by one. Nothing is copied but crops of one shape that
            come one by one.

    Attributes:
        stacked: All of them as one array where they have one shape, else None. It may be mapped from a file.

    Raises:
        DataError: If one is not uint8, or of another shape.
    """

    __slots__ = ("_single", "stacked")

    stacked: NDArray[np.uint8] | None
    _single: tuple[Crop, ...]

    def __init__(self, crops: NDArray[np.uint8] | Sequence[Crop]) -> None:
        if isinstance(crops, np.ndarray):
            _check(crops.shape[1:], crops.dtype)
            self.stacked, self._single = crops, ()
            return
        for crop in crops:
            _check(crop.shape, crop.dtype)
        shapes = {crop.shape for crop in crops}
        if len(shapes) > 1:
            self.stacked, self._single = None, tuple(crops)
        else:
            self.stacked = np.stack(crops) if crops else np.empty((0, 0, 0), dtype=np.uint8)
            self._single = ()

    @classmethod
    def concatenate(cls, parts: Sequence[Self]) -> Self:
        """The crops of several collections, one after the other."""
        some = [part for part in parts if len(part)]
        if len(some) <= 1:
            return (some or list(parts))[0]  # not a copy: it may be mapped from a file
        arrays = [part.stacked for part in some if part.stacked is not None]
        if len(arrays) == len(some) and len({array.shape[1:] for array in arrays}) == 1:
            return cls(np.concatenate(arrays))
        singles: list[Crop] = [crop for part in some for crop in part]
        return cls(singles)

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shape of each crop."""
        if self.stacked is not None:
            return (self.stacked.shape[1:],) * len(self.stacked)
        return tuple(crop.shape for crop in self._single)

    def __len__(self) -> int:
        return len(self._single if self.stacked is None else self.stacked)

    def __iter__(self) -> Iterator[Crop]:
        return iter(self._single if self.stacked is None else self.stacked)

    @overload
    def __getitem__(self, chosen: int) -> Crop: ...
    @overload
    def __getitem__(self, chosen: Choice) -> Self: ...
    def __getitem__(self, chosen: int | Choice) -> Crop | Self:
        if isinstance(chosen, int | np.integer):
            crop: Crop = self._single[chosen] if self.stacked is None else self.stacked[chosen]
            return crop
        if self.stacked is not None:
            return type(self)(self.stacked[chosen])
        if isinstance(chosen, slice):
            return type(self)(self._single[chosen])
        return type(self)([self._single[position] for position in np.arange(len(self))[chosen]])

    def __repr__(self) -> str:
        shapes = sorted(set(self.shapes))
        return f"Crops({len(self)} of {', '.join('×'.join(map(str, shape)) for shape in shapes)})"


def _check(shape: tuple[int, ...], dtype: np.dtype[np.uint8]) -> None:
    if dtype != np.uint8 or not (len(shape) == 2 or (len(shape) == 3 and shape[2] == 3)):
        raise DataError(f"a face crop must be uint8 of shape (H, W) or (H, W, 3); got {dtype} of shape {shape}")
