"""Trains the arms of a study over its seeds; finished trainings are kept, unfinished ones are resumed."""

import json
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mien.data.manifest import fingerprint
from mien.errors import ConfigError, MienError, OutputError, first_line
from mien.files import fault_and_remedy, replace_file
from mien.settings import refuse_changes
from mien.study.config import Study
from mien.study.data import StudyFaces
from mien.study.predictions import keep_predictions, kept_result
from mien.study.report import write_report
from mien.study.results import StudyResult, gather
from mien.train.trainer import CHECKPOINT
from mien.train.training import FitOptions, fit

STATE, FAILED = "study.json", "failed.txt"

_MAY_CHANGE = {"title", "question", "x_axis", "keep_weights"}


@dataclass(frozen=True, slots=True)
class Training:
    """One training of a study.

    Attributes:
        arm: Name of the arm.
        seed: Seed of the training, and of the folds where there are any.
        fold: The fold whose faces it is validated on; None where there are no folds.
    """

    arm: str
    seed: int
    fold: int | None = None

    def folder(self, study_folder: Path) -> Path:
        """Where the run lies."""
        fold = "" if self.fold is None else f"-fold{self.fold + 1}"
        return study_folder / "runs" / f"{self.arm}-seed{self.seed}{fold}"


def trainings(study: Study) -> tuple[Training, ...]:
    """All trainings in their order: every arm is trained with one seed before any is with the next."""
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

    An arm that fails is reported and skipped until the study is run again; the other arms are trained.

    Args:
        study: What to train.
        faces: What to train and validate it on.
        folder: Receives the runs and the report; it is made if it does not exist.
        threads: Processor threads for torch; None leaves them as they are.
        tell: Called with a line for each training that ends.

    Raises:
        ConfigError: If the folder holds another study, or this one with other changes than added arms and seeds, or
            the data have changed.
        KeyboardInterrupt: If it is interrupted; run again, it continues after the last finished epoch.
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
    training_faces, validation = faces.split(training.seed, training.fold)
    checkpoint = run / CHECKPOINT
    options = FitOptions(resume=checkpoint.is_file(), threads=threads, quiet=True)
    fit(training_faces, validation, config, run, options)
    keep_predictions(run, validation)
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
    """All that must stay the same while a study continues, as the study file names it."""
    file = study.config.model_dump(mode="json", exclude={"arms", "training", *_MAY_CHANGE})
    arms = {name: config.model_dump(mode="json", exclude={"seed"}) for name, config in study.arms.items()}
    data = {"training": fingerprint(faces.training), "validation": fingerprint(faces.validation)}
    return {"study": study.name, **file, "arms": arms, "faces": data}


def _claim(folder: Path, state: dict[str, Any]) -> None:
    """Writes what the study is; refuses one whose data, or whose arms and seeds that were trained, have changed."""
    if written := _written(folder):
        _refuse_changes(folder, _begun(folder, written), state)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / STATE, json.dumps(state, indent=1) + "\n")
    except OSError as fault:
        raise OutputError(f"cannot write to {folder}: {fault_and_remedy(fault, 'name another folder')}") from fault


def _begun(folder: Path, written: dict[str, Any]) -> dict[str, Any]:
    """The state that was written, without arms and seeds of which no run has finished an epoch: these may change."""
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
    refuse_changes(f"the study in {folder}", before, now, remedy="Undo that, or name another folder")


def _written(folder: Path) -> dict[str, Any]:
    """What a folder says its study is; empty where there is none yet."""
    path = folder / STATE
    try:
        written: dict[str, Any] = json.loads(path.read_text("utf-8"))
        _ = written["arms"], written["seeds"], written["data"]["folds"]
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError, TypeError, KeyError) as fault:
        raise ConfigError(f"{path} cannot be read ({first_line(fault)}); name another folder") from fault
    return written
