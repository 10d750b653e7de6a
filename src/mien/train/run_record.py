"""What a run says of itself in `run.json`: configuration, data, machine, and how far it got."""

import json
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from mien._version import __version__
from mien.errors import ConfigError, first_line
from mien.files import replace_file
from mien.model.facts import Manifest, Start, TrainingFacts
from mien.model.records import from_jsonable
from mien.preprocess import Preprocessing
from mien.results import to_jsonable
from mien.settings import refuse_changes
from mien.train.config import TrainingConfig, is_published
from mien.train.device import Machine, Precision
from mien.train.distillation import checksums
from mien.train.trainer import CHECKPOINT, EpochRecord, read_checkpoint

LOCK = "run.lock"


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps other trainings out of a folder while one is at work; the lock goes with the process, however that ends.

    Args:
        folder: Where the training is; it is made if it does not exist.

    Raises:
        ConfigError: If another is at work there, or the folder cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise ConfigError(f"cannot make the folder {folder}: {fault.strerror}; name another") from fault
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout as fault:
        raise ConfigError(f"another training is at work in {folder}; let it end, or name another folder") from fault
    try:
        yield
    finally:
        lock.release()


_HERE = Path(__file__)


def source_commit() -> str | None:
    """The commit this source stands at, with `-dirty` where it was changed; None if it is not in a clone of its own."""
    # Installed inside somebody's repository, git would name that one's commit: it must track this very file.
    if _git("ls-files", "--error-unmatch", _HERE.name) is None:
        return None
    return _git("describe", "--always", "--dirty", "--abbrev=12")


