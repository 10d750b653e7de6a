import numpy as np
import pytest

from mien.data.image_quality import MEASURES, measure_quality


def test_measures_mean_what_they_say() -> None:
    assert MEASURES == ("brightness", "contrast", "sharpness")
    even = np.stack([np.full((48, 48), 10), np.full((48, 48), 250)]).astype(np.uint8)
    assert measure_quality(even).tolist() == [[10, 0, 0], [250, 0, 0]]
    edge = np.zeros((48, 48), dtype=np.uint8)
    edge[:, 24:] = 200
    soft = np.tile(np.linspace(0, 200, 48), (48, 1)).astype(np.uint8)
    flat = np.full((48, 48), 99, dtype=np.uint8)
    sharp, smooth, none = measure_quality(np.stack([edge, soft, flat]))[:, 2]
    assert sharp > 10 * smooth > none == 0
    # Two columns of 46 have a Laplacian of 200 and -200.
    assert sharp == pytest.approx(200 * np.sqrt(2 / 46))
