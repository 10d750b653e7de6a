import copy

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.data.crops import Crops
from mien.errors import DataError

STACKED = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
SINGLE = [np.full((2, 3), 1, np.uint8), np.full((4, 4, 3), 2, np.uint8), np.full((2, 3), 3, np.uint8)]


def values(crops: Crops) -> list[int]:
    return [int(crop.flat[0]) for crop in crops]


def test_crops_of_one_shape_are_one_array() -> None:
    crops = Crops(STACKED)
    assert crops.stacked is STACKED
    assert Crops(list(STACKED)).stacked is not None
    assert crops.shapes == ((4, 5),) * 3
    assert np.shares_memory(crops[1:].stacked, STACKED)
    assert crops[np.int64(2)].tolist() == STACKED[2].tolist()
    assert repr(crops) == "Crops(3 of 4×5)"


def test_crops_of_several_shapes_are_chosen_in_each_way() -> None:
    crops = Crops(SINGLE)
    assert crops.stacked is None
    assert (len(crops), values(crops), crops.shapes[1]) == (3, [1, 2, 3], (4, 4, 3))
    assert values(crops[np.array([2, 0])]) == [3, 1]
    assert values(crops[np.array([False, True, True])]) == [2, 3]
    assert values(crops[::-1]) == [3, 2, 1]
    assert crops[-1][0, 0] == 3
    assert crops[np.array([0, 2])].stacked is not None
    assert repr(crops) == "Crops(3 of 2×3, 4×4×3)"
    assert values(copy.deepcopy(crops)) == [1, 2, 3]


def test_collections_are_joined() -> None:
    none = Crops([])
    assert len(none) == 0
    assert Crops.concatenate([none, none]) is none
    whole = Crops(STACKED)
    assert Crops.concatenate([none, whole]) is whole
    joined = Crops.concatenate([whole[:1], whole[1:]])
    assert joined.stacked is not None
    assert np.array_equal(joined.stacked, STACKED)
    assert values(Crops.concatenate([whole, Crops(SINGLE)])) == [0, 20, 40, 1, 2, 3]


@pytest.mark.parametrize(
    "wrong",
    [np.zeros((2, 4, 5)), np.zeros((2, 3, 4, 5), np.uint8), np.zeros((4, 5), np.uint8), [np.zeros(3, np.uint8)]],
    ids=["floats", "channels first", "one crop", "one row"],
)
def test_what_is_no_crop_is_refused(wrong: NDArray[np.uint8]) -> None:
    with pytest.raises(DataError, match=r"must be uint8 of shape \(H, W\) or \(H, W, 3\); got"):
        Crops(wrong)
