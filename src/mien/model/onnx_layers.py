"""Reads the layers out of an ONNX graph, in float32, with halved weights or quantised (QDQ)."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from math import prod
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from mien.errors import ModelError, first_line
from mien.model.layers import Architecture, Layer
from mien.model.metadata import METADATA_KEY
from mien.model.package import ModelFile

FACE = -1
"""The position of what the first layer reads."""

_SAME = {"QuantizeLinear", "DequantizeLinear", "Cast", "Identity", "Dropout", "Flatten", "Reshape", "Squeeze"}
_ACTIVATIONS = {
    "Relu": "ReLU",
    "Clip": "clip",  # ReLU6, but its bounds are inputs of its own
    "Sigmoid": "sigmoid",
    "HardSigmoid": "hard sigmoid",
    "HardSwish": "hard-swish",
    "Gelu": "GELU",
    "Tanh": "tanh",
}
_NAMES = {
    "Gemm": "linear",
    "MatMul": "linear",
    "BatchNormalization": "norm",
    "GlobalAveragePool": "mean over places",
    "ReduceMean": "mean over places",
    "Add": "add",
    "Mul": "multiply",
    "Sub": "subtract",
    "Div": "divide",
    "Resize": "resize",
    "Expand": "repeat",
    "Split": "split",
    "Concat": "join",
}
_STORED = re.compile(r"(_quantized|_fp16|_DequantizeLinear_Output)+$")


def read_architecture(file: ModelFile) -> Architecture:
    """The layers of a model file.

    What is only arithmetic of storage (quantising, widening) or of form (reshaping) is no layer; activations belong to
    the layer before, also where a quantised file has them as the lower end of a range.

    Raises:
        ModelError: If the file is no ONNX model, or its shapes cannot be told.
    """
    try:
        model = onnx.shape_inference.infer_shapes(onnx.load_from_string(file.content), strict_mode=True)
    except Exception as fault:  # protobuf's and onnx's errors share no base class
        raise ModelError(f"{file.path} is not an ONNX model that can be read: {first_line(fault)}") from fault
    stored = {entry.key: entry.value for entry in model.metadata_props}
    declared = json.loads(stored.get(METADATA_KEY, "{}"))
    precision, heads = (declared.get("export") or {}).get("precision", ""), declared.get("heads", {})
    if not model.graph.node:  # protobuf reads an empty file, or a line of text, as a model without anything
        raise ModelError(f"{file.path} is not an ONNX model that can be read: it has no layers")
    reader = _Reader(model.graph)
    if not all(reader.shapes[reader.face]):
        raise ModelError(f"{file.path} takes faces of any size, so that its layers have no shapes; export it with one")
    try:
        layers = reader.layers()
    except (KeyError, IndexError) as fault:
        raise ModelError(f"{file.path} has a layer that cannot be followed ({fault!r})") from fault
    return Architecture(file.name, precision, reader.shapes[reader.face], layers, heads)


def layers_of(graph: onnx.ModelProto) -> tuple[Layer, ...]:
    """The layers of a graph whose shapes are known, as an export has it."""
    return _Reader(onnx.shape_inference.infer_shapes(graph, strict_mode=True).graph).layers()


class _Reader:
    """One walk along the nodes, which ONNX keeps in an order in which each follows its inputs."""

    def __init__(self, graph: Any) -> None:
        self.graph = graph
        self.constants = {tensor.name: tensor for tensor in graph.initializer}
        self.face = next(value.name for value in graph.input if value.name not in self.constants)
        self.shapes = {value.name: _shape(value) for value in (*graph.value_info, *graph.input, *graph.output)}
        self.consumers: dict[str, list[Any]] = defaultdict(list)
        for node in graph.node:
            for name in node.input:
                self.consumers[name].append(node)
        self.of_tensor = {self.face: FACE}  # which layer gives it
        self.found: list[Layer] = []

    def layers(self) -> tuple[Layer, ...]:
        for node in self.graph.node:
            variable = [name for name in node.input if name in self.of_tensor]
            if node.op_type == "Constant":
                self.constants[node.output[0]] = node.attribute[0].t
            elif not variable and node.input[0] in self.constants:  # a weight, widened
                self.constants[node.output[0]] = self.constants[node.input[0]]
            elif not variable or node.op_type == "Shape":  # arithmetic of sizes
                continue
            elif node.op_type in _SAME and self.of_tensor[variable[0]] != FACE:
                self._pass_on(node)
            elif node.op_type in _ACTIVATIONS and self._belongs_to_layer_before(node):
                self._activate(self.of_tensor[node.input[0]], _ACTIVATIONS[node.op_type])
                self._pass_on(node)
            elif node.op_type in _SAME:
                self.of_tensor[node.output[0]] = FACE
            else:
                self._add(node, variable)
        outputs = {self.of_tensor[value.name]: value.name for value in self.graph.output}
        return tuple(replace(layer, output=outputs.get(at, "")) for at, layer in enumerate(self.found))

    def _pass_on(self, node: Any) -> None:
        at = self.of_tensor[node.output[0]] = self.of_tensor[node.input[0]]
        if node.op_type in ("Flatten", "Reshape", "Squeeze"):
            self.found[at] = replace(self.found[at], shape=self.shapes[node.output[0]])
        if node.op_type == "QuantizeLinear" and not self.found[at].activation and self._clips_at_zero(node):
            self._activate(at, "ReLU")

    def _clips_at_zero(self, node: Any) -> bool:
        """Whether the range begins at 0 right behind a layer that gives values below it."""
        zero = numpy_helper.to_array(self.constants[node.input[2]])
        signed = self.found[self.of_tensor[node.input[0]]].operation.startswith(
            ("conv", "depthwise", "linear", "add", "norm")
        )
        return signed and int(zero) == np.iinfo(zero.dtype).min

    def _belongs_to_layer_before(self, node: Any) -> bool:
        at = self.of_tensor[node.input[0]]
        return at != FACE and not self.found[at].activation and len(self.consumers[node.input[0]]) == 1

    def _activate(self, at: int, activation: str) -> None:
        self.found[at] = replace(self.found[at], activation=activation)

    def _add(self, node: Any, variable: Sequence[str]) -> None:
        weights = [self.constants[name] for name in node.input if name in self.constants]
        # Single numbers are bounds and scales that the network was made with.
        learnt = [tensor for tensor in weights if tensor.dims and tensor.data_type != onnx.TensorProto.INT64]
        shape = self.shapes[node.output[0]]
        inputs = tuple(self.of_tensor[name] for name in variable)
        block, part = self._place(node, inputs)
        self.found.append(
            Layer(
                block=block,
                part=part,
                operation=_operation(node, learnt[0].dims if learnt else ()),
                activation="",
                shape=shape,
                weights=sum(prod(tensor.dims) for tensor in learnt),
                multiply_adds=_multiply_adds(node.op_type, learnt[0].dims, shape) if learnt else 0,
                inputs=inputs,
            )
        )
        self.of_tensor |= dict.fromkeys(node.output, len(self.found) - 1)

    def _place(self, node: Any, inputs: tuple[int, ...]) -> tuple[str, str]:
        """Block and part: by the weights' name, else by what comes together here, else by what reads this."""
        named = self._named(node)
        if named:
            return named
        if len(inputs) > 1:
            return self.found[max(inputs)].block, ""
        readers = {self._named(reader) for reader in self._readers(node)}
        if len(readers) == 1 and (only := readers.pop()):
            return only
        return "", ""

    def _named(self, node: Any) -> tuple[str, str] | None:
        names = [name for name in node.input if name in self.constants and "." in name]
        return _block_and_part(_STORED.sub("", names[0])) if names else None

    def _readers(self, node: Any) -> list[Any]:
        """The nodes that read what this one gives, seen through those that are no layers."""
        found = []
        for reader in self.consumers[node.output[0]]:
            found += self._readers(reader) if reader.op_type in _SAME else [reader]
        return found


