import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mien.errors import ConfigError, ModelError
from mien.export.quantize import in_fp16, in_int8, precisions_named
from mien.model.session import new_session

FACES = np.random.default_rng(1).normal(size=(40, 1, 16, 16)).astype(np.float32)


@pytest.fixture(scope="module")
def graph() -> onnx.ModelProto:
    """A convolution of 16 channels, their means and a head of three classes."""
    rng = np.random.default_rng(0)
    weights = {
        "conv": rng.normal(size=(16, 1, 5, 5)),
        "conv_bias": rng.normal(size=16),
        "head": rng.normal(size=(3, 16)),
        "head_bias": rng.normal(size=3),
    }
    nodes = [
        helper.make_node("Conv", ["faces", "conv", "conv_bias"], ["maps"], name="conv", pads=[2, 2, 2, 2]),
        helper.make_node("Relu", ["maps"], ["lit"], name="relu"),
        helper.make_node("GlobalAveragePool", ["lit"], ["pooled"], name="pool"),
        helper.make_node("Flatten", ["pooled"], ["flat"], name="flatten"),
        helper.make_node("Gemm", ["flat", "head", "head_bias"], ["logits"], name="head", transB=1),
    ]
    made = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["batch", 1, 16, 16])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()],
    )
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def run(model: onnx.ModelProto, faces: np.ndarray = FACES) -> np.ndarray:
    onnx.checker.check_model(model, full_check=True)
    (logits,) = new_session(model.SerializeToString(), threads=1).run(None, {"faces": faces})
    return np.asarray(logits)


def types(model: onnx.ModelProto) -> set[int]:
    return {weight.data_type for weight in model.graph.initializer}


def test_fp16_stores_large_weights_in_half_the_bytes_and_answers_nearly_the_same(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString()
    halved = in_fp16(graph)
    stored = {weight.name: weight.data_type for weight in halved.graph.initializer}
    assert stored["conv_fp16"] == TensorProto.FLOAT16
    assert stored["head_bias"] == TensorProto.FLOAT
    gap = np.abs(run(halved) - run(graph)).max()
    assert 0 < gap < 0.01
    assert graph.SerializeToString() == before


def test_int8_quantizes_convolutions_and_leaves_the_head(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString()
    quantized = in_int8(graph, FACES)
    assert graph.SerializeToString() == before
    assert TensorProto.INT8 in types(quantized)
    stored = {weight.name: numpy_helper.to_array(weight) for weight in quantized.graph.initializer}
    np.testing.assert_array_equal(stored["head"], numpy_helper.to_array(graph.graph.initializer[2]))
    (weights,) = (values for values in stored.values() if values.dtype == np.int8 and values.ndim == 4)
    assert np.abs(weights).max() <= 64  # 7 bits, so that no processor's sums overflow
    np.testing.assert_allclose(run(quantized), run(graph), atol=0.1)


def test_int8_answers_do_not_depend_on_the_batch(graph: onnx.ModelProto) -> None:
    quantized = in_int8(graph, FACES)
    alone = np.concatenate([run(quantized, FACES[[face]]) for face in range(8)])
    order = np.random.default_rng(2).permutation(len(FACES))
    batch = run(quantized, FACES[order])[np.argsort(order)]
    np.testing.assert_allclose(alone, batch[:8], atol=1e-5)


def test_int8_is_the_same_each_time(graph: onnx.ModelProto) -> None:
    first, second = (in_int8(graph, FACES).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second


def test_a_graph_that_cannot_be_quantized_is_told(graph: onnx.ModelProto) -> None:
    with pytest.raises(ModelError, match=r"cannot be quantized .*; export it as fp32 or fp16"):
        in_int8(graph, FACES[:0])


def test_precisions_by_name() -> None:
    assert precisions_named(["int8", "fp32", "int8"]) == ("fp32", "int8")
    with pytest.raises(
        ConfigError, match=r"no precision 'int' \(did you mean 'int8'\?\); choose from fp32, fp16, int8"
    ):
        precisions_named(["int"])
