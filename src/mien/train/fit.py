"""One training run: from labelled faces to a folder with a checkpoint, its configuration, metrics and manifest."""

import json
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint, RichProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from mien._version import __version__
from mien.data.duplicates import training_rows_to_keep
from mien.data.faces import LabelledFaces
from mien.data.manifest import Manifest, manifest
from mien.errors import ConfigError
from mien.preprocess import Framing, Preprocessing
from mien.train.config import TrainingConfig
from mien.train.losses import soft_targets
from mien.train.module import ExpressionTraining

CHECKPOINT = "last.ckpt"
FACTS = "run.json"
_VALIDATION_BATCH = 256
_BESIDE_THE_POINT = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's facts, or what is resumed
    ".*does not have many workers",  # the faces are in memory; workers would only copy them
    ".*treespec, LeafSpec.* is deprecated",  # Lightning's own use of torch
    "Precision .* is not supported by the model summary",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Where a finished run lies and what it gave.

    Attributes:
        folder: Holds `last.ckpt`, `run.json` and, for each start, `logs-N/metrics.csv`.
        accuracy: Share right on the held-out faces by protocol, from the last epoch's averaged weights.
        elapsed_s: Wall-clock seconds of the training.
    """

    folder: Path
    accuracy: dict[str, float]
    elapsed_s: float


def fit(
    training: LabelledFaces,
    held_out: LabelledFaces,
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    threads: int | None = None,
    quiet: bool = False,
) -> Run:
    """Trains a network; what `training` repeats of `held_out` is left out first.

    Args:
        training: Faces to learn from.
        held_out: Faces to watch the training on; no weight depends on them.
        config: Everything that decides the result.
        folder: Receives the run; it is made if it does not exist.
        resume: Whether to go on from the last epoch that the run in `folder` has finished.
        threads: Processor threads for torch, in this whole process; None leaves them as they are.
        quiet: Whether to show no progress.

    Raises:
        ConfigError: If there is nothing to resume, or a run is there already and `resume` is False.
    """
    checkpoint = folder / CHECKPOINT
    if resume and not checkpoint.is_file():
        raise ConfigError(f"nothing to resume: {checkpoint} does not exist; leave out --resume to start")
    if not resume and checkpoint.exists():
        raise ConfigError(f"{folder} holds a run already; add --resume to go on with it, or name another folder")
    if resume and (stored := run_facts(folder)["config"]) != config.model_dump(mode="json"):
        changed = sorted(key for key, value in config.model_dump(mode="json").items() if stored.get(key) != value)
        raise ConfigError(f"cannot resume {folder}: the configuration has changed in {', '.join(changed)}")
    folder.mkdir(parents=True, exist_ok=True)
    keep, left_out = training_rows_to_keep(training, held_out)
    training = training[keep]
    preprocessing = measured_preprocessing(training, config)
    facts = manifest(training, held_out, left_out)
    write_facts(folder, config, preprocessing, facts, accuracy={}, elapsed_s=0.0)

    if threads is not None:
        torch.set_num_threads(threads)
    module = ExpressionTraining(config, preprocessing)
    seeded_weights(module, config.seed)
    trainer = _trainer(config, folder, quiet=quiet)
    started = time.monotonic()
    with warnings.catch_warnings():
        for message in _BESIDE_THE_POINT:
            warnings.filterwarnings("ignore", message)
        trainer.fit(
            module,
            training_batches(training, config),
            held_out_batches(held_out),
            ckpt_path=checkpoint if resume else None,
            weights_only=True if resume else None,
        )
    elapsed_s = time.monotonic() - started
    accuracy = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("P")}
    write_facts(folder, config, preprocessing, facts, accuracy=accuracy, elapsed_s=elapsed_s)
    return Run(folder, accuracy, elapsed_s)


def run_facts(folder: Path) -> dict[str, Any]:
    """What `run.json` of a run says; raises `ConfigError` if there is none."""
    try:
        table: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
    except (OSError, ValueError) as fault:
        raise ConfigError(f"{folder} holds no training run ({fault}); make one with: mien train") from fault
    return table


def measured_preprocessing(training: LabelledFaces, config: TrainingConfig) -> Preprocessing:
    """Preprocessing with the mean and standard deviation of the training pixels."""
    pixels = training.pixels
    framing = Framing(**config.framing.model_dump())
    return Preprocessing(pixels.shape[-1], round(float(pixels.mean()), 2), round(float(pixels.std()), 2), framing)


def seeded_weights(module: ExpressionTraining, seed: int) -> None:
    """Draws the initial weights anew from `seed`, leaving the global random state as it was."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fresh = ExpressionTraining(module.config, module.preprocessing)
    module.load_state_dict(fresh.state_dict())


