"""The networks: a trunk of one family of blocks with one head per set of labels."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn

from mien.expressions import FER7, FERPLUS8
from mien.model.layers import Layer
from mien.train.config import DENSE_FAMILIES, NetworkConfig, is_published
from mien.train.networks.classic import classic_stages
from mien.train.networks.layers import layer_table
from mien.train.networks.pretrained import PublishedTrunk

_POOLING_LAYERS = 3  # at the trunk's end: mean, flattening, dropout


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut, after He et al., "Deep Residual Learning", CVPR 2016.

    A shortcut that halves the resolution averages before its 1×1 convolution, so that it discards nothing (He et al.,
    "Bag of Tricks for Image Classification", CVPR 2019, ResNet-D).
    """

    def __init__(self, width_in: int, width_out: int, stride: int, *, squeeze: bool = False) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm(width_in, width_out, stride=stride),
            nn.ReLU(inplace=True),
            conv_norm(width_out, width_out),
        )
        if squeeze:
            self.residual.append(SqueezeExcitation(width_out))
        self.shortcut = shortcut(width_in, width_out, stride)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        return cast(Tensor, self.activation(self.residual(features) + self.shortcut(features)))


class PreActivationBlock(nn.Module):
    """Normalization and activation before each 3×3 convolution: He et al., "Identity Mappings", ECCV 2016."""

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(width_in),
            nn.ReLU(),
            nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False),
        )
        self.shortcut = shortcut(width_in, width_out, stride)

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        return cast(Tensor, self.residual(features) + self.shortcut(features))


class RepVGGBlock(nn.Module):
    """A 3×3 and a 1×1 convolution and, where shapes allow, the identity in parallel, each normalized.

    `merged` gives the single convolution that computes the same. Source: Ding et al., "RepVGG: Making VGG-style
    ConvNets Great Again", CVPR 2021.
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.wide = conv_norm(width_in, width_out, stride=stride)
        self.narrow = conv_norm(width_in, width_out, kernel=1, stride=stride)
        self.identity = nn.BatchNorm2d(width_in) if width_in == width_out and stride == 1 else None

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        total = self.wide(features) + self.narrow(features)
        if self.identity is not None:
            total = total + self.identity(features)
        return torch.relu(total)

    def merged(self) -> nn.Sequential:
        """One 3×3 convolution with bias and an activation: what the block computes once its statistics are fixed."""
        wide = cast(nn.Conv2d, self.wide[0])
        merged = nn.Conv2d(wide.in_channels, wide.out_channels, 3, cast(int, wide.stride), 1)
        weight, bias = _fused(wide.weight, cast(nn.BatchNorm2d, self.wide[1]))
        narrow_weight, narrow_bias = _fused(
            nn.functional.pad(cast(nn.Conv2d, self.narrow[0]).weight, (1, 1, 1, 1)),
            cast(nn.BatchNorm2d, self.narrow[1]),
        )
        weight, bias = weight + narrow_weight, bias + narrow_bias
        if self.identity is not None:
            centre = torch.zeros_like(wide.weight)
            nn.init.dirac_(centre)
            identity_weight, identity_bias = _fused(centre, self.identity)
            weight, bias = weight + identity_weight, bias + identity_bias
        merged.weight.data, merged.bias = weight, nn.Parameter(bias)
        return nn.Sequential(merged, nn.ReLU())


class DepthwiseBlock(nn.Module):
    """Widen by 1×1, filter each channel by 3×3, squeeze and excite, narrow by 1×1; with a shortcut where shapes allow.

    Source: Howard et al., "Searching for MobileNetV3", ICCV 2019.
    """

    def __init__(self, width_in: int, width_out: int, stride: int, *, expansion: int = 4) -> None:
        super().__init__()
        wide = width_in * expansion
        self.residual = nn.Sequential(
            conv_norm(width_in, wide, kernel=1),
            nn.Hardswish(),
            conv_norm(wide, wide, stride=stride, groups=wide),
            nn.Hardswish(),
            SqueezeExcitation(wide),
            conv_norm(wide, width_out, kernel=1),
        )
        self.adds = stride == 1 and width_in == width_out

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        residual = self.residual(features)
        return cast(Tensor, residual + features if self.adds else residual)


class SqueezeExcitation(nn.Module):
    """Weighs each channel by what the whole picture holds: Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018."""

    def __init__(self, width: int, *, reduction: int = 8) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Conv2d(width, max(8, width // reduction), 1),
            nn.ReLU(inplace=True),
            nn.Conv2d(max(8, width // reduction), width, 1),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width, H, W) to the same shape."""
        return cast(Tensor, features * self.gate(features))


