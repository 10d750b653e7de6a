from pathlib import Path

import numpy as np
import pytest

from mien.errors import MienError
from mien.study.predictions import PREDICTIONS, RESULT, kept_predictions, kept_result


def test_damaged_files_are_refused_wherever_the_damage_is(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    fer7, ferplus8 = rng.normal(size=(20, 7)).astype(np.float32), rng.normal(size=(20, 8)).astype(np.float32)
    np.savez_compressed(tmp_path / PREDICTIONS, fer7=fer7, ferplus8=ferplus8)
    whole = (tmp_path / PREDICTIONS).read_bytes()
    np.testing.assert_array_equal(kept_predictions(tmp_path)["fer7"], fer7)
    for length in range(0, len(whole), 60):
        (tmp_path / PREDICTIONS).write_bytes(whole[:length])
        with pytest.raises(MienError, match=r"predictions\.npz is damaged; remove the folder"):
            kept_predictions(tmp_path)
    (tmp_path / PREDICTIONS).write_bytes(whole[:60] + bytes(200) + whole[260:])  # what the disk lost in the middle
    with pytest.raises(MienError, match=r"predictions\.npz is damaged"):
        kept_predictions(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"weights": 1}'])
def test_a_damaged_result_is_not_taken_for_one(text: str, tmp_path: Path) -> None:
    assert kept_result(tmp_path) is None
    (tmp_path / RESULT).write_text(text, "utf-8")
    with pytest.raises(MienError, match=r"result\.json is damaged; remove the folder"):
        kept_result(tmp_path)
