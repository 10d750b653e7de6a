from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mien.train.config import TrainingConfig
from mien.train.run.machine import Machine
from mien.train.run.trainer import Progress, WholeFiles, make_trainer


def test_epochs_are_counted_from_one() -> None:
    progress = Progress()
    progress._trainer = SimpleNamespace(max_epochs=44)
    assert [progress._get_train_description(epoch).rstrip() for epoch in (0, 43)] == ["Epoch 1/44", "Epoch 44/44"]


def test_a_checkpoint_stays_whole_where_the_next_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, path = WholeFiles(), tmp_path / "last.ckpt"
    files.save_checkpoint({"epoch": 1}, path)
    whole = path.read_bytes()

    def torn(checkpoint: object, file: object) -> None:
        del checkpoint
        file.write(whole[: len(whole) // 2])
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OSError, match="no space"):
            files.save_checkpoint({"epoch": 2}, path)
    assert path.read_bytes() == whole
    files.save_checkpoint({"epoch": 2}, path)
    assert files.load_checkpoint(path, weights_only=True) == {"epoch": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_no_start_takes_the_log_of_another(tmp_path: Path) -> None:
    for name in ("logs-2", "logs-10", "logs-old"):  # the first was deleted
        (tmp_path / name).mkdir()
    trainer = make_trainer(TrainingConfig(), tmp_path, Machine(), "32-true", callbacks=[], quiet=True)
    assert [Path(logger.log_dir).name for logger in trainer.loggers] == ["logs-11", "logs-11"]
