from typing import Any

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from mien.preprocess import Preprocessing
from mien.train.config import TrainingConfig
from mien.train.dataloaders import fitted
from mien.train.device_batches import DeviceBatches
from mien.train.losses import soft_targets

FACES = fitted(drawn_faces(42, seed=0), 1)
INPUT = Preprocessing(48, 48, "gray", mean=(100.0,), std=(50.0,))
UNCHANGED = {
    **dict.fromkeys(("rotation_deg", "scale", "shift", "brightness", "contrast", "gamma", "noise"), 0),
    **dict.fromkeys(("low_resolution_share", "erase_share", "mixup_share"), 0),
}


def batches(**augmentation: Any) -> DeviceBatches:
    config = TrainingConfig.model_validate({"batch_size": 8, "augmentation": UNCHANGED | augmentation})
    return DeviceBatches(FACES, config, INPUT, "cpu")


def test_an_epoch_has_each_face_once_with_its_targets() -> None:
    made = batches()
    pictures, fer7, ferplus8 = made.next_epoch()
    assert made.steps == 5
    assert [tuple(part.shape) for part in (pictures, fer7, ferplus8)] == [(5, 8, 1, 48, 48), (5, 8, 7), (5, 8, 8)]
    targets = soft_targets(FACES, TrainingConfig().loss)
    pixels = (torch.from_numpy(FACES.gray()).float() - 100) / 50
    found = []
    for picture, *own in zip(pictures.flatten(0, 2), fer7.flatten(0, 1), ferplus8.flatten(0, 1), strict=True):
        off = torch.minimum(*((view - picture).abs().amax(dim=(1, 2)) for view in (pixels, pixels.flip(2))))
        found.append(int(off.argmin()))
        assert off.min() < 1e-3
        assert all(torch.equal(target[found[-1]], value) for target, value in zip(targets, own, strict=True))
    assert len(set(found)) == 40


def test_epochs_differ_and_follow_from_the_seed() -> None:
    first, second = batches(), batches()
    epochs = [first.next_epoch()[0], first.next_epoch()[0]]
    assert not torch.equal(*epochs)
    assert all(torch.equal(epoch, second.next_epoch()[0]) for epoch in epochs)


def test_a_share_of_the_pictures_is_mixed_with_the_batch_in_reverse_and_targets_likewise() -> None:
    plain, mixed = batches().next_epoch(), batches(mixup_share=0.5, mixup_alpha=1).next_epoch()
    own = []
    for before, after in zip(plain, mixed, strict=True):
        other = before.flip(1)
        apart = (before - other).flatten(2)
        own.append(((after - other).flatten(2) * apart).sum(dim=2) / apart.square().sum(dim=2))
    weights = own[0].numpy()
    assert 0.2 < (weights < 0.999).mean() < 0.8
    assert weights.min() > 0
    for found in own[1:]:
        known = ~found.isnan()  # where both targets are the same, no weight can be told
        np.testing.assert_allclose(found[known], own[0][known], atol=1e-4)


def test_cutmix_is_refused() -> None:
    with pytest.raises(ValueError, match="CutMix"):
        batches(cutmix_share=0.5)
