"""Where a search is kept: a study in a database that Optuna knows, which many processes may share."""

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from optuna import Study, create_study
from optuna.exceptions import ExperimentalWarning, StorageInternalError
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.samplers import TPESampler
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mien.errors import ConfigError, OutputError, first_line
from mien.search.config import PrunerConfig, SamplerConfig, SearchConfig
from mien.settings import refuse_changes

HEARTBEAT_S = 20
_GRACES = 6  # so many heartbeats may be missing before a process counts as dead
_SETTINGS, _INSTEAD_OF, _TRIES = "settings", "instead_of", "tries"
_MOST_TRIES = 3
_SQLITE_PATIENCE_S = 60
_FIRST_HEARTBEAT_S = 5  # by then a process that lives has sent one


class SeededByTrial(TPESampler):
    """Optuna's tree-structured Parzen estimator, seeded anew for each trial.

    With one seed for a whole process, a search that goes on would draw its first values once more, and processes that
    share a search would all draw the same.

    Source: Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011.
    """

    def __init__(self, config: SamplerConfig) -> None:
        self._config = config
        super().__init__(n_startup_trials=config.random_trials)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Called by Optuna before it draws: starts afresh, since it can only be seeded as it is made."""
        seed = (self._config.seed * 1_000_003 + trial.number) % 2**32
        super().__init__(seed=seed, n_startup_trials=self._config.random_trials)
        super().before_trial(study, trial)


def open_study(
    name: str, url: str, config: SearchConfig, data: Mapping[str, str], *, heartbeat_s: int = HEARTBEAT_S
) -> Study:
    """The study `name`, made if it is not there.

    Args:
        name: Tells it from others in the same database.
        url: Of a database that Optuna can use, such as `sqlite:///search.db`.
        config: What is searched.
        data: Hashes of the faces, by what they are for.
        heartbeat_s: How often a running trial says that it is alive. One that was silent for six times as long is
            taken for dead, and tried again.

    Raises:
        ConfigError: If the study there is of another configuration or of other data, or `url` is none.
        OutputError: If the database cannot be used.
    """
    settings = {**config.model_dump(mode="json"), "data": dict(data)}
    with readable_faults(url):
        try:
            storage = _connect(url, heartbeat_s)
        except ImportError as fault:
            raise ConfigError(f"{shown(url)} needs a driver that is not installed: {first_line(fault)}") from fault
        study = create_study(
            storage=storage,
            study_name=name,
            load_if_exists=True,
            direction=config.direction,
            sampler=SeededByTrial(config.sampler),
            pruner=_pruner(config.pruner),
        )
        if _SETTINGS not in study.user_attrs:
            study.set_user_attr(_SETTINGS, settings)
        refuse_changes(
            f"the search {name!r} in {shown(url)}",
            study.user_attrs[_SETTINGS],
            settings,
            remedy="Undo that, or start a search of another name or in another folder",
        )
    return study


def shown(url: str) -> str:
    """A storage's URL without its password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except ArgumentError:
        return url


@contextmanager
def readable_faults(url: str) -> Iterator[None]:
    """Turns what the database raises into a `MienError`."""
    try:
        yield
    except ArgumentError as fault:
        raise ConfigError(f"{url!r} is not the URL of a database; give one such as sqlite:///search.db") from fault
    except (SQLAlchemyError, StorageInternalError) as fault:
        cause = fault.__cause__ or fault
        reason = first_line(Exception(str(cause)))
        remedy = "; make space, and run again" if "disk is full" in reason else ""
        raise OutputError(f"cannot use the storage {shown(url)}: {reason}{remedy}") from fault


def retry_stale(study: Study) -> None:
    """Marks trials whose process has died as failed, and puts each in line again."""
    _begin_heartbeats(study)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)


def _begin_heartbeats(study: Study) -> None:
    """Gives a heartbeat to running trials that never had one, since Optuna never takes those for dead.

    A process that is killed right after it has drawn a trial leaves such a one.
    """
    storage: Any = getattr(study._storage, "_backend", study._storage)
    latest = datetime.now() - timedelta(seconds=_FIRST_HEARTBEAT_S)
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    silent = [each for each in running if each.datetime_start is not None and each.datetime_start < latest]
    if not silent:
        return
    with storage.engine.connect() as connection:
        heard = {row[0] for row in connection.execute(text("SELECT trial_id FROM trial_heartbeats"))}
    for trial in silent:
        if trial._trial_id not in heard:
            storage.record_heartbeat(trial._trial_id)


def try_again(study: Study, trial: FrozenTrial, *, blamed: bool = True) -> None:
    """Puts the values of an unfinished trial in line again.

    Args:
        study: Where it is.
        trial: The unfinished one, which is or will be marked as failed.
        blamed: Whether the trial may be why it is unfinished; such are not tried for ever.
    """
    tries = trial.user_attrs.get(_TRIES, 1) + blamed
    if tries <= _MOST_TRIES and trial.number not in _replaced(study.get_trials(deepcopy=False)):
        study.enqueue_trial(trial.params, user_attrs={_INSTEAD_OF: trial.number, _TRIES: tries})


def counted(study: Study) -> list[FrozenTrial]:
    """All trials but those that wait, and those that others have taken the place of."""
    trials = study.get_trials(deepcopy=False)
    replaced = _replaced(trials)
    return [each for each in trials if each.state != TrialState.WAITING and each.number not in replaced]


def _replaced(trials: list[FrozenTrial]) -> set[int]:
    return {each.user_attrs[_INSTEAD_OF] for each in trials if _INSTEAD_OF in each.user_attrs}


def _connect(url: str, heartbeat_s: int, *, attempts: int = 10) -> RDBStorage:
    # A second process waits while a first one writes; SQLite's own patience of 5 s is short on a shared disk.
    options = {"connect_args": {"timeout": _SQLITE_PATIENCE_S}} if url.startswith("sqlite") else {}
    for left in reversed(range(attempts)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ExperimentalWarning)
                return RDBStorage(
                    url,
                    engine_kwargs=options,
                    heartbeat_interval=heartbeat_s,
                    grace_period=_GRACES * heartbeat_s,
                    heartbeat_stale_trial_callback=try_again,
                )
        except (SQLAlchemyError, StorageInternalError) as fault:
            # Of two processes that make the same tables at once, one finds that a table is there after all.
            if not left or ("exist" not in str(fault) and "UNIQUE" not in str(fault)):
                raise
            time.sleep(0.2)
    raise AssertionError


def _pruner(config: PrunerConfig) -> BasePruner:
    if config.method == "none":
        return NopPruner()
    return MedianPruner(n_startup_trials=config.whole_trials, n_warmup_steps=config.warmup_epochs)
