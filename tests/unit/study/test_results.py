"""What a study concludes from predictions made by hand: nothing here may hold if two arms change places."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.errors import ConfigError
from mien.evaluate.protocols import P1, P2, P3, P4
from mien.expressions import FER7, FERPLUS8
from mien.stats import Estimate
from mien.study.config import load_study
from mien.study.data import StudyFaces
from mien.study.predictions import PREDICTIONS, RESULT, correct_and_loss
from mien.study.results import ArmComparison, StudyResult, gather
from mien.study.run import run_study
from mien.train.config import LossConfig

IMAGES, SEEDS = 100, (1, 2, 3)
HAPPY, SAD = FER7.index("happy"), FER7.index("sad")
HAPPINESS, SADNESS = FERPLUS8.index("happiness"), FERPLUS8.index("sadness")


def all_happy() -> LabelledFaces:
    votes = np.zeros((IMAGES, len(VOTE_COLUMNS)), dtype=np.int64)
    votes[:, HAPPINESS] = 10
    pixels = np.zeros((IMAGES, 48, 48), dtype=np.uint8)
    return LabelledFaces(pixels, np.full(IMAGES, HAPPY), votes, np.arange(IMAGES))


FACES = StudyFaces(all_happy()[:0], all_happy())


def logits(size: int, right: int, wrong: int, hits: int) -> NDArray[np.float32]:
    """Sure of the `right` position for the first `hits` faces, of the `wrong` one for the others."""
    given = np.zeros((IMAGES, size), dtype=np.float32)
    given[:hits, right] = given[hits:, wrong] = 3
    return given


def keep(run: Path, hits: int, **facts: Any) -> Path:
    run.mkdir(parents=True)
    fer7, ferplus8 = logits(7, HAPPY, SAD, hits), logits(8, HAPPINESS, SADNESS, hits)
    np.savez(run / PREDICTIONS, fer7=fer7, ferplus8=ferplus8)
    (run / RESULT).write_text(json.dumps({"weights": 9, "multiply_adds": 9, "elapsed_s": 2.0, **facts}), "utf-8")
    return run


def study_of(folder: Path, right: dict[str, tuple[int, ...]], seeds: tuple[int, ...] = SEEDS) -> StudyResult:
    """Each arm's name, and how many faces each seed predicts correctly; the first arm is the reference."""
    arms = "".join(f'[[arms]]\nname = "{arm}"\n' for arm in right)
    (folder / "toy.toml").write_text(f'title = "Toy"\nprotocol = "P2"\nseeds = {list(seeds)}\n{arms}', "utf-8")
    runs = {
        (arm, seed, None): keep(folder / f"{arm}-{seed}", count)
        for arm, counts in right.items()
        for seed, count in zip(seeds, counts, strict=True)
    }
    return gather(load_study(str(folder / "toy.toml")), FACES, runs, {})


def test_a_better_arm_is_better_and_a_worse_one_worse(tmp_path: Path) -> None:
    found = study_of(
        tmp_path, {"as-is": (60, 61, 59), "better": (90, 91, 89), "worse": (20, 19, 21), "equal": (61, 59, 60)}
    )
    comparison = {name: arm.comparison for name, arm in found.arms.items()}
    assert comparison["as-is"] == {}
    for code in ("P1", "P2", "P3", "P4"):
        better, worse, equal = (comparison[name][code] for name in ("better", "worse", "equal"))
        assert better.accuracy.value == pytest.approx(0.3)
        assert worse.accuracy.value == pytest.approx(-0.4)
        assert better.accuracy.low > 0 > worse.accuracy.high
        assert (
            better.negative_log_likelihood.value < 0 < worse.negative_log_likelihood.value
        )  # a loss: the better one's is less
        assert (better.verdict, worse.verdict) == ("better, beyond noise", "worse, beyond noise")
        assert (equal.verdict, equal.beyond_noise) == ("no difference beyond noise", False)
    assert found.arms["better"].accuracy["P2"].value == pytest.approx(0.9)
    assert found.arms["better"].by_seed["P2"] == pytest.approx((0.9, 0.91, 0.89))


def test_one_seed_has_no_verdict(tmp_path: Path) -> None:
    found = study_of(tmp_path, {"as-is": (20,), "better": (90,)}, seeds=(1,)).arms["better"].comparison["P2"]
    assert (found.p_value, found.beyond_noise) == (None, False)
    assert found.verdict == "one seed: cannot be told from noise"


@pytest.mark.parametrize(
    ("value", "p_value", "verdict"),
    [
        (0.1, 0.049, "better, beyond noise"),
        (-0.1, 0.049, "worse, beyond noise"),
        (0.1, 0.05, "no difference beyond noise"),
    ],
)
def test_the_verdict_follows_the_level_and_the_sign(value: float, p_value: float, verdict: str) -> None:
    assert ArmComparison(Estimate(value, -1, 1), Estimate(0, -1, 1), p_value).verdict == verdict


def test_arms_whose_seeds_started_from_other_models_are_named(tmp_path: Path) -> None:
    (tmp_path / "toy.toml").write_text(
        'title = "Toy"\nseeds = [1, 2]\n[[arms]]\nname = "one"\n[[arms]]\nname = "two"\n', "utf-8"
    )
    teachers = {("one", 1): "a", ("one", 2): "a", ("two", 1): "a", ("two", 2): "b"}
    runs = {
        (arm, seed, None): keep(tmp_path / f"{arm}-{seed}", 50, sources={"teacher": teacher}, commit=teacher)
        for (arm, seed), teacher in teachers.items()
    }
    found = gather(load_study(str(tmp_path / "toy.toml")), FACES, runs, {})
    assert found.changed_sources == ("two",)
    assert found.commits == ("a", "b")


def test_whether_weights_are_kept_may_change_while_a_study_goes_on(tmp_path: Path) -> None:
    file, folder = tmp_path / "toy.toml", tmp_path / "study"
    arms = '[[arms]]\nname = "one"\n[[arms]]\nname = "two"\n'

    def go_on(keys: str) -> StudyResult:
        file.write_text(f'title = "Toy"\nseeds = [1]\n{keys}\n{arms}', "utf-8")
        return run_study(load_study(str(file)), FACES, folder)

    for arm in ("one", "two"):
        keep(folder / "runs" / f"{arm}-seed1", 50)  # there is nothing left to train
    assert go_on("keep_weights = true").finished == 2
    assert go_on("keep_weights = false").finished == 2
    with pytest.raises(ConfigError, match=r'cannot continue the study in .*: protocol was "P2", is now "P1"'):
        go_on('protocol = "P1"')


def test_each_protocol_is_predicted_by_the_head_that_was_trained() -> None:
    """The head of FER2013's labels is right about 80 faces, that of the votes about 30."""
    answers = {"fer7": logits(7, HAPPY, SAD, 80), "ferplus8": logits(8, HAPPINESS, SADNESS, 30)}
    protocols = (P1, P2, P3, P4)

    def right(loss: LossConfig) -> dict[str, float]:
        return {
            code: float(each.mean())
            for code, (each, _) in correct_and_loss(answers, FACES.validation, protocols, loss).items()
        }

    assert right(LossConfig()) == {"P1": 0.8, "P2": 0.3, "P3": 0.8, "P4": 0.3}
    assert right(LossConfig(fer7_weight=0)) == {"P1": 0.3, "P2": 0.3, "P4": 0.3}
    assert right(LossConfig(ferplus8_weight=0)) == {"P1": 0.8, "P2": 0.8, "P3": 0.8}
