"""ONNX files that are not of mien, from their TOML file to their answers."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from drawn_faces import drawn_faces
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mien.errors import MienError, ModelError
from mien.evaluate import EvaluationOptions, OnnxClassifier, evaluate, load_classifier
from mien.evaluate.onnx_classifier import Description, load_onnx_classifier, prepared, read_description
from mien.model.calibration import softmax

FACES = drawn_faces(12, seed=9)
CLASSES = ("neutral", "happy", "angry", "disgust", "fear", "sad", "surprise")
TEXT = f'model = "net.onnx"\nexpressions = "fer7"\nclasses = {list(CLASSES)!r}\nsize_px = 48\n'


def write_network(
    path: Path,
    classes: int = 7,
    batch: int | str = "n",
    *,
    layout: str = "NCHW",
    softmaxed: bool = False,
    side: int = 48,
    channels: int = 1,
) -> NDArray[np.float32]:
    """A network whose scores are a fixed linear function of the pixels; returns its weights, of shape (pixels, K)."""
    weights = np.random.default_rng(1).normal(0, 0.02, (channels * side * side, classes)).astype(np.float32)
    shape = [batch, channels, side, side] if layout == "NCHW" else [batch, side, side, channels]
    nodes = [
        helper.make_node("Flatten", ["faces"], ["rows"]),
        helper.make_node("MatMul", ["rows", "weights"], ["scores"]),
    ]
    if softmaxed:
        nodes.append(helper.make_node("Softmax", ["scores"], ["shares"], axis=1))
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("shares" if softmaxed else "scores", TensorProto.FLOAT, [batch, classes])],
        [numpy_helper.from_array(weights, "weights")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    path.write_bytes(model.SerializeToString())
    return weights


def described(folder: Path, text: str = TEXT) -> Path:
    path = folder / "theirs.toml"
    path.write_text(text, "utf-8")
    return path


def expected(weights: NDArray[np.float32], mean: float = 0, std: float = 1) -> NDArray[np.float64]:
    """In FER7's order: angry, disgust, fear, happy, sad, surprise, neutral."""
    scores = ((FACES.gray().reshape(-1, 48 * 48).astype(np.float64) - mean) / std) @ weights.astype(np.float64)
    return softmax(scores)[:, [2, 3, 4, 1, 5, 6, 0]]


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
def test_answers_are_in_our_class_order_and_normalized_as_described(tmp_path: Path, layout: str) -> None:
    weights = write_network(tmp_path / "net.onnx", layout=layout)
    classifier = load_classifier(described(tmp_path, TEXT + f'layout = "{layout}"\nmean = 100\nstd = 50\n'))
    assert isinstance(classifier, OnnxClassifier)
    assert (classifier.name, set(classifier.labels)) == ("theirs", {"fer7", "core4-fer2013", "core4"})
    given = classifier.predict(FACES.gray())
    assert given["fer7"] == pytest.approx(expected(weights, 100, 50), abs=1e-5)
    core = expected(weights, 100, 50)[:, [3, 4, 5, 6]]
    assert given["core4-fer2013"] == pytest.approx(core / core.sum(axis=1, keepdims=True), abs=1e-5)


def test_probabilities_are_taken_as_they_are(tmp_path: Path) -> None:
    weights = write_network(tmp_path / "net.onnx", softmaxed=True)
    classifier = load_onnx_classifier(described(tmp_path, TEXT + 'gives = "probabilities"\nstd = 255\n'))
    assert classifier.predict(FACES.gray())["fer7"] == pytest.approx(expected(weights, std=255), abs=1e-5)


def test_a_class_that_no_set_has_is_left_out(tmp_path: Path) -> None:
    weights = write_network(tmp_path / "net.onnx", classes=8)
    text = TEXT.replace("'surprise']", "'surprise', '']") + "std = 255\n"
    given = load_onnx_classifier(described(tmp_path, text)).predict(FACES.gray())["fer7"]
    assert given == pytest.approx(expected(weights[:, :7], std=255), abs=1e-5)


def test_where_the_class_that_is_left_out_has_it_all_the_others_are_alike(tmp_path: Path) -> None:
    write_network(tmp_path / "net.onnx", classes=8)
    model = onnx.load(tmp_path / "net.onnx")
    only = np.zeros((48 * 48, 8), dtype=np.float32)
    only[:, 7] = 1e6
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(only, "weights"))
    model.graph.node.append(helper.make_node("Softmax", ["scores"], ["shares"], axis=1))
    model.graph.output[0].name = "shares"
    onnx.save(model, tmp_path / "net.onnx")
    text = TEXT.replace("'surprise']", "'surprise', '']") + 'gives = "probabilities"\n'
    given = load_onnx_classifier(described(tmp_path, text)).predict(FACES.gray())["fer7"]
    assert given == pytest.approx(np.full((len(FACES), 7), 1 / 7))


def test_a_network_for_batches_of_one_size_is_given_such(tmp_path: Path) -> None:
    weights = write_network(tmp_path / "net.onnx", batch=5)
    given = load_onnx_classifier(described(tmp_path, TEXT + "std = 255\n")).predict(FACES.gray())["fer7"]
    assert given == pytest.approx(expected(weights, std=255), abs=1e-5)


