"""Random changes to a batch of faces, as plain tensor code: the same on a CPU and a GPU, seeded by the caller.

Pictures are float tensors of shape (N, 1, H, W) with values of 0 to 255.
"""

from math import radians

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien.train.config import AugmentationConfig


def augment(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Changed copies of `pictures`: geometry, light, resolution, noise and erased patches, in this order."""
    pictures = _warp(pictures, config, generator)
    pictures = _relight(pictures, config, generator)
    pictures = _lower_resolution(pictures, config, generator)
    noise = torch.randn(pictures.shape, generator=generator, device=pictures.device)
    pictures = pictures + noise * config.noise * _uniform(pictures, generator, 0, 1)
    pictures = _erase(pictures, config, generator)
    return pictures.clamp(0, 255)


def mixup(pictures: Tensor, config: AugmentationConfig, generator: Generator, *targets: Tensor) -> tuple[Tensor, ...]:
    """Blends pictures, and their targets alike, with a shuffled copy of the batch.

    One blend, drawn from Beta(alpha, alpha), serves the whole batch; a share of the batches is left as it is. Source:
    Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018.
    """
    if torch.rand((), generator=generator, device=pictures.device) >= config.mixup_share or config.mixup_alpha == 0:
        return (pictures, *targets)
    # A ratio of gamma draws is a beta draw, and only gamma draws take a generator.
    shape = torch.full((2,), float(config.mixup_alpha), device=pictures.device)
    gamma = torch._standard_gamma(shape, generator=generator).clamp_min(1e-8)
    blend = gamma[0] / gamma.sum()
    partner = torch.randperm(len(pictures), generator=generator, device=pictures.device)
    return tuple(blend * part + (1 - blend) * part[partner] for part in (pictures, *targets))


def _uniform(pictures: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """One draw for each picture, of shape (N, 1, 1, 1)."""
    draws = torch.rand((len(pictures), 1, 1, 1), generator=generator, device=pictures.device)
    return low + (high - low) * draws


def _warp(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Mirrors half of the pictures; rotates, scales (each side by its own) and shifts all of them."""

    def draw(reach: float) -> Tensor:
        return _uniform(pictures, generator, -reach, reach).flatten()

    angle = draw(radians(config.rotation_deg))
    common, stretch = 1 + draw(config.scale), 1 + draw(config.scale / 3)
    mirror = torch.where(draw(1) < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    across = torch.stack((cos * common * stretch * mirror, -sin * common, 2 * draw(config.shift)), dim=1)
    down = torch.stack((sin * common * mirror, cos * common / stretch, 2 * draw(config.shift)), dim=1)
    grid = functional.affine_grid(torch.stack((across, down), dim=1), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _relight(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Changes gamma, contrast about the picture's own mean, and brightness."""
    gamma = torch.exp(_uniform(pictures, generator, -config.gamma, config.gamma))
    contrast = torch.exp(_uniform(pictures, generator, -config.contrast, config.contrast))
    brightness = _uniform(pictures, generator, -config.brightness, config.brightness)
    bent = 255 * (pictures / 255).clamp(1e-4, 1) ** gamma
    mean = bent.mean(dim=(2, 3), keepdim=True)
    return (bent - mean) * contrast + mean + brightness


def _lower_resolution(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Shrinks a share of the pictures, all to one size drawn for the batch, and enlarges them again."""
    size_px = pictures.shape[-1]
    small_px = int(
        torch.randint(config.low_resolution_min_px, size_px, (), generator=generator, device=pictures.device)
    )
    chosen = _uniform(pictures, generator, 0, 1) < config.low_resolution_share
    small = functional.interpolate(pictures, small_px, mode="area")
    blurred = functional.interpolate(small, size_px, mode="bilinear", align_corners=False)
    return torch.where(chosen, blurred, pictures)


def _erase(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Covers a rectangle of a share of the pictures with one random grey.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    size_px = pictures.shape[-1]
    along = torch.arange(size_px, device=pictures.device, dtype=pictures.dtype)
    top, left = (_uniform(pictures, generator, -0.1, 0.9) * size_px for _ in range(2))
    height, width = (_uniform(pictures, generator, 0.15, 0.45) * size_px for _ in range(2))
    rows, columns = along.view(1, 1, -1, 1), along.view(1, 1, 1, -1)
    covered = (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
    chosen = _uniform(pictures, generator, 0, 1) < config.erase_share
    return torch.where(covered & chosen, _uniform(pictures, generator, 0, 255), pictures)
