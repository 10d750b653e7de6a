"""One training run: from labelled faces to a folder with a checkpoint, its configuration, metrics and manifest."""

import json
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
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
from mien.data.duplicates import LeftOut, training_rows_to_keep
from mien.data.faces import LabelledFaces
from mien.data.manifest import manifest
from mien.errors import ConfigError, DataError, first_line
from mien.preprocess import Framing, Preprocessing
from mien.train.commit import source_commit
from mien.train.config import TrainingConfig
from mien.train.losses import soft_targets
from mien.train.module import ExpressionTraining

CHECKPOINT = "last.ckpt"
FACTS = "run.json"
_VALIDATION_BATCH = 256
_FACT_KEYS = frozenset(
    ("mien", "commit", "torch", "config", "pixels", "data", "epochs_done", "accuracy", "started_s", "elapsed_s")
)

Batches = DataLoader[tuple[Tensor, ...]]
_BESIDE_THE_POINT = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's facts, or what is resumed
    "The dirpath has changed",  # a run may be moved before it is resumed
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
        ConfigError: If there is nothing to resume, what is there had other data or another configuration, or a run is
            there already and `resume` is False.
        DataError: If nothing is left to train on.
        KeyboardInterrupt: If it is interrupted; the last finished epoch can be resumed.
    """
    checkpoint = folder / CHECKPOINT
    if resume and not checkpoint.is_file():
        raise ConfigError(f"nothing to resume: {checkpoint} does not exist; leave out --resume to start")
    if not resume and checkpoint.exists():
        raise ConfigError(f"{folder} holds a run already; add --resume to go on with it, or name another folder")
    keep, left_out = training_rows_to_keep(training, held_out)
    if not keep.any():
        raise DataError("no face is left to train on: all are flat, no faces, or copies of held-out ones")
    training = training[keep]
    facts = _new_facts(training, held_out, left_out, config)
    if resume:
        stored = run_facts(folder)
        _refuse_changes(folder, stored, facts)
        if stored["epochs_done"] == config.epochs:
            return Run(folder, stored["accuracy"], stored["elapsed_s"])
        # A run that was killed has not written how long it took; its work ends with its last checkpoint.
        last_leg_s = max(0.0, checkpoint.stat().st_mtime - stored["started_s"])
        facts["elapsed_s"] = stored["elapsed_s"] + last_leg_s
    _make(folder)
    _write(folder, facts)
    if threads is not None:
        torch.set_num_threads(threads)
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        module = ExpressionTraining(config, preprocessing_of(facts))
    trainer = _trainer(config, folder, quiet=quiet)
    _run(trainer, module, (training_batches(training, config), held_out_batches(held_out)), resume_from=checkpoint)
    accuracy = {name: float(value) for name, value in trainer.callback_metrics.items() if name.startswith("P")}
    elapsed_s = round(facts["elapsed_s"] + time.time() - facts["started_s"], 1)
    _write(folder, facts | {"accuracy": accuracy, "elapsed_s": elapsed_s, "epochs_done": trainer.current_epoch})
    return Run(folder, accuracy, elapsed_s)


def run_facts(folder: Path) -> dict[str, Any]:
    """What `run.json` of a run says; raises `ConfigError` if there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
        TrainingConfig.model_validate(facts["config"])
        missing = _FACT_KEYS - facts.keys()
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ConfigError(f"{folder} holds no training run ({first_line(fault)}); make one with: mien train") from fault
    if missing:
        raise ConfigError(f"{folder / FACTS} lacks {', '.join(sorted(missing))}; train again with: mien train")
    return facts


