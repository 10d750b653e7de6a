"""Trains the arms of a study over its seeds; what is finished is kept, what is half finished goes on."""

import json
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data.manifest import fingerprint
from mien.errors import ConfigError, MienError, OutputError, first_line
from mien.files import replace_file
from mien.study.answers import keep_answers, kept_result
from mien.study.config import Study
from mien.study.faces import StudyFaces
from mien.study.report import write_report
from mien.study.results import StudyResult, gather
from mien.train.config import TrainingConfig
from mien.train.fit import FitOptions, fit
from mien.train.run.trainer import CHECKPOINT

STATE, FAILED = "study.json", "failed.txt"

_FREE = "keep_weights"  # may change while a study goes on; earlier versions wrote it down


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a study.

    Attributes:
        arm: Name of the arm.
        seed: Seed of the training, and of the folds where there are any.
        fold: The fold whose faces are answered; None where there are no folds.
    """

    arm: str
    seed: int
    fold: int | None = None

    def folder(self, study_folder: Path) -> Path:
        """Where the run lies."""
        fold = "" if self.fold is None else f"-fold{self.fold + 1}"
        return study_folder / "runs" / f"{self.arm}-seed{self.seed}{fold}"


def trainings(study: Study) -> tuple[Training, ...]:
    """All trainings in their order: every arm has a seed before any has the next."""
    folds = range(study.config.data.folds) if study.config.data.folds else (None,)
    return tuple(Training(arm, seed, fold) for seed in study.config.seeds for arm in study.arms for fold in folds)


def run_study(
    study: Study,
    faces: StudyFaces,
    folder: Path,
    *,
    threads: int | None = None,
    tell: Callable[[str], None] | None = None,
) -> StudyResult:
    """Trains what is not trained yet, and writes the report after each training.

    An arm that fails is told and left alone until the study is run again; the other arms go on.

    Args:
        study: What to train.
        faces: What to train and measure it on.
        folder: Receives the runs and the report; it is made if it does not exist.
        threads: Processor threads for torch; None leaves them as they are.
        tell: Is given a line for each training that ends.

    Raises:
        ConfigError: If the folder holds another study, or this one with other changes than added arms and seeds, or
            the data have changed.
        KeyboardInterrupt: If it is interrupted; run again, it goes on after the last finished epoch.
    """
    tell = tell or (lambda _: None)
    _claim(folder, _state(study, faces))
    failed: dict[str, str] = {}
    planned = trainings(study)
    result = _reported(study, faces, folder, failed)
    for number, training in enumerate(planned, start=1):
        run = training.folder(folder)
        if training.arm in failed or kept_result(run) is not None:
            continue
        try:
            _train(study, faces, training, run, threads)
        except Exception as fault:  # of whatever kind, it must not take the other arms with it
            failed[training.arm] = first_line(fault)
            _keep_traceback(run, fault)
            tell(f"arm {training.arm} failed at seed {training.seed}: {first_line(fault)}")
        else:
            tell(f"{number} of {len(planned)}: {run.name}")
        result = _reported(study, faces, folder, failed)
    return result


def done(study: Study, folder: Path) -> tuple[int, int]:
    """How many trainings of a study are finished, and of how many."""
    planned = trainings(study)
    return sum(kept_result(training.folder(folder)) is not None for training in planned), len(planned)


def _train(study: Study, faces: StudyFaces, training: Training, run: Path, threads: int | None) -> None:
    config = study.arms[training.arm].model_copy(update={"seed": training.seed})
    learnt, answered = faces.of_run(training.seed, training.fold)
    checkpoint = run / CHECKPOINT
    options = FitOptions(resume=checkpoint.is_file(), threads=threads, quiet=True)
    fit(learnt, answered, config, run, options)
    keep_answers(run, answered)
    (run / FAILED).unlink(missing_ok=True)  # of an earlier start
    if not study.config.keep_weights:
        checkpoint.unlink(missing_ok=True)


def _reported(study: Study, faces: StudyFaces, folder: Path, failed: dict[str, str]) -> StudyResult:
    runs = {(t.arm, t.seed, t.fold): t.folder(folder) for t in trainings(study)}
    result = gather(study, faces, {key: run for key, run in runs.items() if kept_result(run) is not None}, failed)
    write_report(result, folder)
    return result


def _keep_traceback(run: Path, fault: Exception) -> None:
    if isinstance(fault, MienError):  # says all there is to know
        return
    with suppress(OSError):  # a full disk may be why it failed; the report is what must be written
        run.mkdir(parents=True, exist_ok=True)
        (run / FAILED).write_text("".join(traceback.format_exception(fault)), "utf-8")


def _state(study: Study, faces: StudyFaces) -> dict[str, Any]:
    """All that must be the same when a study goes on, by what it is called in the file."""
    file = study.config.model_dump(mode="json", exclude={"title", "question", "arms", "training", "x_axis", _FREE})
    arms = {name: config.model_dump(mode="json", exclude={"seed"}) for name, config in study.arms.items()}
    data = {"training": fingerprint(faces.training), "measured": fingerprint(faces.measured)}
    return {"study": study.name, **file, "arms": arms, "faces": data}


def _claim(folder: Path, state: dict[str, Any]) -> None:
    """Writes what the study is, or checks that all of which something was trained is what was written."""
    if written := _written(folder):
        _refuse_changes(folder, _begun(folder, written), state)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / STATE, json.dumps(state, indent=1) + "\n")
    except OSError as fault:
        raise OutputError(f"cannot write to {folder}: {fault.strerror}; name another folder") from fault


def _begun(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """What was written, without arms and seeds of which no run has finished an epoch: these may still change."""
    folds = range(written["data"]["folds"]) if written["data"]["folds"] else (None,)
    begun = [
        (arm, seed)
        for arm in written["arms"]
        for seed in written["seeds"]
        for run in (Training(arm, seed, fold).folder(folder) for fold in folds)
        if (run / CHECKPOINT).is_file() or kept_result(run) is not None
    ]
    arms = {name: arm for name, arm in written["arms"].items() if any(name == begun_arm for begun_arm, _ in begun)}
    return written | {"arms": arms, "seeds": sorted({seed for _, seed in begun})}


def _refuse_changes(folder: Path, before: dict[str, Any], now: dict[str, Any]) -> None:
    now = now | {"arms": {name: arm for name, arm in now["arms"].items() if name in before["arms"]}}
    if set(before["seeds"]) <= set(now["seeds"]):
        now["seeds"] = before["seeds"]
    before, now = _flat(before), _flat(now)
    missing = "nothing"
    changed = [
        f"{key} from {before.get(key, missing)} to {now.get(key, missing)}"
        for key in dict.fromkeys((*before, *now))
        if before.get(key, missing) != now.get(key, missing)
    ]
    if changed:
        raise ConfigError(
            f"the study in {folder} has changed since it began: {'; '.join(changed[:5])}"
            f"{f'; and {len(changed) - 5} more' if len(changed) > 5 else ''}; name another folder, or undo that"
        )


def _written(folder: Path) -> dict[str, Any]:
    """What a folder says its study is; empty where there is none yet."""
    path = folder / STATE
    try:
        written: dict[str, Any] = json.loads(path.read_text("utf-8"))
        # A key that has come to the configuration since has its default, under which the arm was trained.
        if "arms" not in written:
            raise ConfigError(f"{path} is of an earlier version of mien; go on with that, or name another folder")
        arms = {name: TrainingConfig.model_validate(arm) for name, arm in written["arms"].items()}
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as fault:
        raise ConfigError(f"{path} cannot be read ({first_line(fault)}); name another folder") from fault
    written.pop(_FREE, None)
    return written | {"arms": {name: arm.model_dump(mode="json", exclude={"seed"}) for name, arm in arms.items()}}


def _flat(table: dict[str, Any], path: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in table.items():
        flat |= _flat(value, f"{path}{key}.") if isinstance(value, dict) else {f"{path}{key}": value}
    return flat
