"""Muon with weights of like shapes taken together, for steps that are recorded once and replayed on a GPU."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mien.train.config import OptimizerConfig
from mien.train.optim import ADAM_RMS, SECOND_MOMENTUM, orthogonalized

GRADIENT_LIMIT = 5.0
"""Gradients are scaled down to this norm, over all weights together."""


class BatchedMuon:
    """The steps of `mien.train.optim.Muon` by few large operations, none of which waits for the device.

    Learning rate and count of steps are tensors on the device, so that a CUDA graph of a step can be replayed.

    Args:
        weights: What is learned, all on one device.
        config: Momentum and weight decay; `method` must be `muon`.

    Attributes:
        rate: Learning rate of the next step, a tensor of no dimensions; whoever trains sets it.
    """

    def __init__(self, weights: Sequence[Tensor], config: OptimizerConfig) -> None:
        if config.method != "muon" or config.sharpness_radius:
            raise ValueError(f"only muon without sharpness_radius is batched, not {config.method}")
        device = weights[0].device
        self.rate, self._count = torch.zeros((), device=device), torch.zeros((), device=device)
        self._momentum, self._decay = config.momentum, config.weight_decay
        self._weights = list(weights)
        self._first = [torch.zeros_like(weight) for weight in weights]
        self._plain = [place for place, weight in enumerate(weights) if weight.ndim != 4]
        self._second = [torch.zeros_like(weights[place]) for place in self._plain]
        self._decayed = [weight for weight in weights if weight.ndim > 1]
        self._alike: dict[tuple[int, int], list[int]] = {}
        for place, weight in enumerate(weights):
            if weight.ndim == 4:
                self._alike.setdefault((weight.shape[0], weight[0].numel()), []).append(place)

    def state(self) -> list[Tensor]:
        """All that a step changes, except the weights."""
        return [self.rate, self._count, *self._first, *self._second]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        """One step by these gradients, in the order of the weights; they are clipped to `GRADIENT_LIMIT` first."""
        norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(list(gradients))))
        clipped = torch._foreach_mul(list(gradients), (GRADIENT_LIMIT / (norm + 1e-6)).clamp(max=1))
        self._count += 1
        torch._foreach_lerp_(self._first, clipped, 1 - self._momentum)
        torch._foreach_mul_(self._decayed, 1 - self.rate * self._decay)
        self._plain_step([clipped[place] for place in self._plain])
        for places in self._alike.values():
            self._orthogonal_step(places, [clipped[place] for place in places])

    def _plain_step(self, gradients: list[Tensor]) -> None:
        """AdamW's step, for weights that are no convolutions."""
        torch._foreach_mul_(self._second, SECOND_MOMENTUM)
        torch._foreach_addcmul_(self._second, gradients, gradients, 1 - SECOND_MOMENTUM)
        spread = torch._foreach_mul(self._second, 1 / (1 - SECOND_MOMENTUM**self._count))
        torch._foreach_sqrt_(spread)
        torch._foreach_add_(spread, 1e-8)
        change = torch._foreach_div([self._first[place] for place in self._plain], spread)
        torch._foreach_mul_(change, -self.rate / (1 - self._momentum**self._count))
        torch._foreach_add_([self._weights[place] for place in self._plain], change)

    def _orthogonal_step(self, places: list[int], gradients: list[Tensor]) -> None:
        """Muon's step, for convolutions whose weights are matrices of one shape."""
        ahead = torch._foreach_lerp(gradients, [self._first[place] for place in places], self._momentum)
        matrices = torch.stack([gradient.flatten(1) for gradient in ahead])
        scale = ADAM_RMS * max(matrices.shape[1:]) ** 0.5
        change = orthogonalized(matrices) * (-scale * self.rate)
        weights = [self._weights[place] for place in places]
        torch._foreach_add_(weights, [part.view(w.shape) for part, w in zip(change.unbind(), weights, strict=True)])
