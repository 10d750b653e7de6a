"""What a search leaves in its folder: tables of all trials, two plots and the best configuration."""

import csv
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import tomli_w
from optuna import Study
from optuna.exceptions import OptunaError
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from mien.errors import OutputError
from mien.files import replace_file
from mien.report.markdown import table
from mien.report.plots import Trials, search_history, share_bars
from mien.search.config import SearchConfig
from mien.search.storage import counted
from mien.search.trial import ELAPSED, METRICS, REASON, config_of, values_of

BEST = "best.toml"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
_FEWEST_FOR_IMPORTANCE = 4


@dataclass(frozen=True, slots=True)
class Selection:
    """What trials are trained and compared on.

    Attributes:
        split: What the data set calls the split of the validation faces.
        train: How many faces a trial is trained on.
        validation: How many its metric is measured on.
    """

    split: str
    train: int
    validation: int


def best_of(study: Study) -> FrozenTrial | None:
    """The finished trial with the best metric, if any has finished."""
    finished = [each for each in counted(study) if each.state == TrialState.COMPLETE]
    return study.best_trial if finished else None


def write_outputs(study: Study, config: SearchConfig, folder: Path, selection: Selection) -> None:
    """Writes tables, plots and the best configuration so far; raises `OutputError` if that cannot be done.

    Args:
        study: With the trials.
        config: What is searched.
        folder: Where the files go; it exists.
        selection: What the trials are trained and compared on.
    """
    trials = counted(study)
    rows = [_row(trial, config) for trial in trials]
    shares = _importances(study)
    best = best_of(study)
    note = (
        f"selected on {selection.split} ({selection.validation} faces), after {config.trial_epochs} epochs "
        f"on {selection.train} faces"
    )
    facts = {
        "search": study.study_name,
        "metric": config.metric,
        "direction": config.direction,
        "selected_on": selection.split,
        "faces": {"train": selection.train, "validation": selection.validation},
        "epochs": config.trial_epochs,
        "best": best.number if best else None,
        "importance": shares,
        "trials": rows,
    }
    files = {
        "trials.json": json.dumps(facts, indent=2) + "\n",
        "trials.csv": _csv(rows),
        "trials.md": _markdown(study.study_name, config, rows, note),
        "history.svg": history(trials, config),
    }
    if shares:
        files["importance.svg"] = share_bars(shares, f"importance for {config.metric} (share, PED-ANOVA)").decode()
    if best:
        head = f"# Trial {best.number} of the search {study.study_name!r}: {config.metric} {best.value:.4f},\n"
        head += f"# {note}.\n"
        files[BEST] = head + tomli_w.dumps(_without_none(config_of(config, best.params).model_dump(mode="json")))
    for name, text in files.items():
        _replace(folder / name, text)


def _row(trial: FrozenTrial, config: SearchConfig) -> dict[str, Any]:
    reported = trial.intermediate_values
    value = trial.value if trial.state == TrialState.COMPLETE else reported[max(reported)] if reported else None
    return {
        "trial": trial.number,
        "state": STATES[trial.state],
        config.metric: None if value is None else round(value, 5),
        "epochs": len(reported),
        "elapsed_s": trial.user_attrs.get(ELAPSED),
        "values": values_of(config, trial.params),
        "metrics": trial.user_attrs.get(METRICS, {}),
        "reason": trial.user_attrs.get(REASON, "its process died" if trial.state == TrialState.FAIL else ""),
    }


def _importances(study: Study) -> dict[str, float]:
    """Each key's share of what decides the metric, as far as the trials show it; sums to 1.

    Source: Watanabe et al., "PED-ANOVA: Efficiently Quantifying Hyperparameter Importance in Arbitrary Subspaces",
    IJCAI 2023.
    """
    values = [each.value for each in counted(study) if each.state == TrialState.COMPLETE]
    if len(values) < _FEWEST_FOR_IMPORTANCE or len(set(values)) == 1:
        return {}
    try:
        return {key: round(share, 4) for key, share in get_param_importances(study).items()}
    except (OptunaError, ValueError, RuntimeError):  # too few different trials, in its several ways to say so
        return {}


def _csv(rows: list[dict[str, Any]]) -> str:
    flat = []
    for row in rows:
        nested = {**row["values"], **row["metrics"]}
        flat.append({key: value for key, value in row.items() if key not in ("values", "metrics")} | nested)
    names = list(dict.fromkeys(name for row in flat for name in row))
    text = StringIO()
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    return text.getvalue()


def _markdown(name: str, config: SearchConfig, rows: list[dict[str, Any]], selection: str) -> str:
    sign = 1 if config.direction == "minimize" else -1
    order = list(STATES.values())

    def place(row: dict[str, Any]) -> tuple[int, float]:
        return order.index(row["state"]), sign * (row[config.metric] or 0)

    keys = list(config.space)
    cells = [
        (
            *map(_short, (row["trial"], row["state"], row[config.metric], row["epochs"], row["elapsed_s"])),
            *(_short(row["values"].get(key)) for key in keys),
            row["reason"],
        )
        for row in sorted(rows, key=place)
    ]
    note = "The best of many trials looks better than it is: measure it on other faces."
    head = ("trial", "state", config.metric, "epochs", "s", *keys, "reason")
    return f"# Search {name!r}\n\n{config.metric}, {selection}. {note}\n\n{table(head, cells)}\n"


def _short(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _without_none(table: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that are set: TOML has no null."""
    return {
        key: _without_none(value) if isinstance(value, Mapping) else value
        for key, value in table.items()
        if value is not None
    }


def _replace(path: Path, text: str) -> None:
    """Writes a file in one step: somebody may be reading it."""
    try:
        replace_file(path, text)
    except OSError as fault:
        raise OutputError(f"cannot write {path}: {fault.strerror}; what is finished is kept, so run again") from fault


def history(trials: Sequence[FrozenTrial], config: SearchConfig) -> str:
    """Each trial's metric and the best one so far, as SVG."""
    complete = [each for each in trials if each.state == TrialState.COMPLETE]
    pruned = [each for each in trials if each.state == TrialState.PRUNED and each.intermediate_values]
    shown = Trials(
        finished=[(each.number, each.value) for each in complete if each.value is not None],
        pruned=[(each.number, each.intermediate_values[max(each.intermediate_values)]) for each in pruned],
        failed=[each.number for each in trials if each.state == TrialState.FAIL],
        last=max((each.number for each in trials), default=0),
    )
    return search_history(shown, config.metric, smaller_is_better=config.direction == "minimize").decode()
