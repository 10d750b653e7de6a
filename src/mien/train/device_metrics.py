"""Metrics of networks on held-out faces, computed where the networks are; for a look while they learn."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FER7, FERPLUS8, core4_positions
from mien.preprocess import Preprocessing, normalize
from mien.train.dataloaders import fitted, stacked, validation_targets, with_channels
from mien.train.device_steps import Heads

_BATCH = 1_200


class ValidationFaces:
    """Faces to look at, on the device, and their targets by protocol, on the processor.

    Args:
        faces: Held-out faces.
        preprocessing: Mean and standard deviation that pixels are normalized by, and whether networks take color.
        device: Where the networks are.
    """

    def __init__(self, faces: LabelledFaces, preprocessing: Preprocessing, device: str) -> None:
        self.pixels = torch.from_numpy(with_channels(stacked(fitted(faces, len(preprocessing.mean))))).to(device)
        self.targets = {name: torch.from_numpy(target) for name, target in sorted(validation_targets(faces).items())}
        self.preprocessing = preprocessing

    def views(self, network: nn.Module) -> list[Heads]:
        """Logits for the faces and for their mirror images."""
        return [self._logits(network, pixels) for pixels in (self.pixels, self.pixels.flip(3))]

    def metrics(self, network: nn.Module) -> dict[str, float]:
        """Metrics of the logits for the faces as they are."""
        return self.metrics_of(self._logits(network, self.pixels))

    @torch.inference_mode()
    def _logits(self, network: nn.Module, pixels: Tensor) -> Heads:
        parts = []
        for start in range(0, len(pixels), _BATCH):
            batch = pixels[start : start + _BATCH]
            # Every batch has the same size, so that kernels are chosen once.
            short = min(_BATCH, len(pixels)) - len(batch)
            faces = normalize(torch.cat((batch, pixels[:short])).float(), self.preprocessing)
            heads = network(faces.contiguous(memory_format=torch.channels_last))
            parts.append([head[: len(batch)].float() for head in heads])
        fer7, ferplus8 = (torch.cat(heads).cpu() for heads in zip(*parts, strict=True))
        return fer7, ferplus8

    def metrics_of(self, logits: Heads) -> dict[str, float]:
        """By protocol: accuracy, negative log-likelihood, and the latter at the temperature that suits it best."""
        fer7, ferplus8 = logits
        by_protocol = {
            "P1": fer7[:, list(core4_positions(FER7))],
            "P2": ferplus8[:, list(core4_positions(FERPLUS8))],
            "P3": fer7,
            "P4": ferplus8,
        }
        found = {}
        for name, target in self.targets.items():
            chosen, true = by_protocol[name][target != NO_LABEL], target[target != NO_LABEL]
            found[name] = (chosen.argmax(dim=1) == true).float().mean().item()
            nll = [nn.functional.cross_entropy(chosen / t, true).item() for t in (1.0, *np.geomspace(0.4, 2.5, 45))]
            found[f"nll_{name}"], found[f"nll_best_{name}"] = nll[0], min(nll)
        return {name: round(value, 5) for name, value in found.items()}


def pooled(logits: Sequence[Heads]) -> Heads:
    """Logarithms of the mean probabilities."""
    fer7, ferplus8 = (
        torch.stack([head.softmax(dim=1) for head in heads]).mean(dim=0).log() for heads in zip(*logits, strict=True)
    )
    return fer7, ferplus8


def in_words(metrics: Mapping[str, float]) -> str:
    """Accuracy in percent and negative log-likelihood, in a line."""
    protocols = [name for name in metrics if name.startswith("P")]
    return "  ".join(f"{name} {100 * metrics[name]:.1f} ({metrics[f'nll_{name}']:.3f})" for name in protocols)
