"""A published network as the trunk of one that reads expressions: its own input size and colours, frozen or not."""

from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.train.config import PublishedConfig, PublishedFamily
from mien.train.published.architectures import architecture

Channels = tuple[float, float, float]
_IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LITE: tuple[Channels, Channels] = ((127 / 255,) * 3, (128 / 255,) * 3)


class PublishedTrunk(nn.Module):
    """Gray faces to the last feature maps of a published network.

    Faces are resized and repeated to three channels here, so that what a model file asks for stays one small gray face.

    Args:
        family: Which network.
        config: Its input size, and whether it is frozen: then its weights take no gradient, and its batch
            normalisation keeps its statistics, in training too.
    """

    def __init__(self, family: PublishedFamily, config: PublishedConfig) -> None:
        super().__init__()
        self.family: PublishedFamily = family
        self.input_px, self.frozen = config.input_px, config.frozen
        self.mean, self.std = _LITE if family == "efficientnet-lite0" else _IMAGENET
        self.network = architecture(family)
        self.network.requires_grad_(not self.frozen)
        self.train()

    @property
    def width(self) -> int:
        """Channels of the feature maps."""
        return self.network.width

    def forward(self, faces: Tensor) -> Tensor:
        """Float of 0 to 1 of shape (N, 1 or 3, H, W) to (N, width, input_px / 32, input_px / 32)."""
        if faces.shape[-1] != self.input_px:
            faces = functional.interpolate(faces, (self.input_px, self.input_px), mode="bilinear", align_corners=False)
        channels = torch.split(faces.expand(-1, 3, -1, -1), 1, dim=1)
        scaled = [(channel - mean) / std for channel, mean, std in zip(channels, self.mean, self.std, strict=True)]
        return cast(Tensor, self.network(torch.cat(scaled, dim=1)))

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of all layers; a frozen trunk stays as it answers."""
        return super().train(mode and not self.frozen)
