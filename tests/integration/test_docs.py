"""Runs the Python code of README, docs and docstrings, and follows their links, so that they stay true."""

import doctest
import importlib
import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from mien.cli import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(ROOT.glob("docs/**/*.md"))
MODULES = [path for path in sorted(ROOT.glob("src/mien/**/*.py")) if ">>> " in path.read_text(encoding="utf-8")]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE

PYTHON_BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?://|#|mailto:)([^)#\s]+)")


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def run_session(session: str, names: dict[str, object], where: str) -> None:
    """Runs `>>>` lines and compares what they print."""
    runner = doctest.DocTestRunner(optionflags=OPTIONS)
    said: list[str] = []
    runner.run(doctest.DocTestParser().get_doctest(session, names, where, where, 0), out=said.append, clear_globs=False)
    assert runner.failures == 0, "".join(said)


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_python_blocks_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    names: dict[str, object] = {}
    for block in PYTHON_BLOCK.findall(page.read_text(encoding="utf-8")):
        if ">>> " in block:
            run_session(block, names, relative(page))
        else:
            exec(compile(block, relative(page), "exec"), names)  # noqa: S102 - the project's own pages


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_docstring_examples_run(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    parts = path.relative_to(ROOT / "src").with_suffix("").parts
    module = importlib.import_module(".".join(parts).removesuffix(".__init__"))
    assert doctest.testmod(module, optionflags=OPTIONS).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert missing == []


def printed(*arguments: str) -> str:
    done = CliRunner(env={"COLUMNS": "100"}).invoke(app, ["recognize", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_readme_shows_what_the_demo_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    shown = re.findall(
        r"^Picture  .*?(?=^3 pictures, 10 faces$)", (ROOT / "README.md").read_text("utf-8"), re.M | re.S
    )[0]
    given = printed(*sorted(str(path) for path in Path("examples").glob("*.jpg")), "--format", "table")
    # Another processor may round a probability the other way.
    here, there = ([int(share) for share in re.findall(r"(\d+)%", text)] for text in (shown, given))
    assert there == pytest.approx(here, abs=1)
    here, there = ([line.split() for line in re.sub(r"\d+%|─+", "", text).splitlines()] for text in (shown, given))
    assert [line for line in there if line] == [line for line in here if line]


def test_the_page_on_recognition_shows_a_record_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "recognize.md").read_text("utf-8")
    shown = json.loads(re.findall(r"^```json\n(.*?)^```", page, re.M | re.S)[0])
    given = json.loads(printed("examples/grace_hopper.jpg", "--format", "jsonl"))
    probabilities = [record["faces"][0].pop("probabilities") for record in (shown, given)]
    assert probabilities[0] == pytest.approx(probabilities[1], abs=0.005)
    for record in (shown, given):
        del record["faces"][0]["confidence"], record["faces"][0]["support"]
    assert shown == given
