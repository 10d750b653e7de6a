"""A study's table as Markdown, CSV and JSON, and its plot, rewritten as the study goes on."""

import csv
import json
from io import StringIO
from pathlib import Path

from mien.errors import OutputError
from mien.report.format import NONE, nats, nats_interval, points, points_interval, share
from mien.report.markdown import table
from mien.report.plots import Mean, means_by_row, means_by_x
from mien.stats import Estimate
from mien.study.results import ArmResult, StudyResult
from mien.train.run.files import replace_file

REPORT = "report"


def plot(result: StudyResult) -> bytes:
    """The plot as SVG: arms one below the other, or by multiply-adds on a logarithmic axis."""
    code = result.study.config.protocol
    means = {
        name: Mean(arm.accuracy[code], arm.by_seed[code], arm.run.multiply_adds / 1e6)
        for name, arm in result.arms.items()
        if arm.run is not None
    }
    if result.study.config.x_axis == "multiply-adds":
        return means_by_x(means, "million multiply-adds for one face", f"accuracy by {code}, %")
    return means_by_row(means, f"accuracy by {code}, %", reference=result.study.reference)


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
        f"{name} {points(arm.against[protocol].estimate.value)} points of {protocol} against "
        f"{result.study.reference} ({points_interval(arm.against[protocol].estimate)}): {arm.against[protocol].verdict}"
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
        return (name, "failed" if arm.failed else "0", *[NONE] * (len(codes) + 4))
    return (
        name,
        str(len(arm.seeds)),
        *(share(arm.accuracy.get(code)) for code in codes),
        nats(arm.negative_log_likelihood[protocol]),
        f"{arm.run.multiply_adds / 1e6:.1f}",
        f"{arm.run.weights / 1e6:.2f}",
        f"{arm.run.elapsed_s:.0f}",
    )


def _against_row(name: str, arm: ArmResult, protocol: str) -> tuple[str, ...]:
    found = arm.against[protocol]
    difference, likelihood = found.estimate, found.likelihood
    p_value = NONE if found.p_value is None else f"{found.p_value:.3f}" if found.p_value >= 0.001 else "< 0.001"
    accuracy = (points(difference.value), points_interval(difference), p_value, found.verdict)
    return (name, *accuracy, f"{likelihood.value:+.3f}", nats_interval(likelihood))


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
