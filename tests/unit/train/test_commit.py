import shutil
import subprocess
from pathlib import Path

import pytest

from mien.train import run_record as commit
from mien.train.run_record import source_commit


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.org")
    command = ["git", "-C", str(folder), *who, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the module in a repository that does not track it."""
    git(tmp_path, "init", "--quiet")
    copy = Path(shutil.copy(commit.__file__, tmp_path))
    monkeypatch.setattr(commit, "_HERE", copy)
    return copy


def test_commit_of_the_repository_that_tracks_the_source(source: Path) -> None:
    git(source.parent, "add", source.name)
    git(source.parent, "commit", "--quiet", "--message", "Start")
    head = git(source.parent, "rev-parse", "HEAD")
    assert source_commit() == head[:12]
    source.write_text("changed", "utf-8")
    assert source_commit() == f"{head[:12]}-dirty"


def test_commit_of_a_repository_that_only_holds_an_installation_is_none(source: Path) -> None:
    git(source.parent, "commit", "--quiet", "--allow-empty", "--message", "Start")
    assert source_commit() is None
