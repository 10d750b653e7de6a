import signal
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from lightning import LightningModule, Trainer
from torch.optim.swa_utils import AveragedModel

from mien.errors import OutputError
from mien.train.config import TrainingConfig
from mien.train.device import Machine
from mien.train.trainer import AtomicCheckpointIO, Progress, _Averaging, _moving_average, make_trainer


def test_epochs_are_counted_from_one() -> None:
    progress = Progress()
    progress._trainer = SimpleNamespace(max_epochs=44)
    assert [progress._get_train_description(epoch).rstrip() for epoch in (0, 43)] == ["Epoch 1/44", "Epoch 44/44"]


def test_a_checkpoint_stays_whole_where_the_next_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    files.save_checkpoint({"epoch": 1}, path)
    whole = path.read_bytes()

    def torn(checkpoint: object, file: object) -> None:
        del checkpoint
        file.write(whole[: len(whole) // 2])
        raise OSError("no space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", torn)
        with pytest.raises(OutputError, match=r"cannot write .*last\.ckpt: no space left on device; make space, and"):
            files.save_checkpoint({"epoch": 2}, path)
    assert path.read_bytes() == whole
    files.save_checkpoint({"epoch": 2}, path)
    assert files.load_checkpoint(path, weights_only=True) == {"epoch": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["last.ckpt"]


def test_a_full_disk_is_said_with_the_file_and_leaves_no_draft(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    files, path = AtomicCheckpointIO(), tmp_path / "last.ckpt"
    before = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[0][1]))
    try:
        with pytest.raises(OutputError, match=r"cannot write .*last\.ckpt: File too large; make space"):
            files.save_checkpoint({"weights": torch.zeros(1_000_000)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before[0])
        signal.signal(signal.SIGXFSZ, before[1])
    assert list(tmp_path.iterdir()) == []


def test_other_faults_of_a_checkpoint_are_not_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "save", Mock(side_effect=RuntimeError("something else")))
    with pytest.raises(RuntimeError, match="something else"):
        AtomicCheckpointIO().save_checkpoint({}, tmp_path / "last.ckpt")


def test_no_start_takes_the_log_of_another(tmp_path: Path) -> None:
    for name in ("logs-2", "logs-10", "logs-old"):  # the first was deleted
        (tmp_path / name).mkdir()
    trainer = make_trainer(TrainingConfig(), tmp_path, Machine(), "32-true", callbacks=[])
    assert [Path(logger.log_dir).name for logger in trainer.loggers] == ["logs-11", "logs-11"]


def test_average_forgets_the_first_weights_and_follows_the_formula() -> None:
    layer, decay = torch.nn.BatchNorm1d(3), 0.5
    averaged = AveragedModel(layer, multi_avg_fn=_moving_average(decay), use_buffers=True)
    expected = None
    for step in range(12):
        with torch.no_grad():
            layer.weight.copy_(torch.rand(3))
        layer.num_batches_tracked.fill_(step)
        averaged.update_parameters(layer)
        kept = min(decay, (1 + step) / (10 + step))
        expected = layer.weight.detach().clone() if not step else kept * expected + (1 - kept) * layer.weight.detach()
    torch.testing.assert_close(averaged.module.weight.detach(), expected)
    assert averaged.module.num_batches_tracked == 11


def test_the_average_lives_on_the_device_that_trains() -> None:
    """No GPU is needed for this: at that time the network is on the processor still."""

    class Network(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.BatchNorm1d(3)

    averaging, network = _Averaging(0.9, "meta"), Network()
    averaging.setup(Trainer(accelerator="cpu", logger=False, enable_checkpointing=False), network, "fit")
    devices = {value.device.type for value in averaging._average_model.state_dict().values()}
    assert (devices, network.device.type) == ({"meta"}, "cpu")
