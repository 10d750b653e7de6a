"""Lightning's trainer for a run: what it logs, averages, saves, shows, and when it ends."""

import re
from collections.abc import Callable, Mapping, Sequence
from math import isfinite
from pathlib import Path
from typing import IO, Any, cast

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import (
    EarlyStopping,
    LearningRateMonitor,
    ModelCheckpoint,
    RichProgressBar,
    WeightAveraging,
)
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from lightning.pytorch.plugins import TorchCheckpointIO
from torch import Tensor, distributed
from torch.nn.utils import parameters_to_vector

from mien.errors import ConfigError, OutputError, first_line
from mien.files import whole_file
from mien.train.config import EarlyStopConfig, TrainingConfig
from mien.train.device import Machine, Precision

CHECKPOINT = "last.ckpt"

Watch = Callable[[int, Mapping[str, float]], bool]
"""Takes the number of epochs done and the metrics by name (P1, nll_P1, …); True ends the run."""

_Tensors = tuple[Tensor, ...] | list[Tensor]

_OF_A_CHECKPOINT = frozenset(("state_dict", "callbacks"))
_LOG = re.compile(r"logs-(\d+)")
_PROTOCOL = re.compile(r"(nll_)?P\d")


class EpochRecord(Callback):
    """What the last finished epoch gave; it is saved with the weights, so that both are of the same epoch.

    Args:
        tell: Takes `epochs` and `accuracy` once they are saved; those of the last epoch are for whoever ends the run.

    Attributes:
        epochs: How many are finished.
        accuracy: Share right on the held-out faces by protocol.
    """

    def __init__(self, tell: Callable[[int, Mapping[str, float]], None] | None = None) -> None:
        self.tell = tell
        self.epochs = 0
        self.accuracy: dict[str, float] = {}

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called after validation, before the epoch is saved; `ConfigError` if a metric is NaN or infinite."""
        del pl_module
        if not all(map(isfinite, trainer.callback_metrics.values())):
            raise ConfigError(
                f"the training diverged: the loss became NaN or infinite in epoch {trainer.current_epoch + 1}; "
                "lower optimizer.peak_learning_rate and train into another folder"
            )
        self.epochs = trainer.current_epoch + 1
        self.accuracy = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("P")}

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called when the previous epoch has been saved."""
        del trainer, pl_module
        if self.tell and self.epochs:
            self.tell(self.epochs, self.accuracy)

    def state_dict(self) -> dict[str, Any]:
        """What is saved."""
        return {"epochs": self.epochs, "accuracy": self.accuracy}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continues from what was saved."""
        self.epochs, self.accuracy = state_dict["epochs"], state_dict["accuracy"]


class EpochCallback(Callback):
    """Tells somebody what each epoch gave, who may end the run there."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Called after validation."""
        del pl_module
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items() if _PROTOCOL.match(name)}
        if self.watch(trainer.current_epoch + 1, metrics):
            trainer.should_stop = True


def make_trainer(
    config: TrainingConfig,
    folder: Path,
    machine: Machine,
    precision: Precision,
    callbacks: Sequence[Callback],
) -> Trainer:
    """A trainer for the processes of `machine`, with `callbacks` beside those that it always has.

    It has no progress bar unless `Progress` is among them.
    """
    callbacks = [
        _Averaging(config.optimizer.averaging_decay, machine.device),
        ModelCheckpoint(folder, filename=Path(CHECKPOINT).stem, enable_version_counter=False),
        LearningRateMonitor(logging_interval="epoch"),
        *callbacks,
    ]
    if config.early_stop.patience:
        callbacks.append(_EarlyStop(config.early_stop))
    log = _next_log(folder)
    return Trainer(
        accelerator=machine.device,
        devices=machine.processes_per_node,
        num_nodes=machine.nodes,
        strategy="ddp" if machine.processes > 1 else "auto",
        max_epochs=config.epochs,
        default_root_dir=folder,
        precision=precision,
        callbacks=callbacks,
        plugins=[AtomicCheckpointIO()],
        logger=[
            CSVLogger(folder, name="", version=log),
            TensorBoardLogger(folder, name="", version=log, default_hp_metric=False),
        ],
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=any(isinstance(callback, Progress) for callback in callbacks),
        enable_model_summary=False,
        gradient_clip_val=5.0,
        # Where an operation has no deterministic form, torch takes the other one and says so.
        deterministic="warn" if machine.device == "cuda" else None,
        use_distributed_sampler=False,
    )