class ExpressionNetwork(nn.Module):
    """A network for faces with a head for `FER7` and one for `FERPLUS8`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.channels = config.channels
        if is_published(config.family):
            published = PublishedTrunk(config.published)
            stages: list[nn.Module] = [published]
            width = published.width
        elif config.family in DENSE_FAMILIES:
            stages, width = classic_stages(config), config.dense[-1]
        else:
            stages, width = _convolutional_stages(config)
        pooling = (nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(config.dropout))
        self.trunk = nn.Sequential(*stages, *pooling)
        self.fer7_head = nn.Linear(width, len(FER7))
        self.ferplus8_head = nn.Linear(width, len(FERPLUS8))

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads.

        Args:
            faces: Normalized float of shape (N, 1, H, W), or (N, 3, H, W) where `channels` is 3.

        Returns:
            Logits of shape (N, 7) in the order of `FER7` and (N, 8) in the order of `FERPLUS8`.
        """
        return self.logits(self.features(faces))

    def features(self, faces: Tensor) -> Tensor:
        """The last feature maps, of shape (N, C, h, w), for normalized faces of shape (N, 1 or 3, H, W)."""
        if faces.shape[1] < self.channels:
            faces = faces.expand(-1, self.channels, -1, -1)
        return cast(Tensor, self.trunk[:-_POOLING_LAYERS](faces))

    def logits(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads for what `features` gives."""
        pooled = self.trunk[-_POOLING_LAYERS:](features)
        return self.fer7_head(pooled), self.ferplus8_head(pooled)

    def attention(self, features: Tensor) -> Tensor:
        """How much each place speaks for each class of both heads: class activation maps of shape (N, 15, h, w).

        Gradients go into the features, not into the heads.
        """
        weights = torch.cat((self.fer7_head.weight, self.ferplus8_head.weight)).detach()
        return nn.functional.conv2d(features, weights[:, :, None, None])

    @property
    def published(self) -> PublishedTrunk | None:
        """The published network that reads the faces, if one does."""
        first = self.trunk[0]
        return first if isinstance(first, PublishedTrunk) else None

    def layers(self, size_px: int) -> tuple[Layer, ...]:
        """What the network is made of for faces of `size_px` pixels, as an export has it once `merge` was called."""
        outputs = [f"{head.name}_logits" for head in (FER7, FERPLUS8)]
        return layer_table(self, (self.channels, size_px, size_px), outputs)

    def merge(self) -> None:
        """Replaces re-parameterized blocks by the single convolutions they amount to; for inference only."""
        for name, stage in self.trunk.named_children():
            if isinstance(stage, RepVGGBlock):
                setattr(self.trunk, name, stage.merged())


def _convolutional_stages(config: NetworkConfig) -> tuple[list[nn.Module], int]:
    """Stem and stages of all families but the classic ones, and how many channels the last one gives."""
    block = _BLOCKS[config.family]
    stages: list[nn.Module] = [
        nn.Sequential(conv_norm(config.channels, config.stem_width), nn.ReLU(inplace=True)),
        nn.Sequential(conv_norm(config.stem_width, config.widths[0], stride=config.stem_stride), nn.ReLU(inplace=True)),
    ]
    width = config.widths[0]
    for stage, (stage_width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
        for position in range(depth):
            halve = stage > 0 and position == 0
            stages.append(block(width, stage_width, 2 if halve else 1))
            width = stage_width
    if config.family == "preactivation":
        stages.append(nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(inplace=True)))
    return stages, width


def conv_norm(width_in: int, width_out: int, *, kernel: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution that keeps the borders, followed by batch normalization."""
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(width_out),
    )


def shortcut(width_in: int, width_out: int, stride: int) -> nn.Module:
    """The identity, or what gives it the shape of the residual."""
    if stride == 1 and width_in == width_out:
        return nn.Identity()
    # As a convolution with stride does, it keeps the last row and column of an odd size.
    pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, conv_norm(width_in, width_out, kernel=1))


def _vgg_block(width_in: int, width_out: int, stride: int) -> nn.Module:
    """A plain 3×3 convolution, maximum pooling where it halves: Simonyan and Zisserman, ICLR 2015."""
    block = nn.Sequential(conv_norm(width_in, width_out), nn.ReLU(inplace=True))
    return nn.Sequential(nn.MaxPool2d(stride, ceil_mode=True), block) if stride > 1 else block


def _squeezed_block(width_in: int, width_out: int, stride: int) -> nn.Module:
    return ResidualBlock(width_in, width_out, stride, squeeze=True)


def _fused(weight: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution without bias that is followed by a normalization with fixed statistics."""
    mean, variance = cast(Tensor, norm.running_mean), cast(Tensor, norm.running_var)
    gain = norm.weight / torch.sqrt(variance + norm.eps)
    return (weight * gain[:, None, None, None]).detach(), (norm.bias - mean * gain).detach()


_BLOCKS: dict[str, Callable[[int, int, int], nn.Module]] = {
    "residual": ResidualBlock,
    "residual-se": _squeezed_block,
    "preactivation": PreActivationBlock,
    "repvgg": RepVGGBlock,
    "depthwise": DepthwiseBlock,
    "vgg": _vgg_block,
}
