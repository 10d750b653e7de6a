"""Training on drawn faces: what is learned, resumed, and refused."""

import csv
import math
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from made_runs import change_record
from small_training import CONFIG, QUIET, RESUME

from mien.data.labelled_faces import LabelledFaces
from mien.errors import ConfigError, DataError
from mien.export.pipeline import export
from mien.model.package import load_model
from mien.train.config import DistillationConfig, ProgressiveConfig, TrainingConfig
from mien.train.device import Machine
from mien.train.module import ExpressionTraining
from mien.train.networks.expression import ExpressionNetwork
from mien.train.run_record import RECORD, read_record, write_record
from mien.train.trainer import CHECKPOINT
from mien.train.training import FitOptions, Run, fit


def test_learns_drawn_faces(run: Run) -> None:
    assert set(run.accuracy) == {"P1", "P2", "P3", "P4"}
    assert run.accuracy["P1"] > 0.9
    assert run.accuracy["P2"] > 0.9


def test_starts_from_another_run_and_learns_from_a_model(
    run: Run, package: Path, training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    """One epoch is too short to learn from nothing, and long enough to keep what the other run has learned."""
    config = CONFIG.model_copy(update={"epochs": 1})
    alone = fit(training, validation, config, tmp_path / "alone", QUIET)
    optimizer = CONFIG.optimizer.model_copy(update={"peak_learning_rate": 0.001})
    distillation = DistillationConfig(teachers=(str(package),))
    started = config.model_copy(
        update={"start_from": str(run.folder), "optimizer": optimizer, "distillation": distillation}
    )
    ahead = fit(training, validation, started, tmp_path / "ahead", QUIET)
    assert ahead.accuracy["P1"] > max(0.9, alone.accuracy["P1"])
    sources = read_record(ahead.folder).sources
    assert set(sources) == {str(run.folder), str(package)}
    exported = export(ahead.folder, validation, tmp_path / "ahead.onnx")
    assert load_model(exported.path).metadata.training.sources == sources
    card = exported.card.read_text("utf-8")
    assert all(f"`{Path(name).name}` (SHA-256 {checksum[:12]}…)" in card for name, checksum in sources.items())
    assert "minutes by the clock for this run alone, without the models it learnt from;" in card
    wider = started.model_copy(update={"network": CONFIG.network.model_copy(update={"stem_width": 12})})
    with pytest.raises(ConfigError, match=r"last\.ckpt has the weights of another network; give \[network\]"):
        fit(training, validation, wider, tmp_path / "wider", QUIET)


def test_a_warm_up_of_exactly_one_step_is_trained(
    training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    config = CONFIG.model_copy(update={"epochs": 2, "batch_size": 64})  # 2 × 5 steps, a tenth of them warm-up
    assert fit(training, validation, config, tmp_path / "run", QUIET).epochs == 2


def test_first_epochs_see_smaller_pictures(
    training: LabelledFaces, validation: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
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
    fit(training[:32], validation, config, tmp_path / "run", QUIET)
    assert sizes_px == [(24, 24)] * 4 + [(48, 48)] * 2


def test_does_not_start_from_an_unfinished_run(
    run: Run, training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    unfinished = shutil.copytree(run.folder, tmp_path / "unfinished")
    change_record(unfinished, epochs_done=3)
    config = CONFIG.model_copy(update={"start_from": str(unfinished)})
    with pytest.raises(ConfigError, match=r"the run in .*unfinished is not finished; resume it first"):
        fit(training, validation, config, tmp_path / "run", QUIET)
    assert not (tmp_path / "run").exists()


def test_same_seed_same_weights(training: LabelledFaces, validation: LabelledFaces, tmp_path: Path) -> None:
    small = CONFIG.network.model_copy(update={"dropout": 0.2})
    short = TrainingConfig(epochs=1, batch_size=32, precision="32-true", network=small)
    runs = [fit(training, validation, short, tmp_path / name, FitOptions(threads=1, quiet=True)) for name in ("a", "b")]
    first, second = (torch.load(run.folder / CHECKPOINT, weights_only=True)["state_dict"] for run in runs)
    for name, weight in first.items():
        assert torch.equal(weight, second[name]), name


def test_run_that_stopped_in_its_first_epoch_is_started_again(
    training: LabelledFaces, validation: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    write_record(tmp_path, replace(read_record(run.folder), epochs_done=0))
    with pytest.raises(ConfigError, match="has not finished an epoch; start it again"):
        export(tmp_path, validation, tmp_path / "model.onnx")
    with pytest.raises(ConfigError, match="has finished an epoch; start it anew"):
        fit(training, validation, CONFIG, tmp_path, RESUME)
    once = CONFIG.model_copy(update={"epochs": 1})
    assert fit(training, validation, once, tmp_path, QUIET).epochs == 1


@pytest.mark.parametrize("damage", ["not a checkpoint", "cut off", "of something else"])
def test_damaged_checkpoint_is_told(
    damage: str, run: Run, training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    damaged = shutil.copytree(run.folder, tmp_path / "run")
    checkpoint = damaged / CHECKPOINT
    if damage == "of something else":
        torch.save({"weights": {}}, checkpoint)
    else:
        whole = checkpoint.read_bytes()
        checkpoint.write_bytes(whole[: len(whole) // 2] if damage == "cut off" else damage.encode())
    with pytest.raises(ConfigError, match=r"cannot load .*last\.ckpt: .*; train again$"):
        export(damaged, validation, tmp_path / "model.onnx")
    as_killed = change_record(damaged, epochs_done=3)
    with pytest.raises(ConfigError, match=r"cannot load .*last\.ckpt: .*; train again$"):
        fit(training, validation, CONFIG, damaged, RESUME)
    assert read_record(damaged) == as_killed


def test_checkpoint_that_does_not_say_its_epochs_is_told(
    training: LabelledFaces, validation: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    folder = shutil.copytree(run.folder, tmp_path / "run")
    checkpoint = torch.load(folder / CHECKPOINT, weights_only=True)
    torch.save(checkpoint | {"callbacks": {}}, folder / CHECKPOINT)
    change_record(folder, epochs_done=3)
    with pytest.raises(ConfigError, match=r"last\.ckpt does not say how many epochs are done; train again"):
        fit(training, validation, CONFIG, folder, RESUME)


def test_finished_run_is_resumed_to_itself(training: LabelledFaces, validation: LabelledFaces, run: Run) -> None:
    before = (run.folder / RECORD).read_text("utf-8")
    assert fit(training, validation, CONFIG, run.folder, RESUME) == run
    assert (run.folder / RECORD).read_text("utf-8") == before


def test_resuming_with_other_data_is_refused(training: LabelledFaces, validation: LabelledFaces, run: Run) -> None:
    with pytest.raises(ConfigError, match=r"data\.training was \d+, is now \d+; .*[0-9a-f]{12}…, is now [0-9a-f]{12}…"):
        fit(training[:200], validation, CONFIG, run.folder, RESUME)


def test_nothing_left_to_train_on(validation: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no face is left"):
        fit(validation, validation, CONFIG, tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


def test_too_few_faces_for_the_processes(
    training: LabelledFaces, validation: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Machine, "found", lambda: Machine(processes=2))
    with pytest.raises(DataError, match="too few faces are left to train on: 1, for 2 processes; start fewer"):
        fit(training[:1], validation, CONFIG, tmp_path, QUIET)
    assert list(tmp_path.iterdir()) == []


def test_sharpness_aware_steps_log_the_loss_of_the_weights_and_not_of_those_uphill(
    training: LabelledFaces, validation: LabelledFaces, tmp_path: Path
) -> None:
    logged = []
    for radius in (0.0, 2.0):
        optimizer = CONFIG.optimizer.model_copy(update={"sharpness_radius": radius})
        config = CONFIG.model_copy(update={"epochs": 1, "batch_size": 64, "optimizer": optimizer})
        run = fit(training[:64], validation, config, tmp_path / str(radius), QUIET)
        with (run.folder / "logs-1" / "metrics.csv").open(encoding="utf-8") as lines:
            logged += [float(row["train_loss"]) for row in csv.DictReader(lines) if row["train_loss"]]
    assert logged[0] == pytest.approx(logged[1], rel=1e-5)  # of the one step that each took


def test_training_that_diverges_keeps_its_last_epoch_of_numbers(
    training: LabelledFaces, validation: LabelledFaces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = ExpressionTraining.training_step

    def diverging(module: ExpressionTraining, batch: Any, batch_idx: int) -> torch.Tensor:
        return step(module, batch, batch_idx) * (math.nan if module.current_epoch == 1 else 1)

    monkeypatch.setattr(ExpressionTraining, "training_step", diverging)
    with pytest.raises(ConfigError, match="the training diverged: the loss became NaN or infinite in epoch 2; lower"):
        fit(training[:32], validation, CONFIG, tmp_path, QUIET)
    checkpoint = torch.load(tmp_path / CHECKPOINT, weights_only=True)
    assert read_record(tmp_path).epochs_done == 1
    assert all(bool(weights.isfinite().all()) for weights in checkpoint["state_dict"].values())


def test_run_where_no_folder_can_be(training: LabelledFaces, validation: LabelledFaces, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot make the folder"):
        fit(training, validation, CONFIG, tmp_path / "file" / "run", QUIET)


def test_finished_run_is_not_overwritten(training: LabelledFaces, validation: LabelledFaces, run: Run) -> None:
    with pytest.raises(ConfigError, match="holds a run already; resume it"):
        fit(training, validation, CONFIG, run.folder, QUIET)


def test_resuming_with_another_configuration_names_the_change(
    training: LabelledFaces, validation: LabelledFaces, run: Run
) -> None:
    table = CONFIG.model_dump() | {"epochs": 11, "data": {"classes": {"joy": "happy"}}}
    table["optimizer"]["momentum"] = 0.8
    with pytest.raises(ConfigError) as refused:
        fit(training, validation, TrainingConfig.model_validate(table), run.folder, RESUME)
    assert "epochs was 10, is now 11; optimizer.momentum was 0.9, is now 0.8; data.classes.joy was not set" in str(
        refused.value
    )
    assert '"happy". Put back what it was, or train into another folder' in str(refused.value)


def test_nothing_to_resume(training: LabelledFaces, validation: LabelledFaces, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to resume"):
        fit(training, validation, CONFIG, tmp_path, RESUME)


def test_time_of_a_run_never_runs_backwards(
    training: LabelledFaces, validation: LabelledFaces, run: Run, tmp_path: Path
) -> None:
    # Killed again before it wrote a checkpoint: the checkpoint is older than the last start.
    killed = shutil.copytree(run.folder, tmp_path / "run")
    change_record(killed, epochs_done=9, started_s=time.time() + 1000, elapsed_s=5.0)
    assert fit(training, validation, CONFIG, killed, RESUME).elapsed_s >= 5.0
