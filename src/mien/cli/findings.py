"""What `mien evaluate` says and writes of what it found out."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from mien.evaluate.evaluation import Evaluation
from mien.evaluate.findings import Findings
from mien.evaluate.markdown import markdown
from mien.evaluate.page import never_learnt, nothing_left, sections
from mien.evaluate.report import percent, share
from mien.files import check_outputs, write_text
from mien.report.document import Text
from mien.report.html import page
from mien.report.plots import require_matplotlib


def refuse_what_cannot_be_written(files: Mapping[str, Path | None], inputs: Sequence[Path]) -> None:
    """Raises before anything is measured what writing would raise after: `OutputError` or `MissingExtra`.

    Args:
        files: The files to be written, by form.
        inputs: What is read, and must not be written over.
    """
    check_outputs(files.values(), *inputs)
    if files["html"]:
        require_matplotlib()


def print_findings(model: str, findings: Findings) -> None:
    """Prints what else is to be known of the figures, a line for each."""
    if findings.leakage.never_learnt:
        typer.echo(never_learnt(findings.leakage.never_learnt))
    if findings.only_duplicates:
        typer.echo(nothing_left(findings.only_duplicates))
    for c in findings.comparisons:
        accuracy = c.differences["accuracy"]
        typer.echo(
            f"{c.protocol}: {model} less {findings.against}: {accuracy.value * 100:+.1f} points of accuracy "
            f"({accuracy.low * 100:+.1f} to {accuracy.high * 100:+.1f}), n = {c.images}, McNemar p = {c.p_value:.2g}: "
            f"{'beyond noise' if c.beyond_noise else 'within noise'}"
        )
    if worse := findings.robustness:
        typer.echo(
            f"{worse.protocol}, {worse.images} faces: {share(worse.clean)} % as they are, "
            f"{percent(worse.mean)} on average when made worse in {len(worse.worsened)} ways"
        )
    if parity := findings.parity:
        typer.echo(
            f"Parity: greatest difference {parity.greatest_difference:.2g} over {len(parity.rows)} ways of asking "
            f"about {parity.images} faces; {'within' if parity.holds else 'OVER'} {parity.tolerance:g}"
        )


def write_findings(evaluation: Evaluation, findings: Findings, files: Mapping[str, Path | None]) -> None:
    """Writes what was found out to the files named, by form: json, markdown, html."""
    parts = sections(evaluation, findings)
    title = f"{evaluation.model} on {evaluation.split}"
    lead = [Text(evaluation.caution, caution=True)] if evaluation.caution else []
    forms = {
        "json": lambda: json.dumps({**evaluation.to_dict(), **findings.to_dict()}, indent=2) + "\n",
        "markdown": lambda: markdown(evaluation, parts),
        "html": lambda: page(title, lead, parts),
    }
    for form, path in files.items():
        if path:
            write_text(path, forms[form]())