def _git(*arguments: str) -> str | None:
    command = ["git", "-C", str(_HERE.parent), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        return None


RECORD = "run.json"


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run says of itself, but its weights.

    Attributes:
        config: Everything that decides its result, beside the data.
        input: What its network's input is made of; the framing is for the export to say.
        data: What it is trained and validated on.
        sources: SHA-256 of each model whose predictions it learns from and of the weights it starts from, by the names
            that the configuration has.
        starts: Each start of it, the first one first.
        precision: What it computes with.
        started_s: When the last start was, in seconds since 1970.
        epochs_done: Epochs trained.
        stopped_early: Whether it was ended before its last epoch, by its own rule or whoever watched it.
        accuracy: Share right on the held-out faces by protocol, after the last of these.
        elapsed_s: Seconds by the clock that they took.
    """

    config: TrainingConfig
    input: Preprocessing
    data: Manifest
    sources: Mapping[str, str]
    starts: tuple[Start, ...]
    precision: Precision
    started_s: float
    epochs_done: int = 0
    stopped_early: bool = False
    accuracy: Mapping[str, float] = field(default_factory=dict)
    elapsed_s: float = 0.0

    @property
    def finished(self) -> bool:
        """Whether it has trained all its epochs, or was stopped early."""
        return self.stopped_early or self.epochs_done >= self.config.epochs

    @property
    def commits(self) -> str | None:
        """The commits of the source that trained it, with commas between; None if none is known."""
        return ", ".join(dict.fromkeys(start.commit for start in self.starts if start.commit)) or None

    @property
    def facts(self) -> TrainingFacts:
        """What a model file says of the run that it was made of, by which it is known."""
        return TrainingFacts(
            config=self.config.model_dump(mode="json"),
            data=self.data,
            sources=self.sources,
            epochs_done=self.epochs_done,
            elapsed_s=self.elapsed_s,
            starts=self.starts,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, ready for JSON."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        table: dict[str, Any] = to_jsonable(values | {"config": self.config.model_dump(mode="json")})
        return table


def new_record(config: TrainingConfig, crops: NDArray[np.uint8], data: Manifest, machine: Machine) -> RunRecord:
    """A run as it stands before the first epoch.

    Args:
        config: Everything that decides its result.
        crops: The faces to learn from, uint8 of shape (N, H, W) or (N, H, W, 3).
        data: What it is trained and validated on.
        machine: What it trains on.
    """
    # A published network scales its input itself, as it was when others trained it.
    mean, std = (0.0, 255.0) if is_published(config.network.family) else _mean_and_std(crops)
    channels = config.network.channels
    return RunRecord(
        config=config,
        input=Preprocessing(
            height=crops.shape[1],
            width=crops.shape[2],
            channels="gray" if channels == 1 else "rgb",
            mean=(round(mean, 2),) * channels,
            std=(round(std, 2),) * channels,
        ),
        data=data,
        sources=checksums(config),
        starts=(
            Start(
                after_epoch=0,
                mien=__version__,
                commit=source_commit(),
                torch=torch.__version__,
                device=machine.device,
                processes=machine.processes,
                nodes=machine.nodes,
            ),
        ),
        precision=machine.precision(config.precision),
        started_s=time.time(),
    )


def resumed(stored: RunRecord, new: RunRecord, checkpoint: Path) -> RunRecord:
    """What a run that goes on says of itself.

    Args:
        stored: What it said before.
        new: What it would say if it started now.
        checkpoint: The last one, from which it goes on.

    Raises:
        ConfigError: If the checkpoint cannot be read or says nothing of the epochs done.
    """
    reached = read_checkpoint(checkpoint)["callbacks"].get(EpochRecord.__name__)
    if reached is None:
        raise ConfigError(f"{checkpoint} does not say how many epochs are done; train again in another folder")
    # A run that was killed has not written how long it took; its work ends with its last checkpoint.
    last_leg_s = max(0.0, checkpoint.stat().st_mtime - stored.started_s)
    return replace(
        new,
        starts=(*stored.starts, *(replace(start, after_epoch=reached["epochs"]) for start in new.starts)),
        epochs_done=reached["epochs"],
        accuracy=reached["accuracy"],
        precision=stored.precision,
        elapsed_s=stored.elapsed_s + last_leg_s,
    )


def read_record(folder: Path) -> RunRecord:
    """What `run.json` of a run says; raises `ConfigError` if there is none, or it is damaged."""
    try:
        table = dict(json.loads((folder / RECORD).read_text("utf-8")))
        return from_jsonable(RunRecord, table | {"config": TrainingConfig.model_validate(table["config"])})
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ConfigError(f"{folder} holds no training run ({first_line(fault)}); make one with: mien train") from fault


def write_record(folder: Path, record: RunRecord) -> None:
    """Writes `run.json`; what was there before stays until the new is complete."""
    replace_file(folder / RECORD, json.dumps(record.to_dict(), indent=2) + "\n")


def refuse_unfinished(folder: Path, record: RunRecord) -> None:
    """Raises `ConfigError`, saying how to go on, if the run in `folder` is not finished."""
    if record.finished:
        return
    if (folder / CHECKPOINT).exists():
        raise ConfigError(f"the run in {folder} is not finished; resume it first")
    raise ConfigError(f"the run in {folder} has not finished an epoch; start it again")


def refuse_other_training(folder: Path, stored: RunRecord, new: RunRecord) -> None:
    """Raises `ConfigError`, naming each change, if the run in `folder` was trained otherwise than `new` says."""
    before, now = (
        {
            **record["config"],
            "input": record["input"],
            "data": record["config"]["data"] | record["data"],
            "sources": record["sources"],
        }
        for record in (stored.to_dict(), new.to_dict())
    )
    refuse_changes(str(folder), before, now, remedy="Put back what it was, or train into another folder")


def _mean_and_std(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Of all values together, from counts: numpy's own way would take sixteen times the pictures' memory."""
    counts = np.zeros(256)
    for start in range(0, len(pixels), 1024):
        counts += np.bincount(pixels[start : start + 1024].ravel(), minlength=256)
    values = np.arange(256)
    mean = np.average(values, weights=counts)
    return float(mean), float(np.average((values - mean) ** 2, weights=counts) ** 0.5)
