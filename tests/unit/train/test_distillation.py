from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from mien.errors import ConfigError, MienError
from mien.model.calibration import softmax
from mien.model.package import load_model
from mien.train.config import DistillationConfig, TrainingConfig
from mien.train.distillation import checksums, distilled

PIXELS = drawn_faces(3, seed=1).gray()


def targets() -> tuple[torch.Tensor, torch.Tensor]:
    fer7, ferplus8 = torch.eye(7)[[0, 3, 4]], torch.eye(8)[[0, 1, 2]]
    ferplus8[2] = 0  # nobody voted
    return fer7, ferplus8


def test_without_teachers_targets_stay() -> None:
    fer7, ferplus8 = distilled(targets(), PIXELS, DistillationConfig())
    assert torch.equal(fer7, targets()[0])
    assert torch.equal(ferplus8, targets()[1])


def test_targets_are_mixed_with_the_mean_answer_to_a_face_and_its_mirror_image() -> None:
    config = DistillationConfig(teachers=("base",), weight=0.4, temperature=2)
    mixed = distilled(targets(), PIXELS, config)
    model = load_model("base")
    for head, target, result in zip(("fer7", "ferplus8"), targets(), mixed, strict=True):
        plain, mirrored = (softmax(model.logits(view)[head] / 2) for view in (PIXELS, PIXELS[:, :, ::-1].copy()))
        taught = (plain + mirrored) / 2
        np.testing.assert_allclose(result[:2], 0.6 * target[:2].numpy() + 0.4 * taught[:2], atol=1e-6)
    np.testing.assert_allclose(mixed[1][2], taught[2], atol=1e-6)


def test_an_unknown_teacher_is_named() -> None:
    with pytest.raises(MienError, match="besa"):
        distilled(targets(), PIXELS, DistillationConfig(teachers=("besa",)))


def test_what_is_learnt_from_is_known_by_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"weights")
    config = TrainingConfig(start_from=str(tmp_path), distillation=DistillationConfig(teachers=("base",)))
    assert checksums(config) == {
        "base": load_model("base").file.sha256,
        str(tmp_path): sha256(b"weights").hexdigest(),
    }


def test_nothing_to_start_from_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot start from .*last\.ckpt: No such file"):
        checksums(TrainingConfig(start_from=str(tmp_path / "none")))
