"""What pyproject.toml says agrees with what else says it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import mien

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")]


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_is_the_newest_of_the_changelog() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
    released = [re.fullmatch(r"\[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", heading) for heading in headings[1:]]
    assert all(released), f"a heading is not of the form '[X.Y.Z] - YYYY-MM-DD': {headings}"
    versions = [match[1] for match in released if match]
    assert versions == sorted(versions, key=version, reverse=True)
    assert versions[0] == mien.__version__


def version(text: str) -> tuple[int, ...]:
    """Without trailing zeros: 1.26 is 1.26.0."""
    numbers = [int(part) for part in text.split(".")]
    while numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def test_the_lowest_versions_tested_are_the_lowest_allowed(project: dict[str, Any]) -> None:
    lines = (ROOT / "tests" / "lowest.txt").read_text("utf-8").splitlines()
    pins = dict(line.split("==") for line in lines if not line.startswith("#"))
    bounds = dict(dependency.split(">=") for dependency in project["project"]["dependencies"])
    assert {name: version(pin) for name, pin in pins.items()} == {name: version(low) for name, low in bounds.items()}


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_each_reproduced_model_is_exported_in_its_own_precision(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "configs", tmp_path / "configs")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    make = ["make", "-n", "-f", str(ROOT / "Makefile"), "reproduce"]
    printed = subprocess.run(make, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    exported = dict(re.findall(r"mien export runs/(\S+) .*--precision (\w+)", printed))
    assert exported == {
        "teacher": "fp32",
        "teacher-sgd": "fp32",
        "teacher-distilled": "fp32",
        "base": "int8",
        "tiny": "int8",
    }


def test_the_page_on_layout_has_the_layers_that_are_checked(project: dict[str, Any]) -> None:
    # Names in brackets are of modules still to come.
    lines = project["tool"]["importlinter"]["contracts"][0]["layers"]
    checked = [set(re.findall(r"\w+", re.sub(r"\(\w+\)", "", line))) for line in lines]
    page = (ROOT / "docs" / "decisions" / "0009-layout.md").read_text("utf-8")
    rows = re.findall(r"^\| (`.*?) \|", page, re.MULTILINE)
    assert [set(re.findall(r"`(\w+)`", row)) for row in rows] == [layer for layer in checked if layer]


def test_the_source_archive_has_all_that_is_tracked(project: dict[str, Any]) -> None:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git checkout, so nothing says what is tracked")
    listed = subprocess.run([git, "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    tracked = {name.partition("/")[0] for name in listed if not name.startswith(".")}
    always = {"pyproject.toml", "README.md"}  # hatchling packs these unasked
    assert set(project["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]) | always == tracked


def test_every_extra_that_is_named_exists(project: dict[str, Any]) -> None:
    extras = set(project["project"]["optional-dependencies"])
    named = set(re.findall(r"\[([a-z,]+)\]'", "".join(path.read_text("utf-8") for path in DOCUMENTS)))
    assert {extra for together in named for extra in together.split(",")} <= extras
    code = "".join(path.read_text("utf-8") for path in (ROOT / "src").rglob("*.py"))
    feature_and_extra = re.findall(r"(?:for_feature|require_matplotlib)\([^()]*\"([a-z]+)\"", code)
    assert len(feature_and_extra) >= 5
    assert set(feature_and_extra) <= extras


def test_notice_names_files_that_are_there() -> None:
    named = [line for line in (ROOT / "NOTICE").read_text("utf-8").splitlines() if line.startswith("src/")]
    assert len(named) == 2
    for line in named:
        first, *others = line.split(", ")
        assert (ROOT / first).is_file()
        assert all((ROOT / first).with_name(name).is_file() for name in others)
