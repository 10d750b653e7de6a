import numpy as np
import pytest

from mien.detect.pyramid import level, octaves, shrink

RAMP = np.broadcast_to(np.arange(0, 240, 3, dtype=np.uint8)[None, :, None], (60, 80, 3)).copy()


def test_shrink_averages_and_never_enlarges() -> None:
    assert shrink(RAMP, 1.0) is RAMP
    half = shrink(RAMP, 0.5)
    assert half.shape == (30, 40, 3)
    assert half[0, :, 0].astype(int).tolist() == pytest.approx((RAMP[0, ::2, 0] + 1.5).tolist(), abs=0.5)
    assert shrink(RAMP, 0.001).shape == (1, 1, 3)


def test_octaves_halve_until_a_side_would_be_too_small() -> None:
    assert [picture.shape[:2] for picture in octaves(RAMP, 12)] == [(60, 80), (30, 40), (15, 20)]
    assert [picture.shape[:2] for picture in octaves(RAMP[:59, :79], 12)] == [(59, 79), (30, 40), (15, 20)]
    assert len(octaves(RAMP, 31)) == 1


@pytest.mark.parametrize(("scale", "size"), [(1.0, (60, 80)), (0.7, (42, 56)), (0.5, (30, 40)), (0.3, (18, 24))])
def test_a_level_has_the_scale_asked_for_and_the_same_light(scale: float, size: tuple[int, int]) -> None:
    found = level(octaves(RAMP, 12), scale)
    assert found.shape == (*size, 3)
    assert found.mean() == pytest.approx(RAMP.mean(), abs=1)
    assert (np.diff(found[0, :, 0].astype(int)) >= 0).all()
