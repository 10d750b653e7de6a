"""What a run says of itself in `run.json`: configuration, data, machine, and how far it got."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from mien._version import __version__
from mien.data.class_mapping import listed
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.errors import ConfigError, first_line
from mien.files import replace_file
from mien.model.facts import LeftOut
from mien.preprocess import Framing, Preprocessing
from mien.train.config import TrainingConfig, is_published
from mien.train.dataloaders import fitted, stacked
from mien.train.device import Machine
from mien.train.distillation import checksums
from mien.train.trainer import CHECKPOINT, Reached, read_checkpoint

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
        raise ConfigError(f"cannot make the folder {folder}: {fault.strerror}; name another with --output") from fault
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


FACTS = "run.json"
_KEYS = frozenset(
    ("mien", "commit", "torch", "config", "pixels", "data", "epochs_done", "accuracy", "started_s", "elapsed_s")
)

_CHECKSUM = re.compile('"[0-9a-f]{64}"')
_FIXED = ("data", "pixels", "learnt_from")
_NOT_OF_TRAINING = ("framing.", "data.licence")
_OF_A_START = ("mien", "commit", "torch", "machine")


def new_facts(
    training: LabelledFaces, held_out: LabelledFaces, left_out: LeftOut, config: TrainingConfig, machine: Machine
) -> dict[str, Any]:
    """Everything about a run but its weights, as it stands before the first epoch."""
    # A published network scales its input itself, as it was when others trained it.
    pixels = stacked(fitted(training, config.network.channels))
    mean, std = (0.0, 255.0) if is_published(config.network.family) else _mean_and_std(pixels)
    start = {
        "mien": __version__,
        "commit": source_commit(),
        "torch": torch.__version__,
        "machine": machine.to_dict(),
    }
    return {
        **start,
        "starts": [{"after_epoch": 0, **start}],
        "config": config.model_dump(mode="json"),
        "pixels": {"size_px": pixels.shape[1], "mean": round(mean, 2), "std": round(std, 2)},
        "data": asdict(manifest(training, held_out, left_out)),
        "learnt_from": checksums(config),
        "epochs_done": 0,
        "stopped_early": False,
        "accuracy": {},
        "precision": machine.precision(config.precision),
        "started_s": time.time(),
        "elapsed_s": 0.0,
    }


def resumed_facts(stored: Mapping[str, Any], new: Mapping[str, Any], checkpoint: Path) -> dict[str, Any]:
    """What a run that goes on says of itself.

    Args:
        stored: What it said before.
        new: What it would say if it started now.
        checkpoint: The last one, from which it goes on.

    Raises:
        ConfigError: If the checkpoint cannot be read or says nothing of the epochs done.
    """
    reached = read_checkpoint(checkpoint)["callbacks"].get(Reached.__name__)
    if reached is None:
        raise ConfigError(f"{checkpoint} is not of mien, or of an earlier version of it; train again in another folder")
    first = {key: stored.get(key) for key in _OF_A_START}
    # A run from before there was this list says of one start, its last, what that was, and not where it began.
    starts = stored.get("starts", [{"after_epoch": None, **first}])
    # A run that was killed has not written how long it took; its work ends with its last checkpoint.
    last_leg_s = max(0.0, checkpoint.stat().st_mtime - stored["started_s"])
    return {
        **new,
        **first,
        "starts": [*starts, *({**start, "after_epoch": reached["epochs"]} for start in new["starts"])],
        "epochs_done": reached["epochs"],
        "accuracy": reached["accuracy"],
        # A run from before the machine could choose has its precision in the configuration alone.
        "precision": stored.get("precision", stored["config"]["precision"]),
        "elapsed_s": stored["elapsed_s"] + last_leg_s,
    }


def run_facts(folder: Path) -> dict[str, Any]:
    """What `run.json` of a run says; raises `ConfigError` if there is none."""
    try:
        facts: dict[str, Any] = json.loads((folder / FACTS).read_text("utf-8"))
        TrainingConfig.model_validate(facts["config"])
        missing = _KEYS - facts.keys()
    except (OSError, ValueError, KeyError, TypeError) as fault:
        raise ConfigError(f"{folder} holds no training run ({first_line(fault)}); make one with: mien train") from fault
    if missing:
        raise ConfigError(f"{folder / FACTS} lacks {', '.join(sorted(missing))}; train again with: mien train")
    return facts


def preprocessing_of(facts: Mapping[str, Any]) -> Preprocessing:
    """The preprocessing that a run's facts state; the framing is the configuration's."""
    pixels, channels = facts["pixels"], facts["config"]["network"].get("channels", 1)
    return Preprocessing(
        height=pixels["size_px"],
        width=pixels["size_px"],
        channels="gray" if channels == 1 else "rgb",
        mean=(pixels["mean"],) * channels,
        std=(pixels["std"],) * channels,
        framing=Framing(**facts["config"]["framing"]),
    )


def is_finished(facts: Mapping[str, Any]) -> bool:
    """Whether a run has trained all its epochs, or was stopped early by its own rule."""
    stopped: bool = facts.get("stopped_early", False)  # unknown to runs made before there was such a rule
    return stopped or bool(facts["epochs_done"] >= facts["config"]["epochs"])


def refuse_unfinished(folder: Path, facts: Mapping[str, Any]) -> None:
    """Raises `ConfigError`, saying how to go on, if the run in `folder` is not finished."""
    if is_finished(facts):
        return
    if (folder / CHECKPOINT).exists():
        raise ConfigError(f"the run in {folder} is not finished; go on with it: the same mien train with --resume")
    raise ConfigError(f"the run in {folder} has not finished an epoch; start it again: mien train without --resume")


def refuse_changes(folder: Path, stored: dict[str, Any], facts: dict[str, Any]) -> None:
    """Raises `ConfigError`, naming each change, if the run in `folder` was trained otherwise than `facts` say."""
    before = trained_by(TrainingConfig.model_validate(stored["config"]).model_dump(mode="json"))
    now = trained_by(facts["config"])
    for part in _FIXED:
        after = _by_key(facts[part], part)
        # Facts that an earlier version did not write yet have not changed.
        known = _by_key(stored.get(part, {}), part)
        before |= known
        now |= {key: value for key, value in after.items() if key in known}
    changes = [
        f"{key} was {_shown(before, key)}, is now {_shown(now, key)}"
        for key in dict.fromkeys((*before, *now))
        if before.get(key) != now.get(key)
    ]
    if changes:
        raise ConfigError(
            f"cannot resume {folder}: {listed(changes)}. Put back what it was, or train into another folder"
        )


def trained_by(config: Mapping[str, Any]) -> dict[str, Any]:
    """What of a configuration touches the training, by dotted key: all but the framing and the data's licence."""
    return {key: value for key, value in _by_key(config).items() if not key.startswith(_NOT_OF_TRAINING)}


