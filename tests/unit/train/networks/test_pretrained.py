import torch
from torch.nn.functional import cross_entropy

from mien.train.config import NetworkConfig, OptimizerConfig, PublishedConfig
from mien.train.networks.expression import ExpressionNetwork
from mien.train.networks.pretrained import PublishedTrunk
from mien.train.optim import optimizer_of


def test_a_frozen_trunk_keeps_weights_and_statistics_while_the_heads_learn() -> None:
    published = PublishedConfig(weights="random", frozen=True)
    network = ExpressionNetwork(NetworkConfig(family="efficientnet-lite0", published=published)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = optimizer_of(network, OptimizerConfig(weight_decay=0.1))
    for _ in range(2):
        fer7, ferplus8 = network(torch.rand(4, 1, 48, 48))
        (cross_entropy(fer7, torch.arange(4)) + cross_entropy(ferplus8, torch.arange(4))).backward()
        optimizer.step()
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"fer7_head.weight", "fer7_head.bias", "ferplus8_head.weight", "ferplus8_head.bias"}
    assert sum(len(group["params"]) for group in optimizer.param_groups) == len(changed)


def test_a_tuned_trunk_learns_and_gathers_statistics() -> None:
    trunk = PublishedTrunk("efficientnet-lite0", PublishedConfig(weights="random")).train()
    before = trunk.network.bn1.running_mean.clone()
    trunk(torch.rand(2, 1, 48, 48)).sum().backward()
    assert trunk.network.conv_stem.weight.grad is not None
    assert not torch.equal(trunk.network.bn1.running_mean, before)


def test_a_gray_face_is_resized_and_shown_as_three_equal_colors_on_the_scale_of_imagenet() -> None:
    trunk = PublishedTrunk("resnet18", PublishedConfig(weights="random", input_px=64))
    shown: list[torch.Tensor] = []
    trunk.network.conv1.register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    trunk(torch.full((1, 1, 48, 48), 0.5))
    assert shown[0].shape == (1, 3, 64, 64)
    expected = torch.tensor([(0.5 - 0.485) / 0.229, (0.5 - 0.456) / 0.224, (0.5 - 0.406) / 0.225])
    torch.testing.assert_close(shown[0].mean((0, 2, 3)), expected)
