from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from mien.errors import ConfigError, MissingExtra
from mien.train.config import NetworkConfig, OptimizerConfig, PublishedConfig
from mien.train.networks import pretrained
from mien.train.networks.expression import ExpressionNetwork
from mien.train.networks.pretrained import EfficientNetLite0, PublishedTrunk, load_imagenet_weights, weights_file
from mien.train.optim import optimizer_of

LITE0 = NetworkConfig(family="efficientnet-lite0")
RANDOM = PublishedConfig(weights="random")


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
    trunk = PublishedTrunk(RANDOM).train()
    before = trunk.network.stem[1].running_mean.clone()
    trunk(torch.rand(2, 1, 48, 48)).sum().backward()
    assert trunk.network.stem[0].weight.grad is not None
    assert not torch.equal(trunk.network.stem[1].running_mean, before)


def test_a_gray_face_is_resized_and_shown_as_three_equal_colors_on_the_scale_of_the_weights() -> None:
    trunk = PublishedTrunk(PublishedConfig(weights="random", input_px=64))
    shown: list[torch.Tensor] = []
    trunk.network.stem[0].register_forward_pre_hook(lambda _, inputs: shown.append(inputs[0]))
    trunk(torch.full((1, 1, 48, 48), 0.25))
    assert shown[0].shape == (1, 3, 64, 64)
    torch.testing.assert_close(shown[0], torch.full((1, 3, 64, 64), (0.25 * 255 - 127) / 128))


def test_has_the_published_number_of_weights() -> None:
    whole, classifier = 4_652_008, 1_281_000
    assert sum(weight.numel() for weight in EfficientNetLite0().parameters()) == whole - classifier


def test_random_weights_can_be_trained_from() -> None:
    torch.manual_seed(0)
    with torch.inference_mode():
        features = EfficientNetLite0()(torch.randn(2, 3, 48, 48))
    assert features.shape == (2, EfficientNetLite0.width, 2, 2)
    assert 0.01 < features.std() < 100


def test_published_weights_give_the_features_of_their_authors() -> None:
    file = weights_file(LITE0)
    assert file is not None
    trunk = PublishedTrunk(PublishedConfig(input_px=224)).eval()
    load_imagenet_weights(trunk, file)
    picture = torch.linspace(-1, 1, 224 * 224).view(1, 1, 224, 224).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        pooled = trunk.network(picture).mean((0, 2, 3))
    # What efficientnet_lite_pytorch 0.1.0, by the authors of the file, gives for this picture.
    strongest = pooled.topk(3)
    assert strongest.indices.tolist() == [872, 71, 468]
    torch.testing.assert_close(strongest.values, torch.tensor([4.8752, 4.2479, 4.1924]), atol=1e-3, rtol=0)


def test_random_weights_and_own_families_need_no_file() -> None:
    assert weights_file(NetworkConfig()) is None
    assert weights_file(NetworkConfig(family="efficientnet-lite0", published=RANDOM)) is None


def test_without_the_package_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "_PACKAGE", "no_such_package")
    with pytest.raises(MissingExtra, match=r"efficientnet-lite0 with ImageNet weights needs .*mien\[pretrained\]"):
        weights_file(LITE0)


def test_an_installed_file_that_is_not_the_published_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "_SHA256", "0" * 64)
    with pytest.raises(ConfigError, match=r"\.pth is not the file that was published; install efficientnet_lite0"):
        weights_file(LITE0)


@pytest.mark.parametrize("content", [None, {"conv1.weight": torch.zeros(64, 3, 7, 7)}])
def test_a_damaged_or_other_file_is_refused(tmp_path: Path, content: dict[str, torch.Tensor] | None) -> None:
    file = tmp_path / "weights.pth"
    if content is None:
        file.write_bytes(b"<html>")
    else:
        torch.save(content, file)
    with pytest.raises(ConfigError, match="does not hold the weights of EfficientNet-Lite0"):
        load_imagenet_weights(PublishedTrunk(RANDOM), file)