class ShuffledBatches(Sampler[list[int]]):
    """Whole batches of shuffled positions; the order depends on the seed and the epoch alone, so a run can resume."""

    def __init__(self, length: int, batch_size: int, seed: int) -> None:
        self.length, self.batch_size, self.seed, self.epoch = length, min(batch_size, length), seed, 0

    def __len__(self) -> int:
        return self.length // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for batch in range(len(self)):
            yield order[batch * self.batch_size : (batch + 1) * self.batch_size].tolist()


def training_batches(faces: LabelledFaces, config: TrainingConfig) -> DataLoader[tuple[Tensor, ...]]:
    """Shuffled batches of uint8 pictures of shape (N, 1, H, W) and the soft targets of both heads."""
    dataset = TensorDataset(torch.from_numpy(faces.pixels[:, None]), *soft_targets(faces, config.loss))
    batches = ShuffledBatches(len(faces), config.batch_size, config.seed)
    # Indexing the tensors with a whole batch at once is quicker than collating single faces.
    return DataLoader(dataset, sampler=batches, batch_size=None)


def held_out_batches(faces: LabelledFaces) -> DataLoader[tuple[Tensor, ...]]:
    """All faces in order, with the truth of each protocol (P3, P4, P1, P2) as class positions."""
    truths = (faces.fer7, faces.majority(), faces.fer2013_core4(), faces.consensus_core4())
    dataset = TensorDataset(torch.from_numpy(faces.pixels[:, None]), *map(torch.from_numpy, truths))
    return DataLoader(dataset, batch_size=_VALIDATION_BATCH)


def write_facts(
    folder: Path,
    config: TrainingConfig,
    preprocessing: Preprocessing,
    facts: Manifest,
    *,
    accuracy: dict[str, float],
    elapsed_s: float,
) -> None:
    """Writes `run.json`: everything about a run but its weights."""
    table: dict[str, Any] = {
        "mien": __version__,
        "torch": torch.__version__,
        "config": config.model_dump(mode="json"),
        "preprocessing": asdict(preprocessing),
        "data": asdict(facts),
        "accuracy": accuracy,
        "elapsed_s": round(elapsed_s, 1),
    }
    (folder / FACTS).write_text(json.dumps(table, indent=2) + "\n", "utf-8")


def _trainer(config: TrainingConfig, folder: Path, *, quiet: bool) -> Trainer:
    callbacks: list[Callback] = [
        WeightAveraging(avg_fn=_moving_average(config.optimiser.averaging_decay)),
        ModelCheckpoint(folder, filename=Path(CHECKPOINT).stem, enable_version_counter=False),
    ]
    if not quiet:
        callbacks.append(RichProgressBar())
    return Trainer(
        max_epochs=config.epochs,
        precision=config.precision,
        callbacks=callbacks,
        # The logger empties the folder it is given, so each start writes to its own.
        logger=CSVLogger(folder, name="", version=f"logs-{len(list(folder.glob('logs-*'))) + 1}"),
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=not quiet,
        enable_model_summary=not quiet,
        gradient_clip_val=5.0,
        use_distributed_sampler=False,
    )


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that forgets the first, random weights sooner than `decay` alone would."""

    def average(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        steps = float(updates)
        return averaged + (current - averaged) * (1 - min(decay, (1 + steps) / (10 + steps)))

    return average
