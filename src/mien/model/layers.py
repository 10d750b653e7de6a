"""The layers of a network, what each costs, and where it gets its input from."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer, with the normalization and the activation that belong to it.

    Attributes:
        block: The part of the network that it belongs to, by the names of its weights: `trunk.3`.
        part: The part of the block, such as `shortcut`; empty if there is none.
        operation: What it does: `conv 3×3 /2`, which halves the resolution.
        activation: What follows at once: `ReLU`; empty for none.
        shape: Its output for one face, without the batch: channels, height, width; or features alone.
        weights: Learnt numbers, those of the normalization included.
        multiply_adds: Multiplications with addition of a convolution or linear layer for one face, else 0.
        inputs: Positions of the layers that it reads; -1 is the face.
        output: The name of the model's output that it gives; empty for none.
    """

    block: str
    part: str
    operation: str
    activation: str
    shape: tuple[int, ...]
    weights: int
    multiply_adds: int
    inputs: tuple[int, ...]
    output: str = ""

    @property
    def text(self) -> str:
        """Operation and activation: `conv 3×3, ReLU`."""
        return ", ".join(filter(None, (self.operation, self.activation)))


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network's layers, each after those that it reads.

    Attributes:
        name: The model's name.
        precision: What its weights are stored in, if the file says so.
        input_shape: One face without the batch: channels, height, width.
        layers: At least one.
        heads: Labels by the name of each head, if they are known; its output is `{head}_logits`.
    """

    name: str
    precision: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    heads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def weights(self) -> int:
        """Learnt numbers of all layers."""
        return sum(layer.weights for layer in self.layers)

    @property
    def multiply_adds(self) -> int:
        """Multiplications with addition for one face."""
        return sum(layer.multiply_adds for layer in self.layers)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts, ready for JSON."""
        return {**asdict(self), "weights": self.weights, "multiply_adds": self.multiply_adds}


def sides(shape: tuple[int, ...]) -> str:
    """A shape as people write it: `48 × 24 × 24`."""
    return " × ".join(map(str, shape))
