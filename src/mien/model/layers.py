"""The layers of a network, what each costs, and where it gets its input from."""

from collections.abc import Iterable
from dataclasses import dataclass


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


def total_weights(layers: Iterable[Layer]) -> int:
    """Learnt numbers of all layers."""
    return sum(layer.weights for layer in layers)


def total_multiply_adds(layers: Iterable[Layer]) -> int:
    """Multiplications with addition of all layers for one face."""
    return sum(layer.multiply_adds for layer in layers)


def sides(shape: tuple[int, ...]) -> str:
    """A shape as people write it: `48 × 24 × 24`."""
    return " × ".join(map(str, shape))
