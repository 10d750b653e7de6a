import copy

import pytest
import torch
from torch import nn

from mien.train.config import NetworkConfig, OptimizerConfig
from mien.train.networks.expression import ExpressionNetwork
from mien.train.optim import Muon, SharpnessAware, optimizer_of, orthogonalized

METHODS = [
    {"method": "sgd", "peak_learning_rate": 0.05},
    {"method": "adamw", "peak_learning_rate": 0.01},
    {"method": "muon", "peak_learning_rate": 0.01},
    {"method": "sgd", "peak_learning_rate": 0.05, "sharpness_radius": 0.05},
    {"method": "muon", "peak_learning_rate": 0.01, "sharpness_radius": 0.05},
]


def small_network() -> ExpressionNetwork:
    torch.manual_seed(0)
    return ExpressionNetwork(NetworkConfig(stem_width=4, widths=(8,), depths=(1,), dropout=0))


def steps(network: nn.Module, optimizer: torch.optim.Optimizer, count: int) -> list[float]:
    faces = torch.randn(32, 1, 16, 16, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(32) % 7

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(faces)[0], labels)
        loss.backward()
        return loss

    return [float(optimizer.step(closure).detach()) for _ in range(count)]


@pytest.mark.parametrize("method", METHODS)
def test_each_method_lessens_the_loss(method: dict[str, object]) -> None:
    network = small_network()
    losses = steps(network, optimizer_of(network, OptimizerConfig.model_validate(method)), 30)
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("method", METHODS)
def test_a_restored_optimizer_goes_on_as_if_it_had_not_stopped(method: dict[str, object]) -> None:
    config = OptimizerConfig.model_validate(method)
    network = small_network()
    optimizer = optimizer_of(network, config)
    steps(network, optimizer, 3)
    restored = copy.deepcopy(network)
    restored_optimizer = optimizer_of(restored, config)
    restored_optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert steps(restored, restored_optimizer, 3) == steps(network, optimizer, 3)


@pytest.mark.parametrize("shape", [(8, 30), (30, 8)])
def test_orthogonalized_has_singular_values_near_one(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    values = torch.linalg.svdvals(orthogonalized(matrix))
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.3


def test_matrices_made_orthogonal_together_are_those_made_so_alone() -> None:
    matrices = torch.randn((5, 8, 30), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(
        orthogonalized(matrices), torch.stack([*map(orthogonalized, matrices)]), atol=5e-3, rtol=0
    )


def test_muon_makes_only_convolutions_orthogonal_and_decays_no_bias() -> None:
    optimizer = optimizer_of(small_network(), OptimizerConfig(method="muon", weight_decay=0.1))
    assert isinstance(optimizer, Muon)
    for group in optimizer.param_groups:
        assert {weight.ndim == 4 for weight in group["params"]} == {group["orthogonal"]}
        assert (group["weight_decay"] > 0) == (group["params"][0].ndim > 1)


def test_sharpness_aware_takes_the_gradient_uphill() -> None:
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    optimizer = SharpnessAware(torch.optim.SGD([weight], lr=0.1), 0.5, nn.ParameterList([weight]))

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = weight.square().sum() / 2
        loss.backward()
        return loss

    assert float(optimizer.step(closure).detach()) == pytest.approx(12.5)
    # The gradient at (3, 4) moved by 0.5 along its own direction is (3.3, 4.4).
    torch.testing.assert_close(weight.data, torch.tensor([3.0, 4.0]) - 0.1 * torch.tensor([3.3, 4.4]))


def test_sharpness_aware_steps_learn_statistics_of_the_first_pass_alone() -> None:
    networks = small_network(), small_network()
    for network, radius in zip(networks, (0, 0.05), strict=True):
        config = OptimizerConfig(method="sgd", peak_learning_rate=0.05, sharpness_radius=radius)
        steps(network, optimizer_of(network, config), 1)
    plain, aware = (dict(network.named_buffers()) for network in networks)
    assert any(name.endswith("running_mean") for name in plain)
    for name, buffer in plain.items():
        torch.testing.assert_close(aware[name], buffer, msg=name)
    assert not torch.equal(*(next(network.parameters()) for network in networks))
