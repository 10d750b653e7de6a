"""The whole way on drawn faces: train, resume, export, recognise."""

import csv
import json
import re
import shutil
import time
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import onnx
import pytest
import torch
from drawn_faces import drawn_faces
from torch import nn

from mien.architecture.reader import read_architecture
from mien.data.faces import LabelledFaces
from mien.errors import ConfigError, DataError, ModelError, OutputError
from mien.expressions import CORE4, FER7, FERPLUS8
from mien.model import find_model, load_model
from mien.recognizer import Recognizer
from mien.train import export as exporting
from mien.train.config import DistillationConfig, ProgressiveConfig, TrainingConfig
from mien.train.export import Export, export, export_all
from mien.train.fit import Run, fit
from mien.train.networks.network import ExpressionNetwork, multiply_adds
from mien.train.package.graph import trained_network
from mien.train.package.places import check_places
from mien.train.run.facts import FACTS, preprocessing_of, run_facts
from mien.train.run.machine import Machine
from mien.train.run.provenance import licence_note
from mien.train.run.trainer import CHECKPOINT

CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 10,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"stem_width": 8, "widths": [16, 32, 64], "depths": [1, 1, 1], "dropout": 0},
        "augmentation": {"mixup_share": 0, "erase_share": 0, "low_resolution_share": 0, "gamma": 0, "contrast": 0.1},
        "optimiser": {"averaging_decay": 0.8},
    }
)


@pytest.fixture(scope="module")
def held_out() -> LabelledFaces:
    return drawn_faces(80, seed=1)


@pytest.fixture(scope="module")
def training() -> LabelledFaces:
    return drawn_faces(320, seed=0)


