"""From a finished run to model files: what they answer, say and refuse."""

import re
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
from drawn_faces import drawn_faces
from made_models import OWN_WORDS, own_words, write_made
from made_runs import change_record
from small_training import CONFIG, QUIET
from torch import nn

from mien.data.crops import Crops
from mien.data.labelled_faces import LabelledFaces
from mien.errors import ConfigError, ModelError, OutputError, UnknownModel
from mien.export import pipeline as exporting
from mien.export import source as sources
from mien.export.onnx_graph import trained_network
from mien.export.output_paths import check_places
from mien.export.pipeline import Export, ExportOptions, export, export_all
from mien.model.layers import total_weights
from mien.model.package import load_model
from mien.preprocess import Framing
from mien.recognizer import Recognizer
from mien.train.config import TrainingConfig
from mien.train.heads import ANSWERS
from mien.train.run_record import read_record
from mien.train.training import Run, fit

ALL_PRECISIONS = ExportOptions(precisions=("fp32", "fp16", "int8"))


def test_export_takes_the_held_out_faces_of_the_run_alone(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the validation faces are not those that .* was validated on"):
        export(run.folder, drawn_faces(80, seed=2), tmp_path / "other.onnx")
    assert not list(tmp_path.iterdir())


def test_package_answers_as_the_network(package: Path, validation: LabelledFaces) -> None:
    model = load_model(package)
    answers = model.probabilities(validation.gray(), "core4").argmax(axis=1)
    assert (answers == validation.consensus_core4()).mean() > 0.9
    for name in ANSWERS:
        np.testing.assert_allclose(model.probabilities(validation.gray(), name).sum(axis=1), 1)


def test_package_says_where_it_comes_from(package: Path) -> None:
    metadata = load_model(package).metadata
    assert metadata.name == "drawn"
    assert metadata.training is not None
    assert metadata.metrics is not None
    assert metadata.training.config["epochs"] == CONFIG.epochs
    data = metadata.training.data
    assert data.training == data.left_out.kept
    assert data.left_out.total == 320
    assert {result.protocol for result in metadata.metrics.results} == {"P1", "P1c", "P2", "P2b", "P3", "P4"}
    assert metadata.answers["core4"].training_prior == pytest.approx([0.25] * 4, abs=0.02)
    assert list(metadata.heads) == ["fer7", "ferplus8"]


def test_card_has_figures_and_prohibited_uses(package: Path) -> None:
    text = package.with_suffix(".md").read_text("utf-8")
    assert "Article 5(1)(f)" in text
    assert "| P2 `core4/consensus` | 80 |" in text
    assert load_model(package).file.sha256 in text
    assert "minutes by the clock; energy" in text
    assert "Mixed into its targets" not in text


@pytest.fixture(scope="module")
def packages(
    run: Run, training: LabelledFaces, validation: LabelledFaces, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Export]:
    path = tmp_path_factory.mktemp("precisions") / "drawn.onnx"
    exports = export_all(run.folder, validation, path, ALL_PRECISIONS, training=training)
    return {exported.precision: exported for exported in exports}


def test_each_precision_is_a_package_of_its_own(packages: dict[str, Export]) -> None:
    assert [p.path.name for p in packages.values()] == ["drawn.onnx", "drawn-fp16.onnx", "drawn-int8.onnx"]
    sizes = [p.path.stat().st_size for p in packages.values()]
    assert sizes[0] > sizes[1] > sizes[2]
    for precision, exported in packages.items():
        metadata = load_model(exported.path).metadata
        assert metadata.name == exported.path.stem
        assert metadata.export is not None
        assert (metadata.export.precision, metadata.export.opset) == (precision, 18)
        graph = onnx.load(exported.path)
        assert {opset.version for opset in graph.opset_import if not opset.domain} == {18}
        assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
        assert metadata.export.parity == exported.parity
        assert metadata.layers == load_model(packages["fp32"].path).metadata.layers
        assert exported.parity.accuracy["P2"] > 0.9
    folder = packages["fp32"].path.parent
    plots = {f"{name}-card" for name in ("drawn", "drawn-fp16", "drawn-int8")}
    files = {f"{name}{end}" for name in ("drawn", "drawn-fp16", "drawn-int8") for end in (".onnx", ".md")}
    assert {path.name for path in folder.iterdir()} == files | plots


def test_no_precision_tells_where_it_was_made(packages: dict[str, Export]) -> None:
    for exported in packages.values():
        content = exported.path.read_bytes()
        assert not [place for place in (sys.prefix, str(Path(exporting.__file__).parent)) if place.encode() in content]


def test_every_link_of_a_card_leads_to_a_small_plot(packages: dict[str, Export]) -> None:
    for exported in packages.values():
        links = re.findall(r"!\[.*?\]\((.*?)\)", exported.card.read_text("utf-8"))
        assert len(links) == 2
        assert all(0 < (exported.card.parent / link).stat().st_size < 60_000 for link in links)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_answers_do_not_depend_on_the_batch(
    precision: str, packages: dict[str, Export], validation: LabelledFaces
) -> None:
    model = load_model(packages[precision].path)
    order = np.random.default_rng(3).permutation(len(validation))
    for name in ANSWERS:
        together = model.probabilities(validation.gray()[order], name)[np.argsort(order)]
        alone = [model.probabilities(validation.gray()[[face]], name) for face in range(20)]
        np.testing.assert_allclose(np.concatenate(alone), together[:20], rtol=0, atol=1e-5)


def test_a_look_into_each_precision_counts_what_the_network_has(run: Run, packages: dict[str, Export]) -> None:
    network = trained_network(run.folder, read_record(run.folder)).network
    found = {precision: load_model(p.path).metadata.layers for precision, p in packages.items()}
    assert set(found) == {"fp32", "fp16", "int8"}
    assert set(found.values()) == {network.layers(48)}
    # Normalization has become part of the convolutions: what it scales by is in their weights, one bias is left of it.
    weights = sum(layer.weight.numel() for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    biases = sum(layer.weight.shape[0] for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    assert total_weights(found["int8"]) == weights + biases


@pytest.fixture
def exported_before(packages: dict[str, Export], monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the conversion of a network that has been converted already."""
    monkeypatch.setattr(sources, "to_onnx", lambda *_: onnx.load(packages["fp32"].path))


@pytest.mark.usefixtures("exported_before")
def test_one_precision_alone_has_the_name_that_was_asked_for(
    run: Run, validation: LabelledFaces, tmp_path: Path
) -> None:
    (exported,) = export_all(run.folder, validation, tmp_path / "half.onnx", ExportOptions(precisions=("fp16",)))
    assert (exported.path.name, exported.precision) == ("half.onnx", "fp16")


def test_int8_needs_faces_to_take_its_ranges_from(run: Run, validation: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="int8 needs faces that the network was trained on"):
        export_all(run.folder, validation, tmp_path / "model.onnx", ExportOptions(precisions=("fp32", "int8")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("exported_before")
def test_where_one_precision_is_refused_none_is_written(
    run: Run, training: LabelledFaces, validation: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.in_int8
    monkeypatch.setattr(exporting, "in_int8", lambda graph, faces: honest(graph, faces * 0.01))
    with pytest.raises(ModelError, match=r"the int8 file differs from the network .*; nothing was written"):
        export_all(
            run.folder,
            validation,
            tmp_path / "model.onnx",
            ExportOptions(precisions=("fp32", "int8")),
            training=training,
        )
    assert list(tmp_path.iterdir()) == []


def test_recognizer_takes_a_package_by_path(package: Path, validation: LabelledFaces) -> None:
    recognizer = Recognizer(package, detector="none")
    (face,) = recognizer.recognize(validation.gray()[0])
    assert face.expression == "happy"
    assert face.prediction == recognizer.classify([validation.gray()[0]])[0]


def test_unfinished_run_is_not_exported(run: Run, validation: LabelledFaces, tmp_path: Path) -> None:
    unfinished = shutil.copytree(run.folder, tmp_path / "run")
    change_record(unfinished, epochs_done=3)
    with pytest.raises(ConfigError, match="is not finished; resume it first"):
        export(unfinished, validation, tmp_path / "model.onnx")


def test_only_packages_of_the_run_are_replaced_unasked(run: Run, package: Path, tmp_path: Path) -> None:
    check_places(run.folder, package, ("fp32",))
    check_places(run.folder, tmp_path / "new" / "folder" / "some.onnx", ("fp32", "int8"))
    other = shutil.copytree(run.folder, tmp_path / "other")
    change_record(other, elapsed_s=1.0)
    with pytest.raises(OutputError, match=r"drawn\.onnx is there already and not of .*other; name another file"):
        check_places(other, package, ("fp32",))
    check_places(other, package, ("fp32",), replace=True)
    (tmp_path / "notes-int8.md").touch()
    with pytest.raises(OutputError, match=r"notes-int8\.md is there already"):
        check_places(run.folder, tmp_path / "notes.onnx", ("fp32", "int8"))


def test_place_that_cannot_be_written_is_told_first(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="in a folder that you can write to"):
        check_places(run.folder, tmp_path / "file" / "some.onnx", ("fp32",))
    monkeypatch.setattr("os.access", Mock(return_value=False))
    with pytest.raises(OutputError, match="in a folder that you can write to"):
        check_places(run.folder, tmp_path / "some.onnx", ("fp32",))


def test_what_stands_where_a_package_goes_is_told_first(run: Run, tmp_path: Path) -> None:
    (tmp_path / "some-int8.onnx").mkdir()
    with pytest.raises(
        OutputError, match=r"cannot write to .*some-int8\.onnx: .*some-int8\.onnx is a folder; remove it"
    ):
        check_places(run.folder, tmp_path / "some.onnx", ("fp32", "int8"), replace=True)
    (tmp_path / "other-card").touch()
    with pytest.raises(OutputError, match=r"other-card is a file; remove it"):
        check_places(run.folder, tmp_path / "other.onnx", ("fp32",), replace=True)


def test_card_cannot_be_written_over_the_model(run: Run, validation: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be named \*\.onnx"):
        export(run.folder, validation, tmp_path / "model.md")


def test_export_without_a_run(validation: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no training run"):
        export(tmp_path, validation, tmp_path / "model.onnx")


def test_export_is_refused_where_the_file_differs(
    run: Run, validation: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = sources.network_logits
    monkeypatch.setattr(
        sources,
        "network_logits",
        lambda *given: {name: logits + 0.01 for name, logits in honest(*given).items()},
    )
    with pytest.raises(ModelError, match="differs from the network"):
        export(run.folder, validation, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("exported_before")
def test_framing_and_license_are_said_when_exporting(run: Run, validation: LabelledFaces, tmp_path: Path) -> None:
    usual = load_model(export(run.folder, validation, tmp_path / "usual.onnx").path).metadata
    assert usual.input.framing == Framing(1.05, 0.0, upright=True)
    assert "licence of its pictures: not stated." in usual.license
    framing = Framing(1.2, 0.1, kind="five-point")
    options = ExportOptions(framing=framing, data_license="CC0-1.0")
    other = load_model(export(run.folder, validation, tmp_path / "other.onnx", options).path).metadata
    assert other.input == replace(usual.input, framing=framing)
    assert "licence of its pictures: CC0-1.0." in other.license
    assert other.training == usual.training
    check_places(run.folder, tmp_path / "other.onnx", ("fp32",))  # which is of the same training


def test_a_model_file_is_exported_again_in_other_precisions(
    packages: dict[str, Export], training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    first = packages["fp32"].path
    again = export_all(first, validation, tmp_path / "drawn.onnx", ALL_PRECISIONS, training=training)
    for exported in again:
        before, after = (load_model(path).metadata for path in (packages[exported.precision].path, exported.path))
        # They are compared with the file that they are made of, and not with the network.
        assert replace(after, export=None) == replace(before, export=None)
    model, original = (onnx.load(path) for path in (tmp_path / "drawn.onnx", first))
    assert model.graph == original.graph
    check_places(first, tmp_path / "drawn.onnx", ("int8",))


def test_only_a_model_in_full_precision_is_exported_again(
    packages: dict[str, Export], validation: LabelledFaces, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=r"cannot export .*drawn-int8\.onnx: it must be in fp32 and say how"):
        export(packages["int8"].path, validation, tmp_path / "model.onnx")
    with pytest.raises(UnknownModel, match="no model file"):
        export(tmp_path / "gone.onnx", validation, tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match=r"cannot export .*own\.onnx: it must be in fp32"):
        export(write_made(tmp_path / "own.onnx", own_words()), validation, tmp_path / "model.onnx")
    heads = replace(load_model(packages["fp32"].path).metadata, heads={"mood": OWN_WORDS}, answers=own_words().answers)
    path = write_made(tmp_path / "heads.onnx", heads)
    with pytest.raises(ConfigError, match=r"cannot export .*heads\.onnx: its heads are mood, not those of a training"):
        export(path, validation, tmp_path / "model.onnx")


def test_a_network_of_colors_is_exported(tmp_path: Path) -> None:
    def tinted(faces: LabelledFaces) -> LabelledFaces:
        tint = np.random.default_rng(0).uniform(0.6, 1, (len(faces), 1, 1, 3))
        return replace(faces, crops=Crops((faces.gray()[..., None] * tint).astype(np.uint8)))

    faces = tinted(drawn_faces(80, seed=1))
    config = TrainingConfig.model_validate(
        {"epochs": 1, "batch_size": 16, "network": {"family": "mlp", "channels": 3, "dense": [8]}}
    )
    folder = fit(tinted(drawn_faces(40, seed=0)), faces, config, tmp_path / "run", QUIET).folder
    model = load_model(export(folder, faces, tmp_path / "rgb.onnx").path)
    assert model.metadata.input.input_shape == (3, 48, 48)
    assert model.metadata.layers[0].inputs == (-1,)
    turned = [crop[..., ::-1] for crop in faces.crops]
    given, otherwise = (model.probabilities(crops, "core4") for crops in (faces.crops, turned))
    assert np.abs(given - otherwise).max() > 1e-6  # it sees color
    assert len(Recognizer(model.file.path, detector="none").recognize(faces.crops[0]).faces) == 1
