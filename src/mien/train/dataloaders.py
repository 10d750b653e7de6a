"""Batches of training and validation faces, shared out over the processes of a training."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from mien.data.crops import Crops
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.evaluate.protocols import P1, P2, P3, P4
from mien.preprocess import Preprocessing, fit_crops
from mien.train.config import FACE_PX, TrainingConfig
from mien.train.device import Machine
from mien.train.distillation import distilled
from mien.train.losses import soft_targets

Batches = DataLoader[tuple[Tensor, ...]]
_VALIDATION_BATCH = 256


class ShuffledBatches(Sampler[list[int]]):
    """Whole batches of shuffled positions, of which each process gets an equal share.

    The order depends on the seed and the epoch alone, so a run can resume, and all processes together see the batches
    that one alone would see.
    """

    def __init__(self, length: int, batch_size: int, seed: int, *, rank: int = 0, processes: int = 1) -> None:
        self.length, self.seed, self.rank, self.processes, self.epoch = length, seed, rank, processes, 0
        self.batch_size = min(batch_size, length) // processes * processes

    def __len__(self) -> int:
        return self.length // self.batch_size

    def set_epoch(self, epoch: int) -> None:
        """Called by the trainer before each epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.length)
        for start in range(0, len(self) * self.batch_size, self.batch_size):
            yield order[start + self.rank : start + self.batch_size : self.processes].tolist()


class BatchesInOrder(Sampler[list[int]]):
    """All positions in order; each process gets its part of every batch, which is empty if the last batch is small."""

    def __init__(self, length: int, batch_size: int, *, rank: int = 0, processes: int = 1) -> None:
        self.length, self.rank, self.processes = length, rank, processes
        self.batch_size = batch_size * processes

    def __len__(self) -> int:
        return ceil(self.length / self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        for start in range(0, self.length, self.batch_size):
            yield list(range(start + self.rank, min(start + self.batch_size, self.length), self.processes))


def training_batches(faces: LabelledFaces, config: TrainingConfig, machine: Machine | None = None) -> Batches:
    """Shuffled batches of uint8 pictures of shape (N, 1 or 3, H, W) and the soft targets of both heads.

    Args:
        faces: Faces to learn from.
        config: The batches' size, over all processes together, their seed, and what is learned beside the labels.
        machine: Whose share to give; None gives the whole batches.
    """
    machine = machine or Machine()
    faces = fitted(faces, config.network.channels)
    share = ShuffledBatches(len(faces), config.batch_size, config.seed, rank=machine.rank, processes=machine.processes)
    targets = soft_targets(faces.with_votes_from_labels(), config.loss)
    return _load(share, faces, *distilled(targets, faces.gray(), config.distillation))


def validation_batches(faces: LabelledFaces, config: TrainingConfig, machine: Machine | None = None) -> Batches:
    """This process's share of all faces in order, with the `validation_targets`."""
    machine = machine or Machine()
    share = BatchesInOrder(len(faces), _VALIDATION_BATCH, rank=machine.rank, processes=machine.processes)
    return _load(
        share, fitted(faces, config.network.channels), *map(torch.from_numpy, validation_targets(faces).values())
    )


def validation_targets(faces: LabelledFaces) -> dict[str, NDArray[np.int64]]:
    """Class positions, or `NO_LABEL`, by protocol, in the order in which the network's validation takes them."""
    return {protocol.code: protocol.target(faces) for protocol in (P3, P4, P1, P2)}


def fitted(faces: LabelledFaces, channels: int) -> LabelledFaces:
    """The same faces with crops of one size, in gray for 1 channel and in RGB for 3; nothing is copied that fits."""
    color: Literal["gray", "rgb"] = "rgb" if channels == 3 else "gray"
    preprocessing = Preprocessing(FACE_PX, FACE_PX, color, mean=(0.0,) * channels, std=(1.0,) * channels)
    return replace(faces, crops=Crops(fit_crops(faces.crops, preprocessing)))


def with_channels(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Faces of shape (N, H, W) as (N, 1, H, W), those in color, (N, H, W, 3), as (N, 3, H, W)."""
    return pixels[:, None] if pixels.ndim == 3 else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))


def stacked(faces: LabelledFaces) -> NDArray[np.uint8]:
    """The crops of `fitted` faces as one array."""
    if faces.crops.stacked is None:
        raise ValueError("faces must be fitted before they are trained on")
    return faces.crops.stacked


def protocols_with_targets(faces: LabelledFaces) -> list[str]:
    """Names of the protocols by which any of the faces has a truth."""
    return [name for name, target in sorted(validation_targets(faces).items()) if (target != NO_LABEL).any()]


def _load(share: Sampler[list[int]], faces: LabelledFaces, *labels: Tensor) -> Batches:
    dataset = TensorDataset(torch.from_numpy(with_channels(stacked(faces))), *labels)
    # Indexing the tensors with a whole batch at once is quicker than collating single faces.
    return DataLoader(dataset, sampler=share, batch_size=None)