def preprocessing_of(facts: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing that a run's facts state; the framing is the configuration's."""
    return Preprocessing(**facts["pixels"], framing=Framing(**facts["config"]["framing"]))


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


def training_batches(faces: LabelledFaces, config: TrainingConfig) -> Batches:
    """Shuffled batches of uint8 pictures of shape (N, 1, H, W) and the soft targets of both heads."""
    dataset = TensorDataset(torch.from_numpy(faces.pixels[:, None]), *soft_targets(faces, config.loss))
    batches = ShuffledBatches(len(faces), config.batch_size, config.seed)
    # Indexing the tensors with a whole batch at once is quicker than collating single faces.
    return DataLoader(dataset, sampler=batches, batch_size=None)


def held_out_batches(faces: LabelledFaces) -> Batches:
    """All faces in order, with the truth of each protocol (P3, P4, P1, P2) as class positions."""
    truths = (faces.fer7, faces.majority(), faces.fer2013_core4(), faces.consensus_core4())
    dataset = TensorDataset(torch.from_numpy(faces.pixels[:, None]), *map(torch.from_numpy, truths))
    return DataLoader(dataset, batch_size=_VALIDATION_BATCH)


def _new_facts(
    training: LabelledFaces, held_out: LabelledFaces, left_out: LeftOut, config: TrainingConfig
) -> dict[str, Any]:
    """Everything about a run but its weights, as it stands before the first epoch."""
    pixels = training.pixels
    return {
        "mien": __version__,
        "commit": source_commit(),
        "torch": torch.__version__,
        "config": config.model_dump(mode="json"),
        "pixels": {
            "size_px": pixels.shape[-1],
            "mean": round(float(pixels.mean()), 2),
            "std": round(float(pixels.std()), 2),
        },
        "data": asdict(manifest(training, held_out, left_out)),
        "epochs_done": 0,
        "accuracy": {},
        "started_s": time.time(),
        "elapsed_s": 0.0,
    }


def _refuse_changes(folder: Path, stored: dict[str, Any], facts: dict[str, Any]) -> None:
    changed = [f"its {key}" for key in ("data", "pixels") if stored[key] != facts[key]]
    changed += [key for key, value in facts["config"].items() if stored["config"].get(key) != value]
    if changed:
        raise ConfigError(f"cannot resume {folder}: the run there differs in {', '.join(sorted(changed))}")


def _run(trainer: Trainer, module: ExpressionTraining, batches: tuple[Batches, Batches], *, resume_from: Path) -> None:
    resumed = resume_from.exists()
    with warnings.catch_warnings():
        for message in _BESIDE_THE_POINT:
            warnings.filterwarnings("ignore", message)
        try:
            trainer.fit(
                module, *batches, ckpt_path=resume_from if resumed else None, weights_only=True if resumed else None
            )
        except SystemExit as stopped:
            # Lightning ends the process when it is interrupted, which is for the caller to decide.
            raise KeyboardInterrupt from stopped


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"cannot make the folder {folder}: {fault.strerror}; name another with --output") from fault


def _write(folder: Path, facts: dict[str, Any]) -> None:
    draft = folder / f"{FACTS}.draft"
    draft.write_text(json.dumps(facts, indent=2) + "\n", "utf-8")
    draft.replace(folder / FACTS)


def _trainer(config: TrainingConfig, folder: Path, *, quiet: bool) -> Trainer:
    callbacks: list[Callback] = [
        WeightAveraging(avg_fn=_moving_average(config.optimiser.averaging_decay)),
        ModelCheckpoint(folder, filename=Path(CHECKPOINT).stem, enable_version_counter=False),
    ]
    if not quiet:
        callbacks.append(RichProgressBar())
    return Trainer(
        accelerator="cuda" if torch.cuda.is_available() else "cpu",
        devices=1,
        max_epochs=config.epochs,
        precision=config.precision,
        callbacks=callbacks,
        # The logger empties the folder it is given, so each start writes to its own.
        logger=CSVLogger(folder, name="", version=f"logs-{len(list(folder.glob('logs-*'))) + 1}"),
        log_every_n_steps=1,
        num_sanity_val_steps=0,
        enable_progress_bar=not quiet,
        enable_model_summary=False,
        gradient_clip_val=5.0,
        use_distributed_sampler=False,
    )


def _moving_average(decay: float) -> Callable[[Tensor, Tensor, Tensor | int], Tensor]:
    """An exponential moving average that forgets the first, random weights sooner than `decay` alone would."""

    def average(averaged: Tensor, current: Tensor, updates: Tensor | int) -> Tensor:
        steps = float(updates)
        return averaged + (current - averaged) * (1 - min(decay, (1 + steps) / (10 + steps)))

    return average