def exported_by(stored: Mapping[str, Any], config: TrainingConfig) -> dict[str, Any]:
    """A finished run's facts with what of `config` does not touch training, which its exports take from there."""
    now = config.model_dump(mode="json")
    data = {**stored["config"].get("data", {}), "licence": now["data"]["licence"]}
    return {**stored, "config": {**stored["config"], "framing": now["framing"], "data": data}}


def write_facts(folder: Path, facts: dict[str, Any]) -> None:
    """Writes `run.json`; what was there before stays until the new is complete."""
    replace_file(folder / FACTS, json.dumps(facts, indent=2) + "\n")


def _by_key(table: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """The values of nested tables by dotted key."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        key = f"{section}.{name}" if section else name
        values |= _by_key(value, key) if isinstance(value, dict) else {key: value}
    return values


def _shown(values: Mapping[str, Any], key: str) -> str:
    if key not in values:
        return "not set"
    text = json.dumps(values[key], ensure_ascii=False)
    return f"{text[1:13]}…" if _CHECKSUM.fullmatch(text) else text


def _mean_and_std(pixels: NDArray[np.uint8]) -> tuple[float, float]:
    """Of all values together, from counts: numpy's own way would take sixteen times the pictures' memory."""
    counts = np.zeros(256)
    for start in range(0, len(pixels), 1024):
        counts += np.bincount(pixels[start : start + 1024].ravel(), minlength=256)
    values = np.arange(256)
    mean = np.average(values, weights=counts)
    return float(mean), float(np.average((values - mean) ** 2, weights=counts) ** 0.5)
