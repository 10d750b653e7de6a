from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import save_file

from mien.errors import ConfigError
from mien.train.config import NetworkConfig, PublishedConfig
from mien.train.networks.pretrained import PublishedTrunk, load_imagenet_weights, weights_file

RESNET = NetworkConfig(family="resnet18")


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub, and no network."""

    def no_network(*_: object, **__: object) -> None:
        raise ConnectionError("Name or service not known")

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", no_network)
    return tmp_path


def test_without_network_one_line_says_what_to_do(hub_cache: Path) -> None:
    assert not list(hub_cache.iterdir())
    with pytest.raises(ConfigError, match=r"timm/resnet18.tv_in1k .*Name or service.*HF_HUB_CACHE.*random") as refused:
        weights_file(RESNET)
    assert "\n" not in str(refused.value)


def test_a_snapshot_in_the_cache_is_loaded_without_network(hub_cache: Path) -> None:
    theirs = PublishedTrunk("resnet18", PublishedConfig(weights="random")).network.state_dict()
    folder = hub_cache / "models--timm--resnet18.tv_in1k"
    snapshot = folder / "snapshots" / ("0" * 40) / "model.safetensors"
    snapshot.parent.mkdir(parents=True)
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0" * 40)
    save_file(theirs | {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}, snapshot)
    file = weights_file(RESNET)
    assert file == snapshot
    ours = PublishedTrunk("resnet18", PublishedConfig())
    load_imagenet_weights(ours, file)
    assert all(torch.equal(weight, theirs[name]) for name, weight in ours.network.state_dict().items())


@pytest.mark.parametrize("content", [None, {"conv1.weight": torch.zeros(64, 3, 7, 7)}])
def test_a_damaged_or_other_file_is_refused(tmp_path: Path, content: dict[str, torch.Tensor] | None) -> None:
    file = tmp_path / "model.safetensors"
    if content is None:
        file.write_bytes(b"<html>")
    else:
        save_file(content, file)
    with pytest.raises(ConfigError, match="does not hold the weights of resnet18"):
        load_imagenet_weights(PublishedTrunk("resnet18", PublishedConfig()), file)


def test_random_weights_and_own_families_need_no_file() -> None:
    assert weights_file(NetworkConfig()) is None
    assert weights_file(NetworkConfig(family="vgg16", published=PublishedConfig(weights="random"))) is None


def test_weights_of_efficientnet_lite0_answer_as_where_they_come_from() -> None:
    file = weights_file(NetworkConfig(family="efficientnet-lite0"))
    assert file is not None
    trunk = PublishedTrunk("efficientnet-lite0", PublishedConfig(input_px=224)).eval()
    load_imagenet_weights(trunk, file)
    picture = torch.linspace(-1, 1, 224 * 224).view(1, 1, 224, 224).expand(-1, 3, -1, -1)
    with torch.inference_mode():
        pooled = trunk.network(picture).mean((0, 2, 3))
    # What efficientnet_lite_pytorch 0.1.0, by the authors of the file, gives for this picture.
    strongest = pooled.topk(3)
    assert strongest.indices.tolist() == [872, 71, 468]
    torch.testing.assert_close(strongest.values, torch.tensor([4.8752, 4.2479, 4.1924]), atol=1e-3, rtol=0)
