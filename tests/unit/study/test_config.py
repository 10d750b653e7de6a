from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.study.config import load_study, shipped_studies

STUDY = """
title = "Two"
seeds = [1, 2]
[training]
epochs = 2
network = { stem_width = 8, widths = [16], depths = [1] }
[[arms]]
name = "small"
[[arms]]
name = "large"
training.network.stem_width = 12
"""


def study_file(folder: Path, text: str) -> str:
    path = folder / "two.toml"
    path.write_text(text, "utf-8")
    return str(path)


def test_arms_change_what_all_share(tmp_path: Path) -> None:
    study = load_study(study_file(tmp_path, STUDY))
    assert (study.name, study.reference) == ("two", "small")
    assert [arm.network.stem_width for arm in study.arms.values()] == [8, 12]
    assert [arm.network.widths for arm in study.arms.values()] == [(16,), (16,)]


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("seeds", "seds", r"unknown key 'seds'; did you mean 'seeds'\?.*seeds is missing|seeds is missing.*'seeds'\?"),
        ('name = "large"', 'name = "a/b"', r"arms\.1\.name = 'a/b': [^;]*$"),  # and not that there are too few arms
        ('name = "large"', 'nam = "large"', r"unknown key 'arms\.1\.nam'; did you mean 'name'\?"),
        ("network.stem_width", "network.stem_widht", r"arm large: unknown key 'network\.stem_widht'; did you mean"),
        ('"large"', '"small"', "arm small occurs more than once"),
        ("[1, 2]", "[1, 1]", "seed 1 occurs more than once"),
        ('title = "Two"', 'title = "Two"\nreference = "smal"', r"no reference arm 'smal' \(did you mean 'small'\?\)"),
        ("epochs = 2", "epochs = 2\nseed = 4", "all arms share the seeds of the study"),
        ('"large"', '"../large"', r"arms\.1\.name = '\.\./large'"),
        ("[training]", "[data]\nfolds = 3\nvalidation = 5\n[training]", "folds validate on every image once"),
        (
            "epochs = 2",
            "epochs = 2\nearly_stop.patience = 1",
            "arm small: early_stop would choose when to end",
        ),
        (
            "[training]",
            '[data]\nfolds = 3\n[training]\nstart_from = "runs/base"',
            "arm small: with folds all faces are used for validation",
        ),
    ],
)
def test_says_what_is_wrong(before: str, after: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=says):
        load_study(study_file(tmp_path, STUDY.replace(before, after)))


def test_unknown_names() -> None:
    with pytest.raises(ConfigError, match=r"no study 'colour' \(did you mean 'color'\?\); choose from"):
        load_study("colour")
    with pytest.raises(ConfigError, match=r"no study file nowhere\.toml; give a file, or the name of one of"):
        load_study("nowhere.toml")


@pytest.mark.parametrize("name", shipped_studies())
def test_shipped_studies_are_right(name: str) -> None:
    study = load_study(name)
    assert study.config.question
    assert len(study.config.seeds) >= 2  # one seed has no verdict


def test_the_study_in_the_docs_is_right(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "study.md").read_text("utf-8")
    text = page.partition("```toml\n")[2].partition("```")[0]
    assert load_study(study_file(tmp_path, text)).arms["wide"].network.widths == (36, 72, 144)
