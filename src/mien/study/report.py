"""A study's table as Markdown, CSV and JSON, and its plot, rewritten as the study goes on."""

import csv
import json
from dataclasses import fields
from io import StringIO
from pathlib import Path
from typing import Any

from mien.errors import OutputError
from mien.files import replace_file
from mien.report.format import NONE, nats, nats_interval, points, points_interval, share
from mien.report.markdown import table
from mien.report.plots import Mean, means_by_row, means_by_x
from mien.results import to_jsonable
from mien.stats import Estimate
from mien.study.results import ArmResult, StudyResult

REPORT = "report"


def plot(result: StudyResult) -> bytes:
    """The plot as SVG: one row for each arm, or accuracy by multiply-adds on a logarithmic axis."""
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
        "json": json.dumps(_facts(result), indent=1) + "\n",
        "csv": _csv(result),
        "md": markdown(result),
    }
    try:
        for suffix, text in texts.items():
            replace_file(folder / f"{REPORT}.{suffix}", text)
    except OSError as fault:
        raise OutputError(f"cannot write the report to {folder}: {fault.strerror}") from fault


def markdown(result: StudyResult) -> str:
    """Both tables, what they are about, and which arms failed."""
    config, protocol = result.study.config, result.study.config.protocol
    parts = [f"# {config.title}", *([config.question] if config.question else []), _about(result)]
    codes = list(result.validation_faces)
    head = ("Arm", "Seeds", *(f"{code} %" for code in codes), f"NLL {protocol}", "M multiply-adds", "M weights", "s")
    parts.append(table(head, [_arm_row(name, arm, codes, protocol) for name, arm in result.arms.items()]))
    compared = [(name, arm) for name, arm in result.arms.items() if protocol in arm.comparison]
    if compared:
        parts.append(
            f"Accuracy by {protocol} minus that of `{result.study.reference}`, in percentage points, and negative "
            "log-likelihood likewise:"
        )
        head = ("Arm", "Points", "95 %", "p", "Verdict", "NLL", "95 %")
        parts.append(table(head, [_comparison_row(name, arm, protocol) for name, arm in compared]))
    parts += [f"Arm `{name}` failed: {arm.failed}" for name, arm in result.arms.items() if arm.failed]
    parts.append(f"![Accuracy by {protocol} of each arm]({REPORT}.svg)")
    return "\n\n".join(parts) + "\n"


def verdicts(result: StudyResult) -> list[str]:
    """One line for each arm that is compared with the reference."""
    protocol = result.study.config.protocol
    return [
        f"{name} minus {result.study.reference}: {points(found.accuracy.value)} points of {protocol} "
        f"({points_interval(found.accuracy)}): {found.verdict}"
        for name, arm in result.arms.items()
        if (found := arm.comparison.get(protocol))
    ]


def _about(result: StudyResult) -> str:
    config = result.study.config
    source = result.source or "a data set without a name"
    counts = ", ".join(f"{code} {count:,}" for code, count in result.validation_faces.items())
    folds = "" if config.data.folds is None else f" (each seed in {config.data.folds} folds)"
    return (
        f"{result.finished} of {result.planned} trainings are finished{folds}. Each is trained on "
        f"{result.training_faces:,} faces of {source}; validation faces: {counts}. Means over seeds, with 95 % "
        "intervals over seeds and faces; NLL in nats, at the temperature that is best on these faces; s: seconds of a "
        "training. p is corrected for the number of arms (Holm)." + _changed_in_between(result)
    )


def _changed_in_between(result: StudyResult) -> str:
    text = ""
    if len(result.commits) > 1:
        text += f" The source changed in between ({', '.join(result.commits)}); arms may differ because of that."
    if result.changed_sources:
        names = ", ".join(result.changed_sources)
        text += f" Models that {names} started from or was taught by changed between seeds."
    return text


def _facts(result: StudyResult) -> dict[str, Any]:
    config = result.study.config
    about = {
        "study": result.study.name,
        "title": config.title,
        "reference": result.study.reference,
        "protocol": config.protocol,
    }
    return about | {each.name: to_jsonable(getattr(result, each.name), digits=7) for each in fields(result)[1:]}


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


def _comparison_row(name: str, arm: ArmResult, protocol: str) -> tuple[str, ...]:
    found = arm.comparison[protocol]
    difference, likelihood = found.accuracy, found.negative_log_likelihood
    p_value = NONE if found.p_value is None else f"{found.p_value:.3f}" if found.p_value >= 0.001 else "< 0.001"
    accuracy = (points(difference.value), points_interval(difference), p_value, found.verdict)
    return (name, *accuracy, f"{likelihood.value:+.3f}", nats_interval(likelihood))


def _csv(result: StudyResult) -> str:
    protocol = result.study.config.protocol
    file = StringIO()
    rows = [_csv_row(name, arm, list(result.validation_faces), protocol) for name, arm in result.arms.items()]
    writer = csv.DictWriter(file, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def _csv_row(name: str, arm: ArmResult, codes: list[str], protocol: str) -> dict[str, object]:
    row: dict[str, object] = {"arm": name, "seeds": len(arm.seeds)}
    for prefix, metrics in (("", arm.accuracy), ("nll_", arm.negative_log_likelihood)):
        for code in codes:
            row |= _csv_cells(f"{prefix}{code}", metrics.get(code))
    run, found = arm.run, arm.comparison.get(protocol)
    row |= (
        {"multiply_adds": run.multiply_adds, "weights": run.weights, "elapsed_s": run.elapsed_s}
        if run
        else dict.fromkeys(("multiply_adds", "weights", "elapsed_s"))
    )
    row |= _csv_cells(f"difference_{protocol}", found.accuracy if found else None)
    row |= _csv_cells(f"difference_nll_{protocol}", found.negative_log_likelihood if found else None)
    return row | {
        "p_holm": found.p_value if found else None,
        "verdict": found.verdict if found else "",
        "failed": arm.failed or "",
    }


def _csv_cells(name: str, estimate: Estimate | None) -> dict[str, object]:
    values = (estimate.value, estimate.low, estimate.high) if estimate else (None, None, None)
    return dict(zip((name, f"{name}_low", f"{name}_high"), values, strict=True))
