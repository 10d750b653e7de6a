import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces
from torch import nn

from mien.expressions import FER7, FERPLUS8
from mien.preprocess import Preprocessing
from mien.train.device_metrics import ValidationFaces, in_words, pooled

FACES = drawn_faces(60, seed=0)
INPUT = Preprocessing(48, 48, "gray", mean=(100.0,), std=(50.0,))


class Fixed(nn.Module):
    """Gives each face the logits that belong to its mean gray level."""

    def __init__(self, fer7: torch.Tensor, ferplus8: torch.Tensor) -> None:
        super().__init__()
        levels = torch.from_numpy(FACES.gray()).float().mean(dim=(1, 2))
        self.levels, self.fer7, self.ferplus8 = (levels - 100) / 50, fer7, ferplus8

    def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        nearest = (faces.mean(dim=(1, 2, 3))[:, None] - self.levels).abs().argmin(dim=1)
        return self.fer7[nearest], self.ferplus8[nearest]


@pytest.fixture
def validation() -> ValidationFaces:
    return ValidationFaces(FACES, INPUT, "cpu")


def test_accuracy_and_likelihood_are_those_of_the_logits(
    validation: ValidationFaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mien.train.device_metrics._BATCH", 16)  # the last batch is filled up
    fer7, ferplus8 = 4 * torch.eye(len(FER7))[FACES.fer7], torch.zeros(60, len(FERPLUS8))
    ferplus8[np.arange(60), FACES.majority()] = 1
    ferplus8[:6] *= -1
    found = validation.metrics(Fixed(fer7, ferplus8))
    assert [found[f"P{number}"] for number in (1, 2, 3, 4)] == pytest.approx([1, 0.9, 1, 0.9])
    assert found["nll_P3"] == pytest.approx(float(np.log(1 + 6 * np.exp(-4))), abs=1e-4)
    assert found["nll_best_P3"] < found["nll_P3"]
    assert "P2 90.0" in in_words(found)


def test_both_views_are_pooled_as_probabilities(validation: ValidationFaces) -> None:
    class Left(nn.Module):
        def forward(self, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            level = faces[..., :24].mean(dim=(1, 2, 3))[:, None]
            return level * torch.arange(7.0), level * torch.arange(8.0)

    plain, mirrored = validation.views(Left())
    for head, one, other in zip(pooled((plain, mirrored)), plain, mirrored, strict=True):
        assert not torch.equal(one, other)
        torch.testing.assert_close(head.exp(), (one.softmax(dim=1) + other.softmax(dim=1)) / 2)
