"""What must hold before a training starts; each fault is one clear error."""

from pathlib import Path

from mien.data.labelled_faces import LabelledFaces
from mien.errors import ConfigError, DataError
from mien.train.config import TrainingConfig
from mien.train.dataloaders import protocols_with_targets
from mien.train.device import Machine
from mien.train.run_record import read_record, refuse_unfinished


def refuse_place(checkpoint: Path, *, resume: bool) -> None:
    """Raises `ConfigError` where there is nothing to resume, or a run that is not to be resumed."""
    folder = checkpoint.parent
    if resume and not checkpoint.is_file():
        raise ConfigError(f"nothing to resume: no run in {folder} has finished an epoch; start it anew")
    if not resume and checkpoint.exists():
        raise ConfigError(f"{folder} holds a run already; resume it, or name another folder")


def refuse_too_few(training: LabelledFaces, machine: Machine) -> None:
    """Raises `DataError` where no face is left to train on, or not one for each process."""
    if len(training) == 0:
        raise DataError("no face is left to train on: all are flat, no faces, or copies of held-out ones")
    if len(training) < machine.processes:
        raise DataError(
            f"too few faces are left to train on: {len(training)}, for {machine.processes} processes; "
            "start fewer, or give more faces"
        )


def refuse_mismatch(config: TrainingConfig, validation: LabelledFaces, machine: Machine) -> None:
    """Raises `ConfigError` where a configuration asks for what these faces, processes or other runs cannot give."""
    if config.batch_size % machine.processes:
        raise ConfigError(
            f"a batch of {config.batch_size} faces cannot be shared equally by {machine.processes} processes; "
            "set batch_size to a multiple of their number"
        )
    monitored = config.early_stop.monitor
    kind = "nll_" if monitored.startswith("nll_") else ""
    there = [kind + name for name in protocols_with_targets(validation)]
    if config.early_stop.patience and monitored not in there:
        votes = "" if validation.votes.any() else ", for they have labels but no votes"
        raise ConfigError(
            f"early_stop.monitor = {monitored!r} is not measured on these held-out faces{votes}; "
            f"set it to one of {', '.join(there)}"
        )
    if config.start_from:
        refuse_unfinished(Path(config.start_from), read_record(Path(config.start_from)))
