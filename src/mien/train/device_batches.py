"""Batches that are augmented and mixed on the device that trains on them, a whole epoch at once."""

import math

import numpy as np
import torch
from torch import Tensor

from mien.data.labelled_faces import LabelledFaces
from mien.preprocess import Preprocessing, normalize
from mien.train.augment import augment
from mien.train.config import TrainingConfig
from mien.train.dataloaders import stacked, with_channels
from mien.train.losses import soft_targets

_CHUNK = 2_048  # faces augmented in one call


class DeviceBatches:
    """All batches of one epoch after the other, made on the device.

    Mixup is drawn for each picture by itself, not for a batch: `mixup_share` of the pictures are mixed, each by a
    weight of its own, with the picture at the other end of their batch, whose order is random. There is no CutMix.

    Args:
        faces: Faces to learn from, as `mien.train.dataloaders.fitted` gives them.
        config: Seed, batch size, augmentation, and how labels and votes become targets.
        preprocessing: Mean and standard deviation that pixels are normalized by.
        device: Where faces, random draws and batches are.

    Attributes:
        steps: Batches in an epoch; faces that fill no batch are left out of it.
    """

    def __init__(self, faces: LabelledFaces, config: TrainingConfig, preprocessing: Preprocessing, device: str) -> None:
        if config.augmentation.cutmix_share:
            raise ValueError("batches made on the device are not mixed by CutMix; set augmentation.cutmix_share to 0")
        self.steps = len(faces) // config.batch_size
        self._config, self._preprocessing = config, preprocessing
        self._pixels = torch.from_numpy(with_channels(stacked(faces))).to(device)
        self._targets = [t.to(device) for t in soft_targets(faces.with_votes_from_labels(), config.loss)]
        self._generator = torch.Generator(device=device).manual_seed(config.seed)
        self._draws = np.random.default_rng(config.seed)

    def next_epoch(self) -> tuple[Tensor, ...]:
        """Normalized pictures of shape (S, B, C, H, W), and both heads' targets, of shapes (S, B, 7) and (S, B, 8)."""
        size = (self.steps, self._config.batch_size)
        device = self._pixels.device
        order = torch.randperm(len(self._pixels), generator=self._generator, device=device)[: math.prod(size)]
        augmented = [
            augment(self._pixels[part].float(), self._config.augmentation, self._generator)
            for part in torch.split(order, _CHUNK)
        ]
        pictures = normalize(torch.cat(augmented), self._preprocessing)
        parts = (pictures, *(target[order] for target in self._targets))
        return self._mixed(*(part.unflatten(0, size) for part in parts))

    def _mixed(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """Pictures mixed with others of their batch, and their targets likewise."""
        size, augmentation = parts[0].shape[:2], self._config.augmentation
        if not augmentation.mixup_share:
            return parts
        chosen = self._draws.random(size) < augmentation.mixup_share
        drawn = self._draws.beta(augmentation.mixup_alpha, augmentation.mixup_alpha, size)
        own = torch.from_numpy(np.where(chosen, drawn, 1).astype(np.float32)).to(parts[0].device)
        return tuple(torch.lerp(part.flip(1), part, own.view(*size, *[1] * (part.ndim - 2))) for part in parts)