@pytest.fixture(scope="module")
def run(training: LabelledFaces, held_out: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(training, held_out, CONFIG, tmp_path_factory.mktemp("run"), quiet=True)


@pytest.fixture(scope="module")
def package(run: Run, held_out: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(run.folder, held_out, tmp_path_factory.mktemp("models") / "drawn.onnx").path


def test_learns_drawn_faces(run: Run) -> None:
    assert set(run.accuracy) == {"P1", "P2", "P3", "P4"}
    assert run.accuracy["P1"] > 0.9
    assert run.accuracy["P2"] > 0.9


def test_starts_from_another_run_and_learns_from_a_model(
    run: Run, package: Path, training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path
) -> None:
    """One epoch is too short to learn from nothing, and long enough to keep what the other run has learnt."""
    config = CONFIG.model_copy(update={"epochs": 1})
    alone = fit(training, held_out, config, tmp_path / "alone", quiet=True)
    optimiser = CONFIG.optimiser.model_copy(update={"peak_learning_rate": 0.001})
    distillation = DistillationConfig(teachers=(str(package),))
    started = config.model_copy(
        update={"start_from": str(run.folder), "optimiser": optimiser, "distillation": distillation}
    )
    ahead = fit(training, held_out, started, tmp_path / "ahead", quiet=True)
    assert ahead.accuracy["P1"] > max(0.9, alone.accuracy["P1"])
    learnt_from = run_facts(ahead.folder)["learnt_from"]
    assert set(learnt_from) == {str(run.folder), str(package)}
    exported = export(ahead.folder, held_out, tmp_path / "ahead.onnx")
    assert load_model(exported.path).metadata.training["learnt_from"] == learnt_from
    card = exported.card.read_text("utf-8")
    assert all(f"`{Path(name).name}` (SHA-256 {checksum[:12]}…)" in card for name, checksum in learnt_from.items())
    assert "minutes by the clock for this run alone, without the models it learnt from;" in card
    wider = started.model_copy(update={"network": CONFIG.network.model_copy(update={"stem_width": 12})})
    with pytest.raises(ConfigError, match=r"last\.ckpt has the weights of another network; set \[network\]"):
        fit(training, held_out, wider, tmp_path / "wider", quiet=True)


def test_a_warm_up_of_exactly_one_step_is_trained(
    training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"epochs": 2, "batch_size": 64})  # 2 × 5 steps, a tenth of them warm-up
    assert fit(training, held_out, config, tmp_path / "run", quiet=True).epochs == 2


def test_first_epochs_see_smaller_pictures(
    training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes_px = []
    features = ExpressionNetwork.features

    def observed(network: ExpressionNetwork, faces: torch.Tensor) -> torch.Tensor:
        if network.training:
            sizes_px.append(tuple(faces.shape[2:]))
        return features(network, faces)

    monkeypatch.setattr(ExpressionNetwork, "features", observed)
    progressive = ProgressiveConfig(share=0.6, first_px=24)
    config = CONFIG.model_copy(update={"epochs": 3, "progressive": progressive})
    fit(training[:32], held_out, config, tmp_path / "run", quiet=True)
    assert sizes_px == [(24, 24)] * 4 + [(48, 48)] * 2


def test_does_not_start_from_an_unfinished_run(
    run: Run, training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path
) -> None:
    unfinished = shutil.copytree(run.folder, tmp_path / "unfinished")
    (unfinished / FACTS).write_text(json.dumps(run_facts(run.folder) | {"epochs_done": 3}), "utf-8")
    config = CONFIG.model_copy(update={"start_from": str(unfinished)})
    with pytest.raises(ConfigError, match=r"the run in .*unfinished is not finished; go on with it"):
        fit(training, held_out, config, tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()


def test_export_takes_the_held_out_faces_of_the_run_alone(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the held-out faces are not those that .* was watched on"):
        export(run.folder, drawn_faces(80, seed=2), tmp_path / "other.onnx")
    assert not list(tmp_path.iterdir())


def test_network_of_colours_is_not_exported(run: Run, held_out: LabelledFaces, tmp_path: Path) -> None:
    (tmp_path / "rgb").mkdir()
    facts = run_facts(run.folder)
    facts["config"]["network"]["channels"] = 3
    (tmp_path / "rgb" / FACTS).write_text(json.dumps(facts), "utf-8")
    with pytest.raises(ConfigError, match=r"rgb: its network takes RGB, and model files take grayscale faces only$"):
        export(tmp_path / "rgb", held_out, tmp_path / "rgb.onnx")
    assert not (tmp_path / "rgb.onnx").exists()


def test_package_answers_as_the_network(package: Path, held_out: LabelledFaces) -> None:
    model = load_model(package)
    answers = model.probabilities(held_out.pixels, CORE4).argmax(axis=1)
    assert (answers == held_out.consensus_core4()).mean() > 0.9
    for expressions in (CORE4, FER7, FERPLUS8):
        np.testing.assert_allclose(model.probabilities(held_out.pixels, expressions).sum(axis=1), 1)


def test_package_says_where_it_comes_from(package: Path) -> None:
    metadata = load_model(package).metadata
    assert metadata.name == "drawn"
    assert metadata.training["config"]["epochs"] == CONFIG.epochs
    data = metadata.training["data"]
    assert data["training"] == data["left_out"]["kept"]
    assert data["left_out"]["total"] == 320
    assert {result["protocol"] for result in metadata.metrics["results"]} == {"P1", "P1c", "P2", "P3", "P4"}


def test_card_has_figures_and_prohibited_uses(package: Path) -> None:
    text = package.with_suffix(".md").read_text("utf-8")
    assert "Article 5(1)(f)" in text
    assert "| P2 `core4/consensus` | 80 |" in text
    assert load_model(package).file.sha256 in text
    assert "minutes by the clock; energy" in text
    assert "Mixed into its targets" not in text


@pytest.fixture(scope="module")
def packages(
    run: Run, training: LabelledFaces, held_out: LabelledFaces, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Export]:
    path = tmp_path_factory.mktemp("precisions") / "drawn.onnx"
    exports = export_all(run.folder, held_out, path, ("fp32", "fp16", "int8"), training=training)
    return {exported.precision: exported for exported in exports}


def test_each_precision_is_a_package_of_its_own(packages: dict[str, Export]) -> None:
    assert [p.path.name for p in packages.values()] == ["drawn.onnx", "drawn-fp16.onnx", "drawn-int8.onnx"]
    sizes = [p.path.stat().st_size for p in packages.values()]
    assert sizes[0] > sizes[1] > sizes[2]
    for precision, exported in packages.items():
        metadata = load_model(exported.path).metadata
        assert metadata.name == exported.path.stem
        assert (metadata.export["precision"], metadata.export["opset"]) == (precision, 18)
        graph = onnx.load(exported.path)
        assert {opset.version for opset in graph.opset_import if not opset.domain} == {18}
        assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_param == metadata.export["inputs"]["faces"][0]
        assert metadata.export["inputs"] == {"faces": ["batch", 1, 48, 48]}
        assert metadata.export["parity"] == exported.parity.to_dict()
        assert exported.parity.accuracy["P2"] > 0.9
    folder = packages["fp32"].path.parent
    plots = {f"{name}-card" for name in ("drawn", "drawn-fp16", "drawn-int8")}
    files = {f"{name}{end}" for name in ("drawn", "drawn-fp16", "drawn-int8") for end in (".onnx", ".md")}
    assert {path.name for path in folder.iterdir()} == files | plots


def test_every_link_of_a_card_leads_to_a_small_plot(packages: dict[str, Export]) -> None:
    for exported in packages.values():
        links = re.findall(r"!\[.*?\]\((.*?)\)", exported.card.read_text("utf-8"))
        assert len(links) == 2
        assert all(0 < (exported.card.parent / link).stat().st_size < 60_000 for link in links)


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_answers_do_not_depend_on_the_batch(
    precision: str, packages: dict[str, Export], held_out: LabelledFaces
) -> None:
    model = load_model(packages[precision].path)
    order = np.random.default_rng(3).permutation(len(held_out))
    for expressions in (CORE4, FER7, FERPLUS8):
        together = model.probabilities(held_out.pixels[order], expressions)[np.argsort(order)]
        alone = [model.probabilities(held_out.pixels[[face]], expressions) for face in range(20)]
        np.testing.assert_allclose(np.concatenate(alone), together[:20], rtol=0, atol=1e-5)


def test_a_look_into_each_precision_counts_what_the_network_has(run: Run, packages: dict[str, Export]) -> None:
    network = trained_network(run.folder, run_facts(run.folder)).network
    found = {precision: read_architecture(find_model(p.path)) for precision, p in packages.items()}
    assert {one.precision for one in found.values()} == {"fp32", "fp16", "int8"}
    assert {one.multiply_adds for one in found.values()} == {multiply_adds(network, 48)}
    # Normalisation has become part of the convolutions: what it scales by is in their weights, one bias is left of it.
    weights = sum(layer.weight.numel() for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    biases = sum(layer.weight.shape[0] for layer in network.modules() if isinstance(layer, (nn.Conv2d, nn.Linear)))
    assert {one.weights for one in found.values()} == {weights + biases}


@pytest.fixture
def exported_before(packages: dict[str, Export], monkeypatch: pytest.MonkeyPatch) -> None:
    """Spares the conversion of a network that has been converted already."""
    monkeypatch.setattr(exporting, "to_onnx", lambda *_: onnx.load(packages["fp32"].path))


@pytest.mark.usefixtures("exported_before")
def test_one_precision_alone_has_the_name_that_was_asked_for(run: Run, held_out: LabelledFaces, tmp_path: Path) -> None:
    (exported,) = export_all(run.folder, held_out, tmp_path / "half.onnx", ("fp16",))
    assert (exported.path.name, exported.precision) == ("half.onnx", "fp16")


def test_int8_needs_faces_to_take_its_ranges_from(run: Run, held_out: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="int8 needs faces that the network was trained on"):
        export_all(run.folder, held_out, tmp_path / "model.onnx", ("fp32", "int8"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("exported_before")
def test_where_one_precision_is_refused_none_is_written(
    run: Run, training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.in_int8
    monkeypatch.setattr(exporting, "in_int8", lambda graph, faces: honest(graph, faces * 0.01))
    with pytest.raises(ModelError, match=r"the int8 file differs from the network .*; nothing was written"):
        export_all(run.folder, held_out, tmp_path / "model.onnx", ("fp32", "int8"), training=training)
    assert list(tmp_path.iterdir()) == []


def test_recognizer_takes_a_package_by_path(package: Path, held_out: LabelledFaces) -> None:
    recognizer = Recognizer(package, detector="none")
    (face,) = recognizer.recognize(held_out.pixels[0])
    assert face.expression == "happy"
    assert face.prediction == recognizer.classify([held_out.pixels[0]])[0]


def test_same_seed_same_weights(training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path) -> None:
    small = CONFIG.network.model_copy(update={"dropout": 0.2})
    short = TrainingConfig(epochs=1, batch_size=32, precision="32-true", network=small)
    runs = [fit(training, held_out, short, tmp_path / name, threads=1, quiet=True) for name in ("a", "b")]
    first, second = (torch.load(run.folder / CHECKPOINT, weights_only=True)["state_dict"] for run in runs)
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


def test_unfinished_run_is_not_exported(run: Run, held_out: LabelledFaces, tmp_path: Path) -> None:
    unfinished = shutil.copytree(run.folder, tmp_path / "run")
    facts = json.loads((unfinished / FACTS).read_text("utf-8"))
    (unfinished / FACTS).write_text(json.dumps(facts | {"epochs_done": 3}), "utf-8")
    with pytest.raises(ConfigError, match="is not finished; go on with it: the same mien train with --resume"):
        export(unfinished, held_out, tmp_path / "model.onnx")


def test_run_that_stopped_in_its_first_epoch_is_started_again(
    training: LabelledFaces, held_out: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    (tmp_path / FACTS).write_text(json.dumps(run_facts(run.folder) | {"epochs_done": 0}), "utf-8")
    with pytest.raises(ConfigError, match="has not finished an epoch; start it again: mien train without --resume"):
        export(tmp_path, held_out, tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match="has finished an epoch; start it without --resume"):
        fit(training, held_out, CONFIG, tmp_path, resume=True, quiet=True)
    once = CONFIG.model_copy(update={"epochs": 1})
    assert fit(training, held_out, once, tmp_path, quiet=True).epochs == 1


@pytest.mark.parametrize("damage", ["not a checkpoint", "cut off", "of something else"])
def test_damaged_checkpoint_is_told(
    damage: str, run: Run, training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path
) -> None:
    damaged = shutil.copytree(run.folder, tmp_path / "run")
    checkpoint = damaged / CHECKPOINT
    if damage == "of something else":
        torch.save({"weights": {}}, checkpoint)
    else:
        whole = checkpoint.read_bytes()
        checkpoint.write_bytes(whole[: len(whole) // 2] if damage == "cut off" else damage.encode())
    with pytest.raises(ConfigError, match=r"cannot load .*last\.ckpt: .*; train again$"):
        export(damaged, held_out, tmp_path / "model.onnx")
    as_killed = json.dumps(run_facts(damaged) | {"epochs_done": 3})
    (damaged / FACTS).write_text(as_killed, "utf-8")
    with pytest.raises(ConfigError, match=r"cannot load .*last\.ckpt: .*; train again$"):
        fit(training, held_out, CONFIG, damaged, resume=True, quiet=True)
    assert (damaged / FACTS).read_text("utf-8") == as_killed


def test_checkpoint_that_does_not_say_its_epochs_is_told(
    training: LabelledFaces, held_out: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    checkpoint = torch.load(folder / CHECKPOINT, weights_only=True)
    torch.save(checkpoint | {"callbacks": {}}, folder / CHECKPOINT)
    (folder / FACTS).write_text(json.dumps(run_facts(folder) | {"epochs_done": 3}), "utf-8")
    with pytest.raises(ConfigError, match=r"last\.ckpt is not of mien, or of an earlier version of it; train again"):
        fit(training, held_out, CONFIG, folder, resume=True, quiet=True)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"config": {"epoch": 3}}', '{"config": {}}'])
def test_damaged_facts_are_told(text: str, held_out: LabelledFaces, tmp_path: Path) -> None:
    (tmp_path / FACTS).write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"holds no training run|lacks accuracy, commit, data"):
        export(tmp_path, held_out, tmp_path / "model.onnx")


def test_only_packages_of_the_run_are_replaced_unasked(run: Run, package: Path, tmp_path: Path) -> None:
    check_places(run.folder, package, ("fp32",))
    check_places(run.folder, tmp_path / "new" / "folder" / "some.onnx", ("fp32", "int8"))
    other = shutil.copytree(run.folder, tmp_path / "other")
    (other / FACTS).write_text(json.dumps(run_facts(run.folder) | {"elapsed_s": 1.0}), "utf-8")
    with pytest.raises(OutputError, match=r"drawn\.onnx is there already and not of .*other; .* or add --force"):
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


def test_card_cannot_be_written_over_the_model(run: Run, held_out: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be named \*\.onnx"):
        export(run.folder, held_out, tmp_path / "model.md")


def test_finished_run_is_resumed_to_itself(training: LabelledFaces, held_out: LabelledFaces, run: Run) -> None:
    before = (run.folder / FACTS).read_text("utf-8")
    assert fit(training, held_out, CONFIG, run.folder, resume=True, quiet=True) == run
    assert (run.folder / FACTS).read_text("utf-8") == before


def test_finished_run_takes_another_crop_and_licence(
    training: LabelledFaces, held_out: LabelledFaces, run: Run, package: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(run.folder, tmp_path / "run")
    framing = CONFIG.framing.model_copy(update={"scale": 1.2})
    data = CONFIG.data.model_copy(update={"licence": "CC0-1.0"})
    changed = CONFIG.model_copy(update={"framing": framing, "data": data})
    again = fit(training, held_out, changed, copy, resume=True, quiet=True)
    assert (again.accuracy, again.elapsed_s, again.epochs) == (run.accuracy, run.elapsed_s, run.epochs)
    facts = run_facts(copy)
    assert facts == run_facts(run.folder) | {"config": changed.model_dump(mode="json")}
    assert preprocessing_of(facts).framing.scale == 1.2
    assert "licence of its pictures: CC0-1.0." in licence_note(facts["data"], facts["config"])
    check_places(copy, package, ("fp32",))  # which is of the same training


def test_interrupted_run_goes_on_with_another_crop(held_out: LabelledFaces, tmp_path: Path) -> None:
    short = CONFIG.model_copy(update={"epochs": 2})
    with pytest.raises(KeyboardInterrupt):
        fit(drawn_faces(32, seed=0), held_out, short, tmp_path, quiet=True, watch=Mock(side_effect=[False, SystemExit]))
    framing = CONFIG.framing.model_copy(update={"upright": False})
    changed = short.model_copy(update={"framing": framing})
    assert fit(drawn_faces(32, seed=0), held_out, changed, tmp_path, resume=True, quiet=True).epochs == 2
    assert run_facts(tmp_path)["config"]["framing"]["upright"] is False


def test_resuming_with_other_data_is_refused(training: LabelledFaces, held_out: LabelledFaces, run: Run) -> None:
    with pytest.raises(ConfigError, match=r"data\.training was \d+, is now \d+; .*[0-9a-f]{12}…, is now [0-9a-f]{12}…"):
        fit(training[:200], held_out, CONFIG, run.folder, resume=True, quiet=True)


def test_nothing_left_to_train_on(held_out: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no face is left"):
        fit(held_out, held_out, CONFIG, tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_too_few_faces_for_the_processes(
    training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "found", lambda: Machine(processes=2))
    with pytest.raises(DataError, match="too few faces are left to train on: 1, for 2 processes; start fewer"):
        fit(training[:1], held_out, CONFIG, tmp_path, quiet=True)
    assert list(tmp_path.iterdir()) == []


def test_sharpness_aware_steps_log_the_loss_of_the_weights_and_not_of_those_uphill(
    training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path
) -> None:
    logged = []
    for radius in (0.0, 2.0):
        optimiser = CONFIG.optimiser.model_copy(update={"sharpness_radius": radius})
        config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 64, "optimiser": optimiser})
        run = fit(training[:64], held_out, config, tmp_path / str(radius), quiet=True)
        with (run.folder / "logs-1" / "metrics.csv").open(encoding="utf-8") as lines:
            logged += [float(row["train_loss"]) for row in csv.DictReader(lines) if row["train_loss"]]
    assert logged[0] == pytest.approx(logged[1], rel=1e-5)  # of the one step that each took


def test_run_where_no_folder_can_be(training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot make the folder"):
        fit(training, held_out, CONFIG, tmp_path / "file" / "run", quiet=True)


def test_finished_run_is_not_overwritten(training: LabelledFaces, held_out: LabelledFaces, run: Run) -> None:
    with pytest.raises(ConfigError, match="holds a run already; add --resume"):
        fit(training, held_out, CONFIG, run.folder, quiet=True)


def test_resuming_with_another_configuration_names_the_change(
    training: LabelledFaces, held_out: LabelledFaces, run: Run
) -> None:
    table = CONFIG.model_dump() | {"epochs": 11, "data": {"classes": {"joy": "happy"}}}
    table["optimiser"]["momentum"] = 0.8
    with pytest.raises(ConfigError) as refused:
        fit(training, held_out, TrainingConfig.model_validate(table), run.folder, resume=True, quiet=True)
    assert "epochs was 10, is now 11; optimiser.momentum was 0.9, is now 0.8; data.classes.joy was not set" in str(
        refused.value
    )
    assert '"happy". Put back what it was, or train into another folder' in str(refused.value)


def test_nothing_to_resume(training: LabelledFaces, held_out: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        fit(training, held_out, CONFIG, tmp_path, resume=True, quiet=True)


def test_export_without_a_run(held_out: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no training run"):
        export(tmp_path, held_out, tmp_path / "model.onnx")


def test_export_is_refused_where_the_file_differs(
    run: Run, held_out: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = exporting.network_logits
    monkeypatch.setattr(
        exporting,
        "network_logits",
        lambda *given: {name: logits + 0.01 for name, logits in honest(*given).items()},
    )
    with pytest.raises(ModelError, match="differs from the network"):
        export(run.folder, held_out, tmp_path / "model.onnx")
    assert list(tmp_path.iterdir()) == []


def test_time_of_a_run_never_runs_backwards(
    training: LabelledFaces, held_out: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    # Killed again before it wrote a checkpoint: the checkpoint is older than the last start.
    killed = shutil.copytree(run.folder, tmp_path / "run")
    facts = json.loads((killed / FACTS).read_text("utf-8"))
    later = {"epochs_done": 9, "started_s": time.time() + 1000, "elapsed_s": 5.0}
    (killed / FACTS).write_text(json.dumps(facts | later), "utf-8")
    assert fit(training, held_out, CONFIG, killed, resume=True, quiet=True).elapsed_s >= 5.0
