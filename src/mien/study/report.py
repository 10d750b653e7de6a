"""A study's table as Markdown, CSV and JSON, and its plot, rewritten as the study goes on."""

import csv
import json
from io import StringIO
from pathlib import Path

from mien.errors import OutputError
from mien.evaluate.metrics import Estimate
from mien.evaluate.report import share, table
from mien.files import replace_file
from mien.study.plot import plot
from mien.study.results import ArmResult, StudyResult

REPORT = "report"

_NONE = "-"


def write_report(result: StudyResult, folder: Path) -> None:
    """Writes `report.md`, `.csv`, `.json` and `.svg` in place of those that are there, each in one step.

    Raises:
        OutputError: If they cannot be written.
    """
    texts = {
        "svg": plot(result).decode(),
        "json": json.dumps(result.to_dict(), indent=1) + "\n",
        "csv": _csv(result),
        "md": markdown(result),
    }
    try:
        for suffix, text in texts.items():
            replace_file(folder / f"{REPORT}.{suffix}", text)
    except OSError as fault:
        raise OutputError(f"cannot write the report to {folder}: {fault.strerror}") from fault


def markdown(result: StudyResult) -> str:
    """Both tables, what they are about, and what failed."""
    config, protocol = result.study.config, result.study.config.protocol
    parts = [f"# {config.title}", *([config.question] if config.question else []), _about(result)]
    codes = list(result.images)
    head = ("Arm", "Seeds", *(f"{code} %" for code in codes), f"NLL {protocol}", "M multiply-adds", "M weights", "s")
    parts.append(table(head, [_arm_row(name, arm, codes, protocol) for name, arm in result.arms.items()]))
    compared = [(name, arm) for name, arm in result.arms.items() if protocol in arm.against]
    if compared:
        parts.append(
            f"Accuracy by {protocol} minus that of `{result.study.reference}`, in percentage points, and negative "
            "log-likelihood likewise:"
        )
        head = ("Arm", "Points", "95 %", "p", "So", "NLL", "95 %")
        parts.append(table(head, [_against_row(name, arm, protocol) for name, arm in compared]))
    parts += [f"Arm `{name}` failed: {arm.failed}" for name, arm in result.arms.items() if arm.failed]
    parts.append(f"![Accuracy by {protocol} of each arm]({REPORT}.svg)")
    return "\n\n".join(parts) + "\n"


def findings(result: StudyResult) -> list[str]:
    """What the study says, a line for each arm that is compared."""
    protocol = result.study.config.protocol
    return [
        f"{name} {arm.against[protocol].estimate.value * 100:+.1f} points of {protocol} against "
        f"{result.study.reference} ({_points(arm.against[protocol].estimate)}): {arm.against[protocol].verdict}"
        for name, arm in result.arms.items()
        if protocol in arm.against
    ]


def _about(result: StudyResult) -> str:
    config, (finished, planned) = result.study.config, result.trainings
    source = result.source or "a data set without a name"
    counts = ", ".join(f"{code} {count:,}" for code, count in result.images.items())
    folds = "" if config.data.folds is None else f" (each seed in {config.data.folds} folds)"
    return (
        f"{finished} of {planned} trainings are finished{folds}. Each learns from {result.learnt:,} faces of "
        f"{source}; faces measured: {counts}. Means over seeds, with 95 % intervals over seeds and faces; NLL in nats, "
        "at the temperature that suits the faces best; s: seconds of one training. p is raised for the number of arms "
        "(Holm)." + _changed_in_between(result)
    )


def _changed_in_between(result: StudyResult) -> str:
    told = ""
    if len(result.commits) > 1:
        told += f" The source has changed in between ({', '.join(result.commits)}): arms may differ for that."
    if result.mixed:
        told += f" What {', '.join(result.mixed)} learnt from has changed between seeds."
    return told


def _arm_row(name: str, arm: ArmResult, codes: list[str], protocol: str) -> tuple[str, ...]:
    if arm.run is None:
        return (name, "failed" if arm.failed else "0", *[_NONE] * (len(codes) + 4))
    loss = arm.negative_log_likelihood[protocol]
    return (
        name,
        str(len(arm.seeds)),
        *(share(arm.accuracy.get(code)) for code in codes),
        f"{loss.value:.3f} ({loss.low:.3f}-{loss.high:.3f})",
        f"{arm.run.multiply_adds / 1e6:.1f}",
        f"{arm.run.weights / 1e6:.2f}",
        f"{arm.run.elapsed_s:.0f}",
    )


def _against_row(name: str, arm: ArmResult, protocol: str) -> tuple[str, ...]:
    found = arm.against[protocol]
    points, nats = found.estimate, found.likelihood
    p_value = _NONE if found.p_value is None else f"{found.p_value:.3f}" if found.p_value >= 0.001 else "< 0.001"
    accuracy = (f"{points.value * 100:+.1f}", _points(points), p_value, found.verdict)
    return (name, *accuracy, f"{nats.value:+.3f}", f"{nats.low:+.3f} to {nats.high:+.3f}")


def _points(estimate: Estimate) -> str:
    return f"{estimate.low * 100:+.1f} to {estimate.high * 100:+.1f}"


def _csv(result: StudyResult) -> str:
    protocol = result.study.config.protocol
    file = StringIO()
    rows = [_csv_row(name, arm, list(result.images), protocol) for name, arm in result.arms.items()]
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _csv_row(name: str, arm: ArmResult, codes: list[str], protocol: str) -> dict[str, object]:
    row: dict[str, object] = {"arm": name, "seeds": len(arm.seeds)}
    for prefix, figures in (("", arm.accuracy), ("nll_", arm.negative_log_likelihood)):
        for code in codes:
            row |= _csv_cells(f"{prefix}{code}", figures.get(code))
    run, found = arm.run, arm.against.get(protocol)
    row |= (
        {"multiply_adds": run.multiply_adds, "weights": run.weights, "elapsed_s": run.elapsed_s}
        if run
        else dict.fromkeys(("multiply_adds", "weights", "elapsed_s"))
    )
    row |= _csv_cells(f"difference_{protocol}", found.estimate if found else None)
    row |= _csv_cells(f"difference_nll_{protocol}", found.likelihood if found else None)
    return row | {
        "p_holm": found.p_value if found else None,
        "verdict": found.verdict if found else "",
        "failed": arm.failed or "",
    }


def _csv_cells(name: str, estimate: Estimate | None) -> dict[str, object]:
    values = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
