"""Families from before residual networks, to compare with: each ends in dense layers over the whole picture."""

from itertools import pairwise

from torch import nn

from mien.train.config import FACE_PX, NetworkConfig

_LENET_KERNEL = 5


def classic_stages(config: NetworkConfig) -> list[nn.Module]:
    """The stages of family `mlp`, `lenet` or `plain-cnn`, whose last gives feature maps of 1 × 1.

    Args:
        config: `dense` has the widths of the dense layers. Of `lenet` and `plain-cnn`, `widths` are those of the
            convolutions; `plain-cnn` has as many of each as `depths` says. What else there is of stages and stem does
            not apply.
    """
    if config.family == "mlp":
        return _mlp(config)
    return _lenet(config) if config.family == "lenet" else _plain_cnn(config)


def _mlp(config: NetworkConfig) -> list[nn.Module]:
    """Dense layers over all pixels."""
    return _dense(config, config.channels * FACE_PX**2, nn.ReLU)


def _lenet(config: NetworkConfig) -> list[nn.Module]:
    """5×5 convolutions without borders, each followed by tanh and mean pooling.

    Source: LeCun et al., "Gradient-based learning applied to document recognition", Proceedings of the IEEE 86, 1998;
    without its partly connected layer and its radial basis functions.
    """
    stages: list[nn.Module] = []
    size_px = FACE_PX
    for width_in, width in pairwise((config.channels, *config.widths)):
        stages.append(nn.Sequential(nn.Conv2d(width_in, width, _LENET_KERNEL), nn.Tanh(), nn.AvgPool2d(2)))
        size_px = (size_px - _LENET_KERNEL + 1) // 2
    return stages + _dense(config, config.widths[-1] * size_px**2, nn.Tanh)


def _plain_cnn(config: NetworkConfig) -> list[nn.Module]:
    """3×3 convolutions with maximum pooling and dropout, and neither normalization nor shortcuts."""
    stages: list[nn.Module] = []
    size_px: int = FACE_PX
    width: int = config.channels
    for stage_width, depth in zip(config.widths, config.depths, strict=True):
        stage = nn.Sequential()
        for _ in range(depth):
            stage.extend((nn.Conv2d(width, stage_width, 3, padding=1), nn.ReLU(inplace=True)))
            width = stage_width
        stages.append(stage.extend((nn.MaxPool2d(2), nn.Dropout(config.dropout))))
        size_px //= 2
    return stages + _dense(config, width * size_px**2, nn.ReLU)


def _dense(config: NetworkConfig, values: int, activation: type[nn.Module]) -> list[nn.Module]:
    """Dense layers over `values` numbers, with dropout between them; the last one's is the network's own."""
    layers: list[nn.Module] = [nn.Flatten()]
    for position, (width_in, width) in enumerate(pairwise((values, *config.dense))):
        if position:
            layers.append(nn.Dropout(config.dropout))
        layers.extend((nn.Linear(width_in, width), activation()))
    return [nn.Sequential(*layers, nn.Unflatten(1, (config.dense[-1], 1, 1)))]