def _block_and_part(weight: str) -> tuple[str, str]:
    """`trunk.3.shortcut.1.0.weight` is of the block `trunk.3` and its part `shortcut`."""
    block, *path = weight.split(".")[:-1]
    if path and path[0].isdigit():
        block = f"{block}.{path.pop(0)}"
    return block, next((name for name in path if not name.isdigit()), "")


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(dimension.dim_value for dimension in value.type.tensor_type.shape.dim[1:])


def _multiply_adds(kind: str, weight: Sequence[int], shape: tuple[int, ...]) -> int:
    if kind == "Conv":
        return prod(shape) * prod(weight[1:])
    if kind in ("Gemm", "MatMul"):
        return prod(shape) * prod(weight) // shape[-1]
    return 0


def _operation(node: Any, weight: Sequence[int]) -> str:
    attributes = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    kernel = "×".join(map(str, attributes.get("kernel_shape", weight[2:])))
    strides = set(attributes.get("strides", (1,))) - {1}
    stride = f" /{max(strides)}" if strides else ""
    groups = attributes.get("group", 1)
    if node.op_type == "Conv":
        return f"{'depthwise' if groups > 1 and weight[1] == 1 else 'conv'} {kernel}{stride}"
    if node.op_type == "AveragePool":
        return f"mean {kernel}{stride}"
    if node.op_type == "MaxPool":
        return f"maximum {kernel}{stride}"
    return _NAMES.get(node.op_type) or _ACTIVATIONS.get(node.op_type) or str(node.op_type)
