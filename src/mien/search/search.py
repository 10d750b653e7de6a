"""A search: trial after trial until there are enough, shared with other processes and safe to interrupt."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from optuna import Study, Trial
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial, TrialState

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint
from mien.data.sampling import stratified
from mien.errors import ConfigError, OutputError
from mien.search.config import SearchConfig
from mien.search.report import Selection, write_outputs
from mien.search.storage import counted, open_study, readable_faults, retry_stale
from mien.search.trial import REASON, Objective, TrialFailed
from mien.train.dataloaders import protocols_with_targets
from mien.train.device import Machine

_TRAINING_FACES_PER_VALIDATION_FACE = 10
_POLL_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """How a search is carried out, beside what decides its result.

    Attributes:
        storage: URL of the database; None takes an SQLite file in the folder of the search.
        threads: As for `mien.train.training.fit`.
    """

    storage: str | None = None
    threads: int | None = None


class Search:
    """A search that is kept in a database, with its outputs in a folder.

    Args:
        name: Tells it from other searches in the same database.
        config: What is searched.
        faces: The training and the validation split. No other is used.
        folder: Receives tables, plots and the best configuration; made if it is not there.
        options: Which database, how many threads.

    Attributes:
        study: Optuna's study, with all trials.
        url: Where it is kept.
        selection: What its trials are trained and compared on.

    Raises:
        ConfigError: If another search is stored there, no validation face has a label for the metric, or torchrun
            started several processes.
        OutputError: If the folder or the database cannot be used.
    """

    def __init__(
        self,
        name: str,
        config: SearchConfig,
        faces: tuple[LabelledFaces, LabelledFaces],
        folder: Path,
        options: SearchOptions = SearchOptions(),
    ) -> None:
        if Machine.found().processes > 1:
            raise ConfigError("a trial is trained by one process; start a search in each, all with the same storage")
        training, validation = _parts(config, *faces)
        self.url = options.storage or f"sqlite:///{(folder / 'search.db').resolve().as_posix()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as fault:
            raise OutputError(f"cannot make the folder {folder}: {fault.strerror}; name another") from fault
        data = {"training_sha256": fingerprint(training), "validation_sha256": fingerprint(validation)}
        self.config, self.folder = config, folder
        self.study = open_study(name, self.url, config, data)
        split = " and ".join(validation.splits) or config.selected_on
        self.selection = Selection(split, len(training), len(validation))
        self._objective = Objective(config, training, validation, options.threads)

    def run(self, trials: int, tell: Callable[[FrozenTrial | None, Study], None]) -> None:
        """Runs trials until there are `trials` in all, and writes the outputs after each.

        Args:
            trials: How many there are to be, by all processes, finished or not.
            tell: Takes each trial that this process has ended; None when waiting for other processes begins.

        Raises:
            ConfigError: If not one trial could be trained.
            OutputError: If the database or the outputs cannot be written; what is finished is kept.
            KeyboardInterrupt: If it is interrupted; the trial that was running will be retried.
        """
        with readable_faults(self.url):
            waiting = False
            while True:
                retry_stale(self.study)
                there = counted(self.study)
                if len(there) < trials:
                    self._one_trial(tell)
                elif any(each.state == TrialState.RUNNING for each in there):
                    if not waiting:
                        tell(None, self.study)
                    waiting = True
                    time.sleep(_POLL_S)
                else:
                    break
            write_outputs(self.study, self.config, self.folder, self.selection)
        if all(each.state == TrialState.FAIL for each in there):
            reason = there[-1].user_attrs.get(REASON, "its process died")
            raise ConfigError(f"all {len(there)} trials failed; the last: {reason}")

    def _one_trial(self, tell: Callable[[FrozenTrial | None, Study], None]) -> None:
        ended: list[FrozenTrial] = []
        lost: list[int] = []

        def objective(trial: Trial) -> float:
            try:
                return self._objective(trial)
            except UpdateFinishedTrialError:
                lost.append(trial.number)
                raise

        try:
            self.study.optimize(
                objective, n_trials=1, catch=(TrialFailed,), callbacks=[lambda _, trial: ended.append(trial)]
            )
        except ValueError:  # what Optuna says of a trial that cannot be marked as ended, since it is
            if not lost:
                raise
            ended.append(self._taken_for_dead(lost[0]))
        finally:
            write_outputs(self.study, self.config, self.folder, self.selection)
        tell(ended[0], self.study)

    def _taken_for_dead(self, number: int) -> FrozenTrial:
        """A trial that another process ended while this one slept, with the reason."""
        trial = self.study.get_trials()[number]
        trial.set_user_attr(REASON, "sent no heartbeat for so long that it was taken for dead; it is retried")
        return trial


def _parts(
    config: SearchConfig, training: LabelledFaces, validation: LabelledFaces
) -> tuple[LabelledFaces, LabelledFaces]:
    """The faces that trials learn from, and those that the metric is measured on."""
    if config.selected_on == "train":
        chosen = np.zeros(len(training), dtype=np.bool_)
        chosen[stratified(training.fer7, len(training) // _TRAINING_FACES_PER_VALIDATION_FACE)] = True
        training, validation = training[~chosen], training[chosen]
    labelled = protocols_with_targets(validation)
    if not set(config.protocols) & set(labelled):
        raise ConfigError(
            f"metric = {config.metric!r}: no validation face has a label for it; choose from {', '.join(labelled)}"
        )
    training = training[training_rows_to_keep(training, validation)[0]]
    return (training[stratified(training.fer7, config.images)] if config.images else training), validation
