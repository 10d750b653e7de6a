import numpy as np
import pytest
import torch

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FER7, FERPLUS8
from mien.train.config import LossConfig, NetworkConfig
from mien.train.losses import flip_difference, joint_loss, soft_targets
from mien.train.networks.expression import ExpressionNetwork

CONFIG = LossConfig(fer7_weight=0.5, ferplus8_weight=2.0, label_smoothing=0.1)


def faces() -> LabelledFaces:
    votes = np.zeros((3, 10), dtype=np.int64)
    votes[0, [0, 1, 2]] = (6, 3, 1)  # the single vote for surprise is an outlier
    votes[1, 9] = 10  # nobody sees a face
    votes[2, 3] = 10
    return LabelledFaces(np.zeros((3, 48, 48), np.uint8), np.array([3, NO_LABEL, 4]), votes, np.arange(3))


def test_targets_of_labels_are_smoothed_and_of_votes_are_shares() -> None:
    fer7, ferplus8 = soft_targets(faces(), CONFIG)
    assert fer7[0, 3].item() == pytest.approx(0.9 + 0.1 / 7)
    assert fer7[0, 0].item() == pytest.approx(0.1 / 7)
    np.testing.assert_allclose(ferplus8[0, :4], [6 / 9, 3 / 9, 0, 0], rtol=1e-6)


def test_faces_without_a_label_or_votes_have_no_target() -> None:
    fer7, ferplus8 = soft_targets(faces(), CONFIG)
    assert fer7[1].sum().item() == 0
    assert ferplus8[1].sum().item() == 0


def test_loss_by_hand() -> None:
    targets = (torch.eye(len(FER7))[[3]], torch.eye(len(FERPLUS8))[[0]])
    logits = (torch.zeros(1, len(FER7)), torch.zeros(1, len(FERPLUS8)))
    expected = 0.5 * np.log(7) + 2.0 * np.log(8)
    assert joint_loss(logits, targets, CONFIG).item() == pytest.approx(expected, rel=1e-6)


def test_loss_is_least_at_the_targets() -> None:
    fer7, ferplus8 = (target[[0, 2]] for target in soft_targets(faces(), CONFIG))
    best = joint_loss((fer7.clamp_min(1e-9).log(), ferplus8.clamp_min(1e-9).log()), (fer7, ferplus8), CONFIG)
    rng = torch.Generator().manual_seed(0)
    for _ in range(20):
        other = (torch.randn(2, 7, generator=rng), torch.randn(2, 8, generator=rng))
        assert joint_loss(other, (fer7, ferplus8), CONFIG) > best


def test_single_votes_count_where_outliers_are_asked_for() -> None:
    _, ferplus8 = soft_targets(faces(), CONFIG.model_copy(update={"outlier_votes": True}))
    np.testing.assert_allclose(ferplus8[0, :4], [0.6, 0.3, 0.1, 0], rtol=1e-6)


def test_the_majority_alone_is_learnt_where_it_is_asked_for() -> None:
    _, ferplus8 = soft_targets(faces(), CONFIG.model_copy(update={"majority_votes": True}))
    np.testing.assert_array_equal(ferplus8, np.eye(8)[[0, 0, 3]] * [[1], [0], [1]])


def test_flip_difference_does_not_teach_the_heads() -> None:
    network = ExpressionNetwork(NetworkConfig(stem_width=4, widths=(8,), depths=(1,)))
    features = torch.rand(2, 8, 6, 6, requires_grad=True)
    flip_difference(network, features, features).backward()
    assert features.grad is not None
    assert float(features.grad.abs().sum()) > 0
    assert network.fer7_head.weight.grad is None


def test_flip_difference_is_none_for_mirrored_attention_and_some_otherwise() -> None:
    network = ExpressionNetwork(NetworkConfig(stem_width=4, widths=(8,), depths=(1,)))
    features = torch.randn(2, 8, 6, 6, generator=torch.Generator().manual_seed(0))
    assert flip_difference(network, features, features.flip(3)).item() == pytest.approx(0, abs=1e-9)
    assert flip_difference(network, features, features).item() > 1e-3
