import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from mien.errors import OutputError
from mien.stats import Estimate
from mien.study.config import load_study
from mien.study.predictions import RunResult
from mien.study.report import markdown, plot, verdicts, write_report
from mien.study.results import ArmComparison, ArmResult, StudyResult

STUDY = """
title = "Two"
question = "Which?"
seeds = [1, 2]
[[arms]]
name = "one"
[[arms]]
name = "two"
"""


def arm(value: float, comparison: dict[str, ArmComparison] | None = None) -> ArmResult:
    estimate = Estimate(value, value - 0.02, value + 0.02)
    return ArmResult(
        about="",
        failed=None,
        seeds=(1, 2),
        accuracy={"P2": estimate},
        negative_log_likelihood={"P2": Estimate(0.5, 0.4, 0.6)},
        by_seed={"P2": (value - 0.01, value + 0.01)},
        run=RunResult(2_000_000, 30_000_000, 12.5),
        comparison=comparison or {},
    )


@pytest.fixture
def result(tmp_path: Path) -> StudyResult:
    (tmp_path / "two.toml").write_text(STUDY, "utf-8")
    better = ArmComparison(Estimate(0.05, 0.01, 0.09), Estimate(-0.1, -0.2, 0.0), 0.0004)
    return StudyResult(
        study=load_study(str(tmp_path / "two.toml")),
        source="drawn",
        training_faces=4000,
        validation_faces={"P2": 1000},
        finished=4,
        planned=4,
        arms={"one": arm(0.7), "two": arm(0.75, {"P2": better})},
        commits=("abc",),
        changed_sources=(),
    )


def test_the_page_has_both_tables_and_the_verdict(result: StudyResult) -> None:
    text = markdown(result)
    assert text.startswith("# Two\n\nWhich?\n\n4 of 4 trainings are finished. Each is trained on 4,000 faces of drawn;")
    assert "| two | 2 | 75.0 (73.0-77.0) | 0.500 (0.400-0.600) | 30.0 | 2.00 | 12 |" in text
    assert "| two | +5.0 | +1.0 to +9.0 | < 0.001 | better, beyond noise |" in text
    assert "changed" not in text
    assert verdicts(result) == ["two minus one: +5.0 points of P2 (+1.0 to +9.0): better, beyond noise"]


def test_what_changed_in_between_and_what_failed_is_said(result: StudyResult) -> None:
    broken = replace(arm(0), seeds=(), accuracy={}, negative_log_likelihood={}, by_seed={}, run=None, failed="no face")
    changed = replace(
        result, commits=("abc", "def"), changed_sources=("two",), arms={"one": arm(0.7), "two": broken}, finished=2
    )
    text = markdown(changed)
    assert "The source changed in between (abc, def)" in text
    assert "Models that two started from or was taught by changed between seeds." in text
    assert "| two | failed | - | - | - | - | - |" in text
    assert text.count("Arm `two` failed: no face") == 1
    assert verdicts(changed) == []


@pytest.mark.parametrize("x_axis", ["arms", "multiply-adds"])
def test_the_plot_names_the_arms(result: StudyResult, x_axis: str) -> None:
    config = result.study.config.model_copy(update={"x_axis": x_axis})
    drawing = plot(replace(result, study=replace(result.study, config=config))).decode()
    assert all(f">{name}<" in drawing for name in ("one", "two"))


def test_all_four_files_are_written(result: StudyResult, tmp_path: Path) -> None:
    write_report(result, tmp_path)
    facts = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert (facts["study"], facts["finished"], facts["arms"]["two"]["run"]["weights"]) == ("two", 4, 2_000_000)
    assert facts["arms"]["two"]["comparison"]["P2"]["accuracy"]["value"] == 0.05
    rows = list(csv.DictReader((tmp_path / "report.csv").read_text("utf-8").splitlines()))
    assert [(row["arm"], row["difference_P2"], row["verdict"]) for row in rows] == [
        ("one", "", ""),
        ("two", "0.05", "better, beyond noise"),
    ]
    with pytest.raises(OutputError, match="cannot write the report"):
        write_report(result, tmp_path / "none")
