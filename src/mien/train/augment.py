"""Random changes to a batch of faces, as plain tensor code: the same on a CPU and a GPU, seeded by the caller.

Pictures are float tensors of shape (N, 1, H, W), or (N, 3, H, W) in color, with values of 0 to 255.
"""

from math import radians

import torch
from torch import Generator, Tensor
from torch.nn import functional

from mien.train.config import AugmentationConfig

_BLOCK_PX = 8
_LEAST_SCALE = 0.2  # of the part of a picture that is kept, so that none is turned or shrunk to a point
_BAD_CROP = 2.5  # how many times farther a badly cropped face is scaled and shifted


def augment(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Changed copies of `pictures`: geometry, light, resolution, noise, compression, erased patches, in this order."""
    pictures = _warp(pictures, config, generator)
    pictures = _relight(pictures, config, generator)
    pictures = _lower_resolution(pictures, config, generator)
    noise = torch.randn(pictures.shape, generator=generator, device=pictures.device)
    pictures = pictures + noise * config.noise * _uniform(pictures, generator, 0, 1)
    pictures = _compress(pictures, config, generator)
    pictures = _erase(pictures, config, generator)
    return pictures.clamp(0, 255)


def blend(pictures: Tensor, config: AugmentationConfig, generator: Generator, *targets: Tensor) -> tuple[Tensor, ...]:
    """Mixes pictures, and their targets alike, with a shuffled copy of the batch.

    A share of the batches is mixed by weight (Zhang et al., "mixup: Beyond Empirical Risk Minimization", ICLR 2018), a
    share by a pasted rectangle (Yun et al., "CutMix", ICCV 2019); the others are left as they are. One weight or
    rectangle serves the whole batch.
    """
    mixup_share = config.mixup_share if config.mixup_alpha > 0 else 0
    turn = torch.rand((), generator=generator, device=pictures.device)
    partner = torch.randperm(len(pictures), generator=generator, device=pictures.device)
    if turn < mixup_share:
        # A ratio of gamma draws is a beta draw, and only gamma draws take a generator.
        shape = torch.full((2,), float(config.mixup_alpha), device=pictures.device)
        gamma = torch._standard_gamma(shape, generator=generator).clamp_min(1e-8)
        own = gamma[0] / gamma.sum()
        pictures = own * pictures + (1 - own) * pictures[partner]
    elif turn < mixup_share + config.cutmix_share:
        pasted = _rectangle(pictures[:1], generator, 0.2, 0.7)
        own = 1 - pasted.to(pictures.dtype).mean()
        pictures = torch.where(pasted, pictures[partner], pictures)
    else:
        return (pictures, *targets)
    return (pictures, *(own * target + (1 - own) * target[partner] for target in targets))


def _uniform(pictures: Tensor, generator: Generator, low: float, high: float) -> Tensor:
    """One draw for each picture, of shape (N, 1, 1, 1)."""
    draws = torch.rand((len(pictures), 1, 1, 1), generator=generator, device=pictures.device)
    return low + (high - low) * draws


def _warp(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Mirrors half of the pictures; rotates, scales (each side by its own) and shifts all, a share of them far."""

    def draw(limit: float) -> Tensor:
        return _uniform(pictures, generator, -limit, limit).flatten()

    bad = _uniform(pictures, generator, 0, 1).flatten() < config.bad_crop_share
    reach = torch.where(bad, _BAD_CROP, 1.0)
    angle = draw(radians(config.rotation_deg))
    common, stretch = (1 + draw(config.scale) * reach).clamp_min(_LEAST_SCALE), 1 + draw(config.scale / 3)
    mirror = torch.where(draw(1) < 0, -1.0, 1.0)
    cos, sin = torch.cos(angle), torch.sin(angle)
    across = torch.stack((cos * common * stretch * mirror, -sin * common, 2 * draw(config.shift) * reach), dim=1)
    down = torch.stack((sin * common * mirror, cos * common / stretch, 2 * draw(config.shift) * reach), dim=1)
    grid = functional.affine_grid(torch.stack((across, down), dim=1), list(pictures.shape), align_corners=False)
    return functional.grid_sample(pictures, grid, mode="bilinear", padding_mode="border", align_corners=False)


def _relight(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Changes gamma, contrast about the picture's own mean, and brightness."""
    gamma = torch.exp(_uniform(pictures, generator, -config.gamma, config.gamma))
    contrast = torch.exp(_uniform(pictures, generator, -config.contrast, config.contrast))
    brightness = _uniform(pictures, generator, -config.brightness, config.brightness)
    bent = 255 * (pictures / 255).clamp(1e-4, 1) ** gamma
    mean = bent.mean(dim=(1, 2, 3), keepdim=True)
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


def _compress(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Rounds the cosine coefficients of 8×8 blocks of a share of the pictures, as JPEG does (ITU-T T.81)."""
    count = round(config.compression_share * len(pictures))
    if count == 0 or pictures.shape[-1] % _BLOCK_PX:
        return pictures
    chosen = torch.randperm(len(pictures), generator=generator, device=pictures.device)[:count]
    along_side = pictures.shape[-1] // _BLOCK_PX
    grid = (count, pictures.shape[1], along_side, _BLOCK_PX, along_side, _BLOCK_PX)
    blocks = pictures[chosen].reshape(grid).transpose(3, 4)
    along = torch.arange(_BLOCK_PX, device=pictures.device, dtype=pictures.dtype)
    cosines = torch.cos(torch.pi / _BLOCK_PX * (along + 0.5) * along[:, None]) * (2 / _BLOCK_PX) ** 0.5
    cosines[0] /= 2**0.5
    # Steps grow with frequency, from about quality 70 to quality 10 of the usual luminance table.
    strength = _uniform(blocks, generator, 0.6, 5).view(-1, *[1] * 5)
    steps = strength * (10 + 6 * (along + along[:, None]))
    rounded = torch.round(cosines @ (blocks - 128) @ cosines.T / steps) * steps
    restored = (cosines.T @ rounded @ cosines + 128).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return pictures.index_copy(0, chosen, restored)


def _erase(pictures: Tensor, config: AugmentationConfig, generator: Generator) -> Tensor:
    """Covers a rectangle of a share of the pictures with one random gray.

    Source: Zhong et al., "Random Erasing Data Augmentation", AAAI 2020.
    """
    covered = _rectangle(pictures, generator, 0.15, 0.45)
    chosen = _uniform(pictures, generator, 0, 1) < config.erase_share
    return torch.where(covered & chosen, _uniform(pictures, generator, 0, 255), pictures)


def _rectangle(pictures: Tensor, generator: Generator, least: float, most: float) -> Tensor:
    """A rectangle for each picture, sides as shares of its size; bool of shape (N, 1, H, W)."""
    size_px = pictures.shape[-1]
    along = torch.arange(size_px, device=pictures.device, dtype=pictures.dtype)
    top, left = (_uniform(pictures, generator, -0.1, 0.9) * size_px for _ in range(2))
    height, width = (_uniform(pictures, generator, least, most) * size_px for _ in range(2))
    rows, columns = along.view(1, 1, -1, 1), along.view(1, 1, 1, -1)
    return (rows >= top) & (rows < top + height) & (columns >= left) & (columns < left + width)
