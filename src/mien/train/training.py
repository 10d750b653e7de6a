"""One training run: from labelled faces to a folder with a checkpoint, its configuration, metrics and manifest."""

import time
import warnings
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.errors import ConfigError, DataError, OutputError
from mien.train.config import TrainingConfig
from mien.train.dataloaders import Batches, held_out_batches, protocols_with_truth, training_batches
from mien.train.device import Machine
from mien.train.module import ExpressionTraining, channels_last
from mien.train.networks.pretrained import load_imagenet_weights, weights_file
from mien.train.run_record import (
    alone_in,
    exported_by,
    is_finished,
    new_facts,
    preprocessing_of,
    refuse_changes,
    refuse_unfinished,
    resumed_facts,
    run_facts,
    write_facts,
)
from mien.train.trainer import CHECKPOINT, Reached, Watch, Watching, make_trainer

_BESIDE_THE_POINT = (
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
        accuracy: Share right on the held-out faces by protocol, from the last epoch's averaged weights.
        elapsed_s: Wall-clock seconds of the training.
        epochs: How many epochs were trained; fewer than configured where it was stopped early.
    """

    folder: Path
    accuracy: dict[str, float]
    elapsed_s: float
    epochs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FitOptions:
    """How a run is carried out, beside what decides its result.

    Attributes:
        resume: Whether to go on from the last epoch that the run in the folder has finished. What does not touch
            training (`framing`, `data.licence`) is taken from the new configuration, also where nothing is left to do.
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
    held_out: LabelledFaces,
    config: TrainingConfig,
    folder: Path,
    options: FitOptions = FitOptions(),
) -> Run:
    """Trains a network; what `training` repeats of `held_out` is left out first.

    Where torchrun has started several processes, each calls this with the same arguments; they train one network, and
    the first of them writes the files.

    Args:
        training: Faces to learn from.
        held_out: Faces to watch the training on; no weight depends on them.
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
    checkpoint = folder / CHECKPOINT
    _refuse_place(checkpoint, options)
    machine = Machine.found()
    _refuse_mismatch(config, held_out, machine)
    if config.start_from:
        refuse_unfinished(Path(config.start_from), run_facts(Path(config.start_from)))
    keep, left_out = training_rows_to_keep(training, held_out)
    training = training[keep]
    _refuse_too_few(training, machine)
    facts = new_facts(training, held_out, left_out, config, machine)
    if options.resume:
        stored = run_facts(folder)
        refuse_changes(folder, stored, facts)
        if is_finished(stored):
            if machine.is_first:
                write_facts(folder, exported_by(stored, config))
            return Run(folder, stored["accuracy"], stored["elapsed_s"], stored["epochs_done"])
        facts = resumed_facts(stored, facts, checkpoint)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    with alone_in(folder) if machine.is_first else nullcontext():
        if machine.is_first:
            write_facts(folder, facts)

        def write_progress(epochs: int, accuracy: Mapping[str, float]) -> None:
            write_facts(folder, facts | {"epochs_done": epochs, "accuracy": accuracy})

        reached = Reached(write_progress if machine.is_first else None)
        watchers = [Watching(options.watch)] if options.watch else []
        callbacks = [reached, *watchers]
        trainer = make_trainer(config, folder, machine, facts["precision"], callbacks=callbacks, quiet=options.quiet)
        batches = training_batches(training, config, machine), held_out_batches(held_out, config, machine)
        _train(trainer, _untrained(config, facts), batches, resume_from=checkpoint if options.resume else None)
        elapsed_s = round(facts["elapsed_s"] + time.time() - facts["started_s"], 1)
        if machine.is_first:
            done = {"epochs_done": reached.epochs, "stopped_early": reached.epochs < config.epochs}
            write_facts(folder, facts | done | {"accuracy": reached.accuracy, "elapsed_s": elapsed_s})
        trainer.strategy.barrier()  # whichever process goes on finds the run complete
        return Run(folder, reached.accuracy, elapsed_s, reached.epochs)


def _refuse_place(checkpoint: Path, options: FitOptions) -> None:
    """Raises `ConfigError` where there is nothing to resume, or a run that is not to be resumed."""
    folder = checkpoint.parent
    if options.resume and not checkpoint.is_file():
        raise ConfigError(f"nothing to resume: no run in {folder} has finished an epoch; start it without --resume")
    if not options.resume and checkpoint.exists():
        raise ConfigError(f"{folder} holds a run already; add --resume to go on with it, or name another folder")


def _refuse_too_few(training: LabelledFaces, machine: Machine) -> None:
    """Raises `DataError` where no face is left to train on, or not one for each process."""
    if len(training) == 0:
        raise DataError("no face is left to train on: all are flat, no faces, or copies of held-out ones")
    if len(training) < machine.processes:
        raise DataError(
            f"too few faces are left to train on: {len(training)}, for {machine.processes} processes; "
            "start fewer, or give more faces"
        )


def _refuse_mismatch(config: TrainingConfig, held_out: LabelledFaces, machine: Machine) -> None:
    """Raises `ConfigError` where a configuration asks for what these faces or processes cannot do."""
    if config.batch_size % machine.processes:
        raise ConfigError(
            f"a batch of {config.batch_size} faces cannot be shared equally by {machine.processes} processes; "
            "set batch_size to a multiple of their number"
        )
    monitored = config.early_stop.monitor
    kind = "nll_" if monitored.startswith("nll_") else ""
    there = [kind + name for name in protocols_with_truth(held_out)]
    if config.early_stop.patience and monitored not in there:
        votes = "" if held_out.votes.any() else ", for they have labels but no votes"
        raise ConfigError(
            f"early_stop.monitor = {monitored!r} is not measured on these held-out faces{votes}; "
            f"set it to one of {', '.join(there)}"
        )


def _untrained(config: TrainingConfig, facts: dict[str, Any]) -> ExpressionTraining:
    """The network as it stands before the first step: random, with others' weights, or another run's."""
    with torch.random.fork_rng(devices=[]):  # it is built on the processor
        torch.manual_seed(config.seed)
        module = ExpressionTraining(config, preprocessing_of(facts))
    if module.network.published and (file := weights_file(config.network)):
        load_imagenet_weights(module.network.published, file)
    if config.start_from:
        module.load_weights(Path(config.start_from) / CHECKPOINT)
    # Before the processes are joined: torch's DDP mixes gradients up if the layout changes after that.
    channels_last(module.network)
    return module


def _train(
    trainer: Trainer, module: ExpressionTraining, batches: tuple[Batches, Batches], *, resume_from: Path | None
) -> None:
    with warnings.catch_warnings():
        for message in _BESIDE_THE_POINT:
            warnings.filterwarnings("ignore", message)
        try:
            trainer.fit(module, *batches, ckpt_path=resume_from, weights_only=True if resume_from else None)
        except SystemExit as stopped:
            # Lightning ends the process when it is interrupted, which is for the caller to decide.
            raise KeyboardInterrupt from stopped
        except OSError as fault:  # of a log; those of checkpoints are no OSError any more
            place = fault.filename or trainer.default_root_dir
            raise OutputError(
                f"cannot write into {place}: {fault.strerror or fault}; make space, and resume"
            ) from fault
