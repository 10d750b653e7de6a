from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.train.run_record import alone_in


def test_one_training_at_a_time(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "run"
    with (
        alone_in(folder),
        pytest.raises(ConfigError, match=r"another training is at work in .*run; let it end"),
        alone_in(folder),
    ):
        pass
    with alone_in(folder):
        pass
