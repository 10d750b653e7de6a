"""One training run: from labelled faces to a folder with a checkpoint, its configuration, metrics and manifest."""

import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from lightning import Trainer

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.errors import OutputError
from mien.train.checks import refuse_mismatch, refuse_place, refuse_too_few
from mien.train.config import TrainingConfig
from mien.train.dataloaders import Batches, fitted, stacked, training_batches, validation_batches
from mien.train.device import Machine
from mien.train.module import ExpressionTraining, channels_last
from mien.train.networks.pretrained import load_imagenet_weights, weights_file
from mien.train.run_record import (
    RunRecord,
    alone_in,
    new_record,
    read_record,
    refuse_other_training,
    resumed,
    write_record,
)
from mien.train.trainer import CHECKPOINT, EpochCallback, EpochRecord, Progress, Watch, make_trainer

_IGNORED_WARNINGS = (
    "Checkpoint directory .* exists and is not empty",  # it holds the run's facts, or what is resumed
    "The dirpath has changed",  # a run may be moved before it is resumed
    ".*does not have many workers",  # the faces are in memory; workers would only copy them
    r"Found .* module\(s\) in eval mode",  # a frozen trunk answers in training as it always does
    ".*treespec, LeafSpec.* is deprecated",  # Lightning's own use of torch
    "Precision .* is not supported by the model summary",
    "Grad strides do not match bucket view strides",  # of 1 × 1 kernels, whose layout can be said in two ways
)


@dataclass(frozen=True, slots=True)
class Run:
    """Where a finished run lies and what it gave.

    Attributes:
        folder: Holds `last.ckpt`, `run.json` and, for each start, `logs-N` with CSV and TensorBoard logs.
        accuracy: Share right on the validation faces by protocol, from the last epoch's averaged weights.
        elapsed_s: Wall-clock seconds of the training.
        epochs: How many epochs were trained; fewer than configured where it was stopped early.
    """

    folder: Path
    accuracy: Mapping[str, float]
    elapsed_s: float
    epochs: int

    @classmethod
    def of(cls, folder: Path, record: RunRecord) -> "Run":
        """The finished run in `folder`, by its record."""
        return cls(folder, record.accuracy, record.elapsed_s, record.epochs_done)


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How a run is carried out, beside what decides its result.

    Attributes:
        resume: Whether to go on from the last epoch that the run in the folder has finished.
        threads: Processor threads for torch, in this whole process; None leaves them as they are.
        quiet: Whether to show no progress.
        watch: Is told what each epoch gave, and may end the run by it.
    """

    resume: bool = False
    threads: int | None = None
    quiet: bool = False
    watch: Watch | None = None


def fit(
    training: LabelledFaces,
    validation: LabelledFaces,
    config: TrainingConfig,
    folder: Path,
    options: FitOptions = FitOptions(),
) -> Run:
    """Trains a network; what `training` repeats of `validation` is left out first.

    Where torchrun has started several processes, each calls this with the same arguments; they train one network, and
    the first of them writes the files.

    Args:
        training: Faces to learn from.
        validation: Faces to watch the training on; no weight depends on them.
        config: Everything that decides the result.
        folder: Receives the run; it is made if it does not exist.
        options: Whether to resume, how many threads, what to show.

    Raises:
        ConfigError: If there is nothing to resume, what is there had other data or another configuration, a run is
            there already and is not to be resumed, or another process trains there; if the configuration does not suit
            the data or the processes; or if the training diverges.
        DataError: If nothing is left to train on, or fewer faces than there are processes.
        OutputError: If the run cannot be written, such as on a full disk; the last finished epoch can be resumed.
        KeyboardInterrupt: If it is interrupted; the last finished epoch can be resumed.
    """
    checkpoint, machine = folder / CHECKPOINT, Machine.found()
    refuse_place(checkpoint, resume=options.resume)
    refuse_mismatch(config, validation, machine)
    keep, left_out = training_rows_to_keep(training, validation)
    training = training[keep]
    refuse_too_few(training, machine)
    data = manifest(training, validation, left_out)
    training = fitted(training, config.network.channels)
    record = new_record(config, stacked(training), data, machine)
    if options.resume:
        stored = read_record(folder)
        refuse_other_training(folder, stored, record)
        if stored.finished:
            return Run.of(folder, stored)
        record = resumed(stored, record, checkpoint)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with alone_in(folder) if machine.is_first else nullcontext():
        batches = training_batches(training, config, machine), validation_batches(validation, config, machine)
        return Run.of(folder, _trained(record, batches, folder, machine, options))


def _trained(
    record: RunRecord, batches: tuple[Batches, Batches], folder: Path, machine: Machine, options: FitOptions
) -> RunRecord:
    """Trains to the end, noting in `folder` how far it got; the first process alone writes there."""

    def write_progress(epochs: int, accuracy: Mapping[str, float]) -> None:
        write_record(folder, replace(record, epochs_done=epochs, accuracy=accuracy))

    if machine.is_first:
        write_record(folder, record)
    epoch_record = EpochRecord(write_progress if machine.is_first else None)
    watchers = [EpochCallback(options.watch)] if options.watch else []
    callbacks = [epoch_record, *watchers, *([] if options.quiet else [Progress()])]
    trainer = make_trainer(record.config, folder, machine, record.precision, callbacks)
    _run(trainer, _untrained(record), batches, resume_from=folder / CHECKPOINT if options.resume else None)
    done = replace(
        record,
        epochs_done=epoch_record.epochs,
        stopped_early=epoch_record.epochs < record.config.epochs,
        accuracy=epoch_record.accuracy,
        elapsed_s=round(record.elapsed_s + time.time() - record.started_s, 1),
    )
    if machine.is_first:
        write_record(folder, done)
    trainer.strategy.barrier()  # whichever process goes on finds the run complete
    return done


def _untrained(record: RunRecord) -> ExpressionTraining:
    """The network as it stands before the first step: random, with others' weights, or another run's."""
    config = record.config
    with torch.random.fork_rng(devices=[]):  # it is built on the processor
        torch.manual_seed(config.seed)
        module = ExpressionTraining(config, record.input)
    if module.network.published and (file := weights_file(config.network)):
        load_imagenet_weights(module.network.published, file)
    if config.start_from:
        module.load_weights(Path(config.start_from) / CHECKPOINT)
    # Before the processes are joined: torch's DDP mixes gradients up if the layout changes after that.
    channels_last(module.network)
    return module


def _run(
    trainer: Trainer, module: ExpressionTraining, batches: tuple[Batches, Batches], *, resume_from: Path | None
) -> None:
    with warnings.catch_warnings():
        for message in _IGNORED_WARNINGS:
            warnings.filterwarnings("ignore", message)
        try:
            trainer.fit(module, *batches, ckpt_path=resume_from, weights_only=True if resume_from else None)
        except SystemExit as stopped:
            # Lightning ends the process when it is interrupted, which is for the caller to decide.
            raise KeyboardInterrupt from stopped
        except OSError as fault:  # of a log; those of checkpoints are no OSError any more
            if fault.errno is None:  # raised by a callback, not by the system
                raise
            place = fault.filename or trainer.default_root_dir
            raise OutputError(
                f"cannot write into {place}: {fault.strerror or fault}; make space, and resume"
            ) from fault