def test_everything_can_be_found_out_about_it(tmp_path: Path) -> None:
    write_network(tmp_path / "net.onnx")
    classifier = load_onnx_classifier(described(tmp_path, TEXT + "std = 255\n"))
    found = evaluate(classifier, FACES, EvaluationOptions(against=classifier, robustness=2, gallery=1, invariance=8))
    assert [analysis.protocol for analysis in found.analyses] == ["P1", "P1c", "P2", "P3"]
    assert found.invariance is not None
    assert found.invariance.holds
    assert found.robustness is not None
    assert found.robustness.protocol == "P2"
    assert {c.p_value for c in found.comparisons} == {1}


def test_a_model_with_labels_and_an_input_of_its_own_is_measured_by_the_labels_of_the_data(tmp_path: Path) -> None:
    write_network(tmp_path / "net.onnx", classes=3, side=64, channels=3)
    text = 'model = "net.onnx"\nclasses = ["sadness", "happy", "rage"]\nsize_px = 64\ncolor = "RGB"\n'
    text += "std = [9e3, 9e3, 9e3]\n"
    classifier = load_classifier(described(tmp_path, text), name="own")
    assert classifier.labels == {"own": ("sadness", "happy", "rage")}
    found = evaluate(classifier, FACES, EvaluationOptions(robustness=2, gallery=1, invariance=4))
    [plain] = found.plain_results
    assert (plain.protocol.code, plain.protocol.name, plain.metrics.n) == ("own", "own/labels", 6)
    assert list(plain.metrics.recall) == ["sadness", "happy"]
    assert found.not_measured["P3"] == "own gives no probabilities for fer7"
    assert found.invariance is not None
    assert found.invariance.holds


def test_faces_are_resized_and_colored_as_described() -> None:
    gray = np.full((2, 48, 48), 100, dtype=np.uint8)
    description = Description(
        model="x",
        classes=CLASSES,
        size_px=64,
        layout="NHWC",
        color="BGR",
        mean=(10, 20, 30),
        std=(1, 2, 5),
    )
    faces = prepared(gray, description)
    assert faces.shape == (2, 64, 64, 3)
    assert faces[0, 5, 5].tolist() == [90, 40, 14]
    small = prepared(FACES.gray(), Description(model="x", expressions="fer7", classes=CLASSES, size_px=24))
    assert small.shape == (12, 1, 24, 24)
    # Made smaller by area.
    assert small[0, 0, 0, 0] == pytest.approx(FACES.gray()[0, :2, :2].mean(), abs=0.51)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size_px = ", "is not TOML"),
        (TEXT + "sizepx = 1\n", "unknown key 'sizepx'; did you mean 'size_px'"),
        (
            TEXT.replace("size_px = 48\n", ""),
            "size_px is missing; a description has at least model, classes",
        ),
        (TEXT + 'layout = "CHW"\n', "layout = 'CHW': input should be 'NCHW' or 'NHWC'"),
        (TEXT.replace("fer7", "fer8"), "no set of expressions 'fer8'"),
        (TEXT.replace("'fear', ", ""), "classes must be angry, disgust"),
        (TEXT.replace("'fear'", "'sad'"), "classes must be two or more, each once"),
        (TEXT.replace("48", "0"), "size_px = 0: input should be greater than or equal to 1"),
        (TEXT + "std = 0\n", "std must be above 0"),
        (TEXT + "mean = [1, 2, 3]\n", "mean must be a number, or one for each channel"),
        (TEXT + "input = 3\n", "input = 3: input should be a valid string"),
        (TEXT.replace("[", '"').replace("]", '"'), "classes = .*: input should be a valid tuple"),
        (TEXT.replace("net.onnx", "none.onnx"), "cannot read the model"),
        (TEXT + 'output = "logits"\n', "no output 'logits'.*; choose from scores"),
        (TEXT.replace("48", "64"), "cannot be run as described"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, text: str, message: str) -> None:
    write_network(tmp_path / "net.onnx")
    with pytest.raises(MienError, match=message):
        load_onnx_classifier(described(tmp_path, text)).predict(FACES.gray())


def test_a_file_that_is_no_network_or_has_other_outputs_is_said(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"no network")
    with pytest.raises(ModelError, match="is not an ONNX model that can be loaded"):
        load_onnx_classifier(described(tmp_path))
    write_network(tmp_path / "net.onnx", classes=5)
    with pytest.raises(ModelError, match=r"scores of shape \(12, 5\) for 12 faces and 7 classes"):
        load_onnx_classifier(described(tmp_path)).predict(FACES.gray())
    network = onnx.load(tmp_path / "net.onnx")
    network.graph.input.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1]))
    onnx.save(network, tmp_path / "net.onnx")
    with pytest.raises(ModelError, match="has the inputs faces, more; say which is meant"):
        load_onnx_classifier(described(tmp_path))


def test_defaults_are_those_that_are_documented(tmp_path: Path) -> None:
    found = read_description(described(tmp_path))
    assert (found.layout, found.color, found.gives, found.mean, found.std) == ("NCHW", "grayscale", "logits", 0, 1)
