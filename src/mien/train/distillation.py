"""Predictions of other models as targets.

Source: Hinton et al., "Distilling the Knowledge in a Neural Network", 2015.
"""

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mien.errors import ConfigError
from mien.model.calibration import Logits, softmax
from mien.model.package import ExpressionModel, find_model, load_model
from mien.train.config import DistillationConfig, TrainingConfig
from mien.train.heads import HEADS
from mien.train.networks.pretrained import weights_file
from mien.train.trainer import CHECKPOINT


def distilled(targets: Sequence[Tensor], pixels: NDArray[np.uint8], config: DistillationConfig) -> tuple[Tensor, ...]:
    """Targets of both heads, mixed with the mean prediction of the teachers for each face and its mirror image.

    Args:
        targets: float32 of shapes (N, 7) and (N, 8); rows of zeros, faces without a label, become the teachers'
            prediction.
        pixels: uint8 of shape (N, 48, 48), the faces themselves, not augmented.
        config: The teachers, their weight, and a temperature that softens their predictions alone.

    Raises:
        ModelError: If a teacher is not found or is not a model.
        ConfigError: If a teacher has other heads.
    """
    if not config.teachers:
        return tuple(targets)
    models = [load_model(teacher, threads=torch.get_num_threads()) for teacher in config.teachers]
    for model in models:
        _refuse_other_heads(model)
    logits = [model.logits(view) for model in models for view in (pixels, np.ascontiguousarray(pixels[:, :, ::-1]))]
    return tuple(
        mixed_targets(target, _mean_prediction(logits, head.name, config.temperature), config.weight)
        for target, head in zip(targets, HEADS, strict=True)
    )


def mixed_targets(target: Tensor, taught: Tensor, weight: float) -> Tensor:
    """Targets with `weight` of the teachers' predictions, which also fill up rows of a sum below 1.

    Args:
        target: float32 of shape (N, K): a distribution, zeros where there is no label, or a mixture of both.
        taught: The teachers' distributions, of the same shape.
        weight: Of the teachers' predictions, from 0 to 1.
    """
    own = (1 - weight) * target
    return own + (1 - own.sum(dim=1, keepdim=True)) * taught


def _refuse_other_heads(model: ExpressionModel) -> None:
    """Raises `ConfigError` where a teacher cannot teach both heads."""
    for head in HEADS:
        if model.metadata.heads.get(head.name) != head.labels:
            raise ConfigError(
                f"{model.file.path} cannot be a teacher: it has no head {head.name} with the labels "
                f"{', '.join(head.labels)}; take it out of distillation.teachers"
            )


def checksums(config: TrainingConfig) -> dict[str, str]:
    """SHA-256 of every teacher, and of the weights that the run starts from, by the names the configuration has.

    Raises:
        ModelError: If a teacher is not found.
        ConfigError: If there is no checkpoint to start from, or ImageNet weights cannot be had.
        MissingExtra: If what fetches them is not installed.
    """
    found = {teacher: find_model(teacher).sha256 for teacher in config.distillation.teachers}
    if file := weights_file(config.network):
        found[config.network.family] = sha256(file.read_bytes()).hexdigest()
    if config.start_from:
        checkpoint = Path(config.start_from) / CHECKPOINT
        try:
            found[config.start_from] = sha256(checkpoint.read_bytes()).hexdigest()
        except OSError as fault:
            raise ConfigError(f"cannot start from {checkpoint}: {fault.strerror}; train that run first") from fault
    return found


def _mean_prediction(logits: Sequence[Logits], head: str, temperature: float) -> Tensor:
    means = np.mean([softmax(each[head].astype(np.float64) / temperature) for each in logits], axis=0)
    return torch.from_numpy(means).float()
