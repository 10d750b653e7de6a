"""The GPU recipe, tried on the processor with small networks: teachers, students, and the export of a student."""

import importlib.util
import json
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType

import pytest
import torch
from golden_inputs import write_fer2013

from mien.data.dataset import open_dataset
from mien.data.split import Split
from mien.errors import ConfigError
from mien.export.pipeline import export
from mien.model.package import load_model
from mien.train.run_record import read_record

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("train_on_gpu", ROOT / "tools" / "train_on_gpu.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for what annotations name
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fer2013(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def results(tool: ModuleType, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gpu")
    tool.main(["--data", str(data), "--output", str(folder), "--device", "cpu", "--tiny-run"])
    return folder


def test_each_student_is_a_finished_run_that_names_its_teachers(tool: ModuleType, results: Path) -> None:
    names = [f"{name}.pt" for name in tool.TEACHERS]
    for student in tool.STUDENTS:
        record = read_record(results / student)
        assert record.finished
        assert record.epochs_done == 2
        assert list(record.config.distillation.teachers) == names
        assert record.sources == {name: sha256((results / name).read_bytes()).hexdigest() for name in names}
        assert record.accuracy.keys() == {"P1", "P2", "P3", "P4"}


def test_a_student_is_exported_as_any_run(data: Path, results: Path, tmp_path: Path) -> None:
    validation = open_dataset(data).read(Split.VALIDATION)
    exported = export(results / "base", validation, tmp_path / "base.onnx")
    assert load_model(exported.path).metadata.training == read_record(results / "base").facts
    assert exported.parity.network_accuracy["P3"] == pytest.approx(
        read_record(results / "base").accuracy["P3"], abs=1e-4
    )
    assert "teacher-vgg.pt" in exported.card.read_text("utf-8")


def test_the_log_has_the_course_of_every_part_and_the_metrics_of_all(tool: ModuleType, results: Path) -> None:
    log = json.loads((results / "log.json").read_text("utf-8"))
    assert list(log["parts"]) == [*tool.TEACHERS, "students"]
    assert all([look["epoch"] for look in part["history"]] == [1, 2] for part in log["parts"].values())
    assert list(log["final"]) == [*tool.STUDENTS, *tool.TEACHERS, "teachers"]
    weights = torch.load(results / "teacher-vgg.pt", weights_only=True)
    assert {value.dtype for value in weights.values() if value.is_floating_point()} == {torch.float16}


def test_a_run_that_is_there_is_kept(tool: ModuleType, data: Path, results: Path) -> None:
    with pytest.raises(ConfigError, match="holds a run already"):
        tool.main(["--data", str(data), "--output", str(results), "--tiny-run"])


def test_the_recipe_in_full_is_valid(tool: ModuleType) -> None:
    configs = [*tool.TEACHERS.values(), *map(tool.student, tool.STUDENTS)]
    assert [config.epochs for config in configs] == [77, 102, 117, 151, 151]
    assert sum(tool.SHARES.values()) == pytest.approx(1)


@pytest.mark.parametrize(
    ("left_s", "look_s", "epochs"), [(0.5, 0.1, 0), (11, 0.1, 10), (112, 1, 100)], ids=["none", "few", "many"]
)
def test_epochs_are_cut_down_to_the_time_limit(tool: ModuleType, left_s: float, look_s: float, epochs: int) -> None:
    assert tool.epochs_within(left_s, epoch_s=1, look_s=look_s) == epochs
