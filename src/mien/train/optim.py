"""The optimizers that a configuration can name."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from mien.train.config import OptimizerConfig

_NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
ADAM_RMS = 0.2
"""Root mean square of a usual AdamW update; it lets Muon take the learning rates and weight decay of AdamW."""

SECOND_MOMENTUM = 0.99
"""Decay of AdamW's second moment."""


def optimizer_of(network: nn.Module, config: OptimizerConfig) -> Optimizer:
    """The configured optimizer over all weights that are not frozen; decay on convolution and linear weights alone."""
    trained = [weight for weight in network.parameters() if weight.requires_grad]
    decayed = [weight for weight in trained if weight.ndim > 1]
    plain = [weight for weight in trained if weight.ndim <= 1]
    groups: list[dict[str, Any]] = [
        {"params": decayed, "weight_decay": config.weight_decay},
        {"params": plain, "weight_decay": 0.0},
    ]
    rate = config.peak_learning_rate
    optimizer: Optimizer
    if config.method == "sgd":
        optimizer = SGD(groups, lr=rate, momentum=config.momentum, nesterov=config.momentum > 0)
    elif config.method == "adamw":
        optimizer = AdamW(groups, lr=rate, betas=(config.momentum, SECOND_MOMENTUM))
    else:
        optimizer = Muon(groups, lr=rate, momentum=config.momentum)
    return SharpnessAware(optimizer, config.sharpness_radius, network) if config.sharpness_radius else optimizer


class Muon(AdamW):
    """Momentum made orthogonal for convolution weights; AdamW for all others.

    Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024; the scale of an update is
    that of Liu et al., "Muon is Scalable for LLM Training", 2025.
    """

    def __init__(self, groups: list[dict[str, Any]], *, lr: float, momentum: float) -> None:
        split = []
        for group in groups:
            for orthogonal in (True, False):
                chosen = [weight for weight in group["params"] if (weight.ndim == 4) is orthogonal]
                if chosen:
                    split.append(group | {"params": chosen, "orthogonal": orthogonal})
        super().__init__(split, lr=lr, betas=(momentum, SECOND_MOMENTUM))

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; see `torch.optim.Optimizer.step`."""
        with torch.enable_grad():
            loss = closure() if closure else None
        groups = self.param_groups
        for group in groups:
            if group["orthogonal"]:
                for weight in group["params"]:
                    self._orthogonal_step(weight, group)
        self.param_groups = [group for group in groups if not group["orthogonal"]]
        try:
            super().step()
        finally:
            self.param_groups = groups
        return loss

    def _orthogonal_step(self, weight: Tensor, group: dict[str, Any]) -> None:
        if weight.grad is None:
            return
        decay = group["betas"][0]
        state = self.state[weight]
        if not state:
            # AdamW looks for the count of steps in every state that it restores.
            state.update(step=torch.tensor(0.0), momentum_buffer=torch.zeros_like(weight))
        state["step"] += 1
        momentum = state["momentum_buffer"]
        momentum.lerp_(weight.grad, 1 - decay)
        update: Tensor = orthogonalized(weight.grad.lerp(momentum, decay).flatten(1))
        scale = ADAM_RMS * max(update.shape) ** 0.5
        weight.mul_(1 - group["lr"] * group["weight_decay"])
        weight.add_(update.view(weight.shape), alpha=-group["lr"] * scale)


def orthogonalized(matrices: Tensor) -> Tensor:
    """Matrices of shape (…, M, N), all singular values moved close to 1 by five Newton-Schulz steps in bfloat16."""
    wide = matrices.bfloat16()
    turned = wide.shape[-2] > wide.shape[-1]
    if turned:
        wide = wide.mT
    wide = wide / (torch.linalg.vector_norm(wide, dim=(-2, -1), keepdim=True) + 1e-7)
    first, third, fifth = _NEWTON_SCHULZ
    for _ in range(5):
        square = wide @ wide.mT
        wide = first * wide + (third * square + fifth * square @ square) @ wide
    result: Tensor = wide.mT if turned else wide
    return result.to(matrices.dtype)


class SharpnessAware(Optimizer):
    """Steps by the gradient found a little uphill, so that flat minima win; every step costs two passes.

    Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", ICLR 2021.

    Args:
        base: The optimizer that takes the step.
        radius: Length of the way uphill, in the Euclidean norm over all weights.
        network: Whose weights they are. Its batch normalization learns its statistics from the first pass alone: those
            uphill are of weights that the network never has.
    """

    def __init__(self, base: Optimizer, radius: float, network: nn.Module) -> None:
        super().__init__(base.param_groups, base.defaults)
        self.base, self.radius, self.network = base, radius, network
        self._share()

    def _share(self) -> None:
        self.param_groups, self.state = self.base.param_groups, self.base.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; `closure` must compute the loss and its gradients anew each time it is called."""
        if closure is None:
            raise RuntimeError("sharpness-aware steps need a closure")
        with torch.enable_grad():
            loss = closure()
        weights = [weight for group in self.param_groups for weight in group["params"] if weight.grad is not None]
        gradients = [cast(Tensor, weight.grad) for weight in weights]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(gradient) for gradient in gradients]))
        way = [gradient * (self.radius / (norm + 1e-12)) for gradient in gradients]
        statistics = [(buffer, buffer.clone()) for buffer in self.network.buffers()]
        torch._foreach_add_(weights, way)
        with torch.enable_grad():
            closure()
        torch._foreach_sub_(weights, way)
        for buffer, kept in statistics:
            buffer.copy_(kept)
        self.base.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """That of the optimizer that takes the step."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the optimizer that takes the step."""
        self.base.load_state_dict(state_dict)
        self._share()
