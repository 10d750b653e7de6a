"""The layers of a network and what each costs, recorded while it reads one face."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from mien.model.layers import Layer

_SAME = {"dropout", "flatten", "unflatten", "reshape", "view", "squeeze", "pad", "contiguous", "to"}
_ACTIVATIONS = {
    "relu": "ReLU",
    "hardtanh": "ReLU6",
    "sigmoid": "sigmoid",
    "hardswish": "hard-swish",
    "gelu": "GELU",
    "tanh": "tanh",
}
_NAMES = {
    "linear": "linear",
    "batch_norm": "norm",
    "adaptive_avg_pool2d": "mean over places",
    "mean": "mean over places",
    "add": "add",
    "mul": "multiply",
    "sub": "subtract",
    "div": "divide",
    "interpolate": "resize",
    "expand": "repeat",
    "cat": "join",
}


@dataclass(frozen=True, slots=True)
class _Call:
    """One call of a function of torch that makes a tensor from others.

    Attributes:
        name: Of the function.
        arguments: Positional ones.
        options: Arguments by keyword.
        inputs: Which tensors that depend on the face it reads, by their numbers.
        output: The number of the tensor that it makes; that of an input where it writes into that.
        place: The module that called it, such as `trunk.3.shortcut.0`.
        shape: Of the output, without the batch.
    """

    name: str
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    inputs: tuple[int, ...]
    output: int
    place: str
    shape: tuple[int, ...]


def layer_table(network: nn.Module, face_shape: tuple[int, ...], outputs: Sequence[str]) -> tuple[Layer, ...]:
    """The layers of a network as an export has them, each after those that it reads.

    A batch normalization right behind a convolution is counted as the bias that it becomes there; activations belong to
    the layer before; what only changes the form of a tensor is no layer.

    Args:
        network: Its blocks are merged already. It is left as it is.
        face_shape: One face without the batch: channels, height, width.
        outputs: Names of what it returns, in that order.
    """
    calls, returned = _recorded(network, face_shape)
    readers = Counter(number for call in calls for number in call.inputs)
    layers: list[Layer] = []
    layer_of = {0: -1}
    for call in calls:
        at = layer_of[call.inputs[0]]
        before = layers[at] if at >= 0 else None
        if call.name in _SAME:
            if before and call.name != "pad":  # that is part of the layer which follows
                layers[at] = replace(before, shape=call.shape)
        elif before and _belongs_to(call, before, alone=readers[call.inputs[0]] == 1 or call.output in call.inputs):
            bias = call.shape[0] if call.name == "batch_norm" else 0
            layers[at] = replace(before, activation=_ACTIVATIONS.get(call.name, ""), weights=before.weights + bias)
        else:
            layers.append(_layer(call, tuple(layer_of[number] for number in call.inputs)))
            at = len(layers) - 1
        layer_of[call.output] = at
    for name, number in zip(outputs, returned, strict=True):
        layers[layer_of[number]] = replace(layers[layer_of[number]], output=name)
    return tuple(layers)


def _belongs_to(call: _Call, before: Layer, *, alone: bool) -> bool:
    """Whether a call is part of the layer whose output it reads, as its only reader or in its place."""
    if before.activation or not alone:
        return False
    return call.name in _ACTIVATIONS or (call.name == "batch_norm" and before.operation.startswith(("conv", "depthw")))


def _layer(call: _Call, inputs: tuple[int, ...]) -> Layer:
    block, part = _block_and_part(call.place)
    weights = [each for each in call.arguments[1:] if isinstance(each, Tensor)] if call.name in _WEIGHTED else []
    if call.name == "batch_norm":
        weights = weights[-2:]  # scale and shift, and not the statistics
    outputs = torch.Size(call.shape).numel()
    return Layer(
        block=block,
        part=part,
        operation=_operation(call),
        activation="",
        shape=call.shape,
        weights=sum(each.numel() for each in weights),
        multiply_adds=outputs * weights[0][0].numel() if call.name in ("conv2d", "linear") else 0,
        inputs=inputs,
    )


_WEIGHTED = ("conv2d", "linear", "batch_norm")


def _block_and_part(place: str) -> tuple[str, str]:
    """`trunk.3.shortcut.1.0` is of the block `trunk.3` and its part `shortcut`."""
    block, *path = place.split(".")
    if path and path[0].isdigit():
        block = f"{block}.{path.pop(0)}"
    return block, next((name for name in path if not name.isdigit()), "")


def _operation(call: _Call) -> str:
    if call.name == "conv2d":
        weight, _, stride, _, _, groups = call.arguments[1:7]
        depthwise = groups > 1 and weight.shape[1] == 1
        return f"{'depthwise' if depthwise else 'conv'} {_sides(weight.shape[2:])}{_step(stride)}"
    if call.name in ("avg_pool2d", "max_pool2d"):
        kernel, stride = (*call.arguments[1:3], call.options.get("stride"))[:2]
        return f"{'mean' if call.name == 'avg_pool2d' else 'maximum'} {_sides(kernel)}{_step(stride)}"
    return _NAMES.get(call.name) or _ACTIVATIONS.get(call.name) or call.name


def _sides(kernel: int | Sequence[int]) -> str:
    return "×".join(map(str, (kernel, kernel) if isinstance(kernel, int) else kernel))


def _step(stride: int | Sequence[int]) -> str:
    step = stride if isinstance(stride, int) else max(stride)
    return f" /{step}" if step > 1 else ""


def _recorded(network: nn.Module, face_shape: tuple[int, ...]) -> tuple[list[_Call], list[int]]:
    """All calls in their order, and the numbers of the tensors that the network returns; the face is number 0."""
    face = torch.zeros(1, *face_shape, device=next(network.parameters()).device)
    training = network.training
    with torch.inference_mode(), _places(network.eval()) as place, _Recorder(face, place) as recorder:
        returned = network(face)
    network.train(training)
    return recorder.calls, [recorder.number_of[id(each)] for each in returned]


@contextmanager
def _places(network: nn.Module) -> Iterator[Callable[[], str]]:
    """Gives a function that names the module at work."""
    names = {module: name for name, module in network.named_modules()}
    at_work: list[str] = []

    def begin(module: nn.Module, _: Any) -> None:
        at_work.append(names[module])

    def end(*_: Any) -> None:
        at_work.pop()

    with ExitStack() as hooks:
        for module in names:
            hooks.callback(module.register_forward_pre_hook(begin).remove)
            hooks.callback(module.register_forward_hook(end).remove)
        yield lambda: next((name for name in reversed(at_work) if name), "")


class _Recorder(TorchFunctionMode):
    def __init__(self, face: Tensor, place: Callable[[], str]) -> None:
        super().__init__()
        self.calls: list[_Call] = []
        self.number_of = {id(face): 0}
        self._kept = [face]  # so that no other tensor takes its place in memory, and with it its id
        self._place = place

    def __torch_function__(self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        made = function(*args, **(kwargs or {}))
        read = tuple(self.number_of[id(each)] for each in args if id(each) in self.number_of)
        if isinstance(made, Tensor) and read:
            self._kept.append(made)
            number = self.number_of.setdefault(id(made), len(self._kept))
            call = _Call(
                name=function.__name__.strip("_"),
                arguments=args,
                options=kwargs or {},
                inputs=read,
                output=number,
                place=self._place(),
                shape=tuple(made.shape[1:]),
            )
            self.calls.append(call)
        return made
