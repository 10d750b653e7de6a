"""Soft targets for both heads, and their joint loss."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FER7, FERPLUS8
from mien.train.config import LossConfig
from mien.train.networks.expression import ExpressionNetwork


def soft_targets(faces: LabelledFaces, config: LossConfig) -> tuple[Tensor, Tensor]:
    """What each head should predict for each face.

    Args:
        faces: N labelled faces.
        config: Label smoothing of the FER2013 labels, and which votes count; votes are soft by themselves.

    Returns:
        float32 of shape (N, 7) and (N, 8); a row of zeros where a face has no label for that head.
    """
    labelled = faces.fer7 != NO_LABEL
    one_hot = np.eye(len(FER7))[np.where(labelled, faces.fer7, 0)]
    smooth = one_hot * (1 - config.label_smoothing) + config.label_smoothing / len(FER7)
    fer7 = smooth * labelled[:, None]
    votes = faces.vote_distribution(outliers=config.outlier_votes)
    if config.majority_votes:
        majority = faces.majority()
        votes = np.eye(len(FERPLUS8))[majority] * (majority != NO_LABEL)[:, None]
    return torch.from_numpy(fer7).float(), torch.from_numpy(votes).float()


def joint_loss(logits: tuple[Tensor, Tensor], targets: tuple[Tensor, Tensor], config: LossConfig) -> Tensor:
    """Weighted sum of the two heads' cross-entropies against soft targets, averaged over the batch.

    Votes as a distribution are the best of the four schemes compared by Barsoum et al., ICMI 2016.
    """
    weights = (config.fer7_weight, config.ferplus8_weight)
    terms = [
        -weight * (target * functional.log_softmax(head.float(), dim=1)).sum(dim=1).mean()
        for head, target, weight in zip(logits, targets, weights, strict=True)
    ]
    return terms[0] + terms[1]


def flip_difference(network: ExpressionNetwork, features: Tensor, mirrored: Tensor) -> Tensor:
    """Mean squared difference between the attention to a face and, turned back, to its mirror image.

    It teaches the trunk alone: the heads could lessen it by mere smaller weights.

    Source: Zhang et al., "Learn From All: Erasing Attention Consistency for Noisy Label Facial Expression Recognition",
    ECCV 2022.
    """
    return functional.mse_loss(network.attention(features).float(), network.attention(mirrored).flip(3).float())
