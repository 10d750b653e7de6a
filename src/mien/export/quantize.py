"""An exported graph in fewer bits: weights stored in float16, or convolutions in 8-bit integers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.errors import ConfigError, ModelError, choose_from, first_line
from mien.model.facts import Precision
from mien.model.session import onnx_runtime

PRECISIONS: tuple[Precision, ...] = get_args(Precision)

_INPUT = "faces"
_LEAST_HALVED = 256  # of smaller tensors nothing is saved
_BATCH = 64


def precisions_named(names: Sequence[str]) -> tuple[Precision, ...]:
    """The precisions with these names, each once; raises `ConfigError`, naming the nearest, for any other."""
    for name in names:
        if name not in PRECISIONS:
            raise ConfigError(choose_from("precision", name, PRECISIONS))
    return tuple(precision for precision in PRECISIONS if precision in names)


def in_fp16(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its weights stored in float16; input, output and arithmetic stay in float32.

    ONNX Runtime widens the weights once, when it loads the file. It has no convolution in float16 for most CPUs, and
    would convert before and after each.
    """
    halved = onnx.ModelProto()
    halved.CopyFrom(graph)
    casts = []
    for weight in halved.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32 and values.size >= _LEAST_HALVED:
            name = weight.name
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}_fp16"))
            casts.append(helper.make_node("Cast", [weight.name], [name], to=TensorProto.FLOAT))
    nodes = [*casts, *halved.graph.node]
    del halved.graph.node[:]
    halved.graph.node.extend(nodes)
    return halved


def in_int8(graph: onnx.ModelProto, faces: NDArray[np.float32]) -> onnx.ModelProto:
    """The graph statically quantized: weights by channel, activations by the range that `faces` give them.

    Weights get 7 of the 8 bits: processors without VNNI add products of 8 bits in 16, which would overflow, so that
    answers would depend on the processor. The two heads, which are small and come last, stay in float32. Source of the
    scheme: Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
    Inference", CVPR 2018.

    Args:
        graph: The network in float32.
        faces: Normalized faces of shape (N, channels, height, width), of those that the network was trained on.

    Raises:
        ModelError: If the graph has something that cannot be quantized.
    """
    onnx_runtime()  # loaded there first, so that it is set up as everywhere else
    from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType, quantize_static  # noqa: PLC0415
    from onnxruntime.quantization.shape_inference import quant_pre_process  # noqa: PLC0415

    logits = {output.name for output in graph.graph.output}
    heads = [node.name for node in graph.graph.node if logits.intersection(node.output)]
    with TemporaryDirectory() as folder:
        given, prepared, quantized = (Path(folder) / f"{stage}.onnx" for stage in ("given", "prepared", "quantized"))
        onnx.save(graph, given)  # given the graph itself, the quantizer would change it
        try:
            quant_pre_process(given, prepared, skip_symbolic_shape=True)
            quantize_static(
                prepared,
                quantized,
                _Calibration(faces),
                quant_format=QuantFormat.QDQ,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=heads,
                calibrate_method=CalibrationMethod.MinMax,
            )
        except (RuntimeError, ValueError, TypeError, KeyError, NotImplementedError) as fault:
            raise ModelError(
                f"the network cannot be quantized ({first_line(fault)}); export it as fp32 or fp16"
            ) from fault
        return onnx.load(quantized)


class _Calibration:
    """Batches of faces in the form in which ONNX Runtime's quantizer asks for them."""

    def __init__(self, faces: NDArray[np.float32]) -> None:
        self._batches: Iterator[NDArray[np.float32]] = (
            faces[start : start + _BATCH] for start in range(0, len(faces), _BATCH)
        )

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """The next batch by the name of the input, or None after the last."""
        batch = next(self._batches, None)
        return None if batch is None else {_INPUT: batch}
