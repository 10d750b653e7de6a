"""An evaluation as Markdown."""

from collections.abc import Iterable, Sequence

from mien.evaluate.evaluation import Evaluation, Result
from mien.stats import Estimate

FLIP = "flip: probabilities averaged over the face and its mirror image."
"""Explains the word in every table."""

FIGURES = ("Accuracy %", "Balanced accuracy %", "Macro-F1 %", "Calibration error %", "NLL", "KL to votes")
"""Heads of the columns that `figures` fills."""

_NONE = "-"  # where there is no such figure


def percent(share: float) -> str:
    """A share in per cent to one decimal, without the sign."""
    return f"{share * 100:.1f}"


def interval(share: Estimate) -> str:
    """The interval of a share in per cent: `79.6-82.7`."""
    return f"{percent(share.low)}-{percent(share.high)}"


def markdown(evaluation: Evaluation) -> str:
    """All figures as Markdown: one table of all results, then recall and confusion matrix of each protocol.

    Recall and confusion are of the plain results over all images; `Evaluation.to_dict` holds those of the others.
    """
    rows = [
        (
            f"{r.protocol.code} `{r.protocol.name}`",
            "flip" if r.flip_averaged else "plain",
            "left out" if r.without_duplicates else "in",
            str(r.metrics.n),
            *figures(r),
        )
        for r in evaluation.results
    ]
    parts = [f"Model `{evaluation.model}` on {evaluation.split}; 95 % intervals in brackets. {FLIP}"]
    if evaluation.caution:
        parts.append(f"**{evaluation.caution[0].upper()}{evaluation.caution[1:]}.**")
    parts.append(table(("Protocol", "Prediction", "Duplicates", "n", *FIGURES), rows))
    plain = [r for r in evaluation.results if not r.flip_averaged and not r.without_duplicates]
    parts += [_classes(result) for result in plain]
    return "\n\n".join(parts) + "\n"


def share(estimate: Estimate | None) -> str:
    """A share in per cent with its interval: `81.3 (79.6-82.7)`; `-` for none."""
    return f"{percent(estimate.value)} ({interval(estimate)})" if estimate else _NONE


def figures(result: Result) -> tuple[str, ...]:
    """A result's figures with their intervals, as `FIGURES` names them."""
    m = result.metrics
    shares = (m.accuracy, m.balanced_accuracy, m.macro_f1, m.calibration_error)
    return (*map(share, shares), _nats(m.negative_log_likelihood), _nats(m.kl_to_votes))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _nats(estimate: Estimate | None) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})" if estimate else _NONE


def _classes(result: Result) -> str:
    m = result.metrics
    rows = [
        (label, share(m.recall.get(label)), *(f"{cell.value:.0f}" for cell in row))
        for label, row in zip(m.labels, m.confusion, strict=True)
    ]
    head = f"{result.protocol.code} `{result.protocol.name}`, n = {m.n}: recall, and images by predicted class"
    return f"{head}\n\n{table(('Truth', 'Recall %', *m.labels), rows)}"
