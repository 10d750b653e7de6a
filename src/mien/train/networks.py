"""The network: a residual trunk with one head per set of labels."""

from typing import cast

from torch import Tensor, nn

from mien.expressions import FER7, FERPLUS8
from mien.train.config import NetworkConfig


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with a shortcut, after He et al., "Deep Residual Learning", CVPR 2016.

    A shortcut that halves the resolution averages before its 1×1 convolution, so that it discards nothing (He et al.,
    "Bag of Tricks for Image Classification", CVPR 2019, ResNet-D).
    """

    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.residual = nn.Sequential(
            conv_norm(width_in, width_out, stride=stride),
            nn.ReLU(inplace=True),
            conv_norm(width_out, width_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or width_in != width_out:
            pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
            self.shortcut = nn.Sequential(pool, conv_norm(width_in, width_out, kernel=1))
        self.activation = nn.ReLU(inplace=True)

    def forward(self, features: Tensor) -> Tensor:
        """Float of shape (N, width_in, H, W) to (N, width_out, H / stride, W / stride)."""
        return cast(Tensor, self.activation(self.residual(features) + self.shortcut(features)))


class ResidualNetwork(nn.Module):
    """A small residual network for grayscale faces with a head for `FER7` and one for `FERPLUS8`."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        stages: list[nn.Module] = [
            nn.Sequential(conv_norm(1, config.stem_width), nn.ReLU(inplace=True)),
            nn.Sequential(conv_norm(config.stem_width, config.widths[0], stride=2), nn.ReLU(inplace=True)),
        ]
        width = config.widths[0]
        for stage, (stage_width, depth) in enumerate(zip(config.widths, config.depths, strict=True)):
            for position in range(depth):
                halve = stage > 0 and position == 0
                stages.append(ResidualBlock(width, stage_width, stride=2 if halve else 1))
                width = stage_width
        self.trunk = nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(config.dropout))
        self.fer7_head = nn.Linear(width, len(FER7))
        self.ferplus8_head = nn.Linear(width, len(FERPLUS8))

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads.

        Args:
            faces: Normalised float of shape (N, 1, H, W).

        Returns:
            Logits of shape (N, 7) in the order of `FER7` and (N, 8) in the order of `FERPLUS8`.
        """
        features = self.trunk(faces)
        return self.fer7_head(features), self.ferplus8_head(features)


def conv_norm(width_in: int, width_out: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution that keeps the borders, followed by batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(width_in, width_out, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(width_out),
    )
