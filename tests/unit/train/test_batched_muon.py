import copy

import pytest
import torch
from torch import nn

from mien.train.batched_muon import GRADIENT_LIMIT, BatchedMuon
from mien.train.config import NetworkConfig, OptimizerConfig
from mien.train.networks.expression import ExpressionNetwork
from mien.train.optim import optimizer_of

CONFIG = OptimizerConfig(method="muon", weight_decay=0.1)


def small_network() -> ExpressionNetwork:
    torch.manual_seed(0)
    return ExpressionNetwork(NetworkConfig(stem_width=4, widths=(8, 8), depths=(2, 1), dropout=0))


def loss_of(network: nn.Module, scale: float) -> torch.Tensor:
    faces = torch.randn(32, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    losses = [nn.functional.cross_entropy(head, torch.arange(32) % 7) for head in network(faces)]
    return scale * (losses[0] + losses[1])


@pytest.mark.parametrize("scale", [1, 1000], ids=["within the limit", "clipped"])
def test_steps_are_those_of_muon(scale: float) -> None:
    network = small_network()
    batched = copy.deepcopy(network)
    optimizer, weights = optimizer_of(network, CONFIG), list(batched.parameters())
    of_batched = BatchedMuon(weights, CONFIG)
    for rate in (0.01, 0.02, 0.005):
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.zero_grad()
        loss_of(network, scale).backward()
        nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_LIMIT)
        optimizer.step()
        of_batched.rate.fill_(rate)
        of_batched.step(torch.autograd.grad(loss_of(batched, scale), weights))
    start = small_network()
    for name, weight in network.named_parameters():
        moved = (weight - start.get_parameter(name)).norm()
        off = (weight - batched.get_parameter(name)).norm()
        assert off < 0.02 * moved, name  # both round to bfloat16, in another order


def test_its_state_is_all_that_a_step_depends_on() -> None:
    network = small_network()
    weights = list(network.parameters())
    optimizer = BatchedMuon(weights, CONFIG)
    optimizer.rate.fill_(0.01)
    gradients = [torch.ones_like(weight) for weight in weights]
    kept = [*weights, *optimizer.state()]
    optimizer.step(gradients)
    before = [value.detach().clone() for value in kept]
    optimizer.step(gradients)
    once = [weight.detach().clone() for weight in weights]
    with torch.no_grad():
        for value, earlier in zip(kept, before, strict=True):
            value.copy_(earlier)
    optimizer.step(gradients)
    assert all(torch.equal(weight, earlier) for weight, earlier in zip(weights, once, strict=True))


@pytest.mark.parametrize("config", [{"method": "sgd"}, {"method": "muon", "sharpness_radius": 0.1}])
def test_other_optimizers_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="only muon"):
        BatchedMuon([torch.zeros(2)], OptimizerConfig.model_validate(config))