def _next_log(folder: Path) -> str:
    """The log of this start. A logger empties the folder it is given, so it is one that no start before has had."""
    numbers = [int(found[1]) for path in folder.glob("logs-*") if (found := _LOG.fullmatch(path.name))]
    return f"logs-{max(numbers, default=0) + 1}"


class Progress(RichProgressBar):
    """Lightning's bar, which would call the first of 44 epochs 0/43."""

    def _get_train_description(self, current_epoch: int) -> str:
        return f"Epoch {current_epoch + 1}/{self.trainer.max_epochs}".ljust(len(self.validation_description))


class AtomicCheckpointIO(TorchCheckpointIO):
    """Replaces a checkpoint in one step; Lightning's own way can leave half of one where /tmp is another disk."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Called by the trainer; see its `CheckpointIO`. Raises `OutputError` where it cannot be written."""
        del storage_options
        recorded: _Recorded | None = None
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with whole_file(Path(path)) as file:
                recorded = _Recorded(file)
                torch.save(checkpoint, cast(IO[bytes], recorded))
        except (OSError, RuntimeError) as fault:
            error = recorded.error if recorded and recorded.error else fault
            if not isinstance(error, OSError):
                raise
            raise OutputError(
                f"cannot write {path}: {error.strerror or error}; make space, and resume from the last epoch before"
            ) from fault


class _Recorded:
    """A file that keeps why it could not be written, which torch turns into words about its own insides."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.error: OSError | None = None

    def write(self, data: Any) -> int:
        try:
            return self._file.write(data)
        except OSError as error:
            self.error = self.error or error
            raise

    def flush(self) -> None:
        self._file.flush()


def read_checkpoint(path: Path) -> dict[str, Any]:
    """What a checkpoint holds, loaded to the processor's memory; raises `ConfigError` if it cannot be read."""
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as fault:  # torch's loader lets through whatever the damage leads to
        raise ConfigError(f"cannot load {path}: {first_line(fault)}; train again") from fault
    if isinstance(checkpoint, dict) and checkpoint.keys() >= _OF_A_CHECKPOINT:
        return checkpoint
    raise ConfigError(f"cannot load {path}: it is not the checkpoint of a training; train again")


class _EarlyStop(EarlyStopping):
    """Ends the run by its rule; a run that was killed after that ends at once when it is resumed."""

    def __init__(self, config: EarlyStopConfig) -> None:
        mode = "min" if config.monitor.startswith("nll") else "max"
        super().__init__(config.monitor, patience=config.patience, mode=mode, check_finite=False)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        del pl_module
        trainer.should_stop = self.wait_count >= self.patience


class _Averaging(WeightAveraging):
    """The moving average of the weights; the same in every process."""

    def __init__(self, decay: float, device: str) -> None:
        # Left to itself, Lightning makes the copy before it moves the network to its GPU: on the processor, to which
        # each step would then bring all weights.
        super().__init__(device=device, multi_avg_fn=_moving_average(decay))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.world_size > 1:
            _share_statistics(pl_module)
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)


def _share_statistics(module: LightningModule) -> None:
    """Sets batch normalization's running statistics to their mean over all processes.

    Gradients are shared, so weights are the same everywhere, but each process has seen only its share of the batch.
    """
    learning = [layer for layer in module.modules() if layer.training]  # what is frozen keeps its own to the digit
    statistics = [b for layer in learning for b in layer.buffers(recurse=False) if b.is_floating_point()]
    if not statistics:
        return
    total = parameters_to_vector(statistics)
    distributed.all_reduce(total)
    parts = torch.split(total, [buffer.numel() for buffer in statistics])
    for buffer, part in zip(statistics, parts, strict=True):
        buffer.copy_(part.view_as(buffer) / distributed.get_world_size())


def _moving_average(decay: float) -> Callable[[_Tensors, _Tensors, Tensor | int], None]:
    """An exponential moving average that forgets the first, random weights sooner than `decay` alone would."""

    def average(averaged: _Tensors, current: _Tensors, updates: Tensor | int) -> None:
        if not averaged[0].is_floating_point():  # all are of one type; batch normalization's counts are not averaged
            torch._foreach_copy_(averaged, current)
            return
        steps = float(updates)
        torch._foreach_lerp_(averaged, current, 1 - min(decay, (1 + steps) / (10 + steps)))

    return average
