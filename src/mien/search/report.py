"""What a search leaves in its folder: tables of all trials, two plots and the best configuration."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from io import StringIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w
from optuna import Study
from optuna.exceptions import OptunaError
from optuna.importance import get_param_importances
from optuna.trial import FrozenTrial, TrialState

from mien.errors import OutputError
from mien.evaluate.report import table
from mien.report.plots import GUIDE, INK, svg
from mien.search.config import SearchConfig
from mien.search.storage import counted
from mien.search.trial import ELAPSED, METRICS, REASON, config_of, values_of
from mien.train.run.files import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEST = "best.toml"
STATES = {
    TrialState.COMPLETE: "finished",
    TrialState.PRUNED: "pruned",
    TrialState.FAIL: "failed",
    TrialState.RUNNING: "running",
}
_FEWEST_FOR_IMPORTANCE = 4


def best_of(study: Study) -> FrozenTrial | None:
    """The finished trial with the best metric, if any has finished."""
    finished = [each for each in counted(study) if each.state == TrialState.COMPLETE]
    return study.best_trial if finished else None


def write_outputs(study: Study, config: SearchConfig, folder: Path, faces: Mapping[str, int]) -> None:
    """Writes all that the trials so far give; raises `OutputError` if that cannot be done.

    Args:
        study: With the trials.
        config: What is searched.
        folder: Where the files go; it exists.
        faces: How many faces a trial learnt from and was measured on, by what they are for.
    """
    trials = counted(study)
    rows = [_row(trial, config) for trial in trials]
    shares = _importances(study)
    best = best_of(study)
    selection = (
        f"selected on {config.selected_on} ({faces['validation']} faces), after {config.trial_epochs} epochs "
        f"on {faces['train']} faces"
    )
    facts = {
        "search": study.study_name,
        "metric": config.metric,
        "direction": config.direction,
        "selected_on": config.selected_on,
        "faces": dict(faces),
        "epochs": config.trial_epochs,
        "best": best.number if best else None,
        "importance": shares,
        "trials": rows,
    }
    files = {
        "trials.json": json.dumps(facts, indent=2) + "\n",
        "trials.csv": _csv(rows),
        "trials.md": _markdown(study.study_name, config, rows, selection),
        "history.svg": _history(trials, config.metric, smaller_is_better=config.direction == "minimize"),
    }
    if shares:
        files["importance.svg"] = _importance(shares, config.metric)
    if best:
        head = f"# Trial {best.number} of the search {study.study_name!r}: {config.metric} {best.value:.4f},\n"
        head += f"# {selection}.\n"
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
            row["reason"].replace("|", "/"),
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


def _history(trials: Sequence[FrozenTrial], metric: str, *, smaller_is_better: bool) -> str:
    """Each trial's metric in the order of their numbers, and the best one so far."""
    better: Callable[[float, float], float] = min if smaller_is_better else max
    complete = [each for each in trials if each.state == TrialState.COMPLETE]
    finished = [(each.number, each.value) for each in complete if each.value is not None]
    pruned = [
        (each.number, each.intermediate_values[max(each.intermediate_values)])
        for each in trials
        if each.state == TrialState.PRUNED and each.intermediate_values
    ]
    failed = [each.number for each in trials if each.state == TrialState.FAIL]

    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - loaded when something is drawn

    def draw(axes: "Axes") -> None:
        if finished:
            numbers, values = zip(*finished, strict=True)
            best = [*accumulate(values, better)]
            last = max(each.number for each in trials)
            axes.step([*numbers, last], [*best, best[-1]], where="post", color=GUIDE, linestyle="--", linewidth=1,
                label="best so far")  # fmt: skip
            axes.plot(numbers, values, "o", color=INK, markersize=4, label="finished")
        if pruned:
            axes.plot(*zip(*pruned, strict=True), "v", color=INK, markerfacecolor="white", markersize=5,
                label="pruned, at its last epoch")  # fmt: skip
        if failed:
            places = [0.02] * len(failed)
            axes.plot(failed, places, "x", color=INK, markersize=5, transform=axes.get_xaxis_transform(),
                label="failed")  # fmt: skip
        axes.set(xlabel="trial", ylabel=f"{metric}, {'smaller' if smaller_is_better else 'greater'} is better")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.margins(y=0.12)
        if trials:
            axes.figure.legend(frameon=False, loc="outside upper center", ncols=2)

    return svg(draw, (5.0, 3.4)).decode()


def _importance(shares: Mapping[str, float], metric: str) -> str:
    """Each key's share of what decides the metric, the greatest on top."""

    def draw(axes: "Axes") -> None:
        bars = axes.barh(list(shares), list(shares.values()), height=0.6, color=GUIDE, edgecolor=INK)
        axes.bar_label(bars, [f"{share:.0%}" for share in shares.values()], padding=3)
        axes.invert_yaxis()
        axes.margins(x=0.15)
        axes.set(xlabel=f"importance for {metric} (share, PED-ANOVA)", xlim=(0, None))

    return svg(draw, (5.0, 0.8 + 0.32 * len(shares))).decode()
