"""Parts of the model card: the file beside its network, how sure it is, and its surest mistakes."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mien.train.package.plots import CALIBRATION, RISK

_PRECISIONS = {
    "fp32": "Weights and arithmetic are in float32",
    "fp16": "Weights are stored in float16; arithmetic is in float32",
    "int8": "Convolutions are in 8-bit integers (weights in 7 bits, by channel; activations in the ranges that "
    "{range_faces} faces of the training set gave them), the two heads in float32",
}
_COVERAGES = (0.95, 0.9, 0.8)


def about_export(export: Mapping[str, Any]) -> str:
    """Precision and form of the file, and how it compares with the network it was made of."""
    found = export["parity"]
    batch = next(iter(export["inputs"].values()))[0]
    size = "any number of faces at once" if isinstance(batch, str) else f"{batch} faces at once"
    agreement = ", ".join(f"{_share(share)} (`{name}`)" for name, share in found["agreement"].items())
    rows = [
        (code, _share(found["network_accuracy"][code]), _share(accuracy))
        for code, accuracy in found["accuracy"].items()
    ]
    precision = _PRECISIONS[export["precision"]].format(**export)
    return (
        f"{precision}; ONNX opset {export['opset']}; {size}. Logits differ from the trained network's by at most "
        f"{found['greatest_difference']:.2g} (mean {found['mean_difference']:.1g}), and the answers are the same "
        f"on {agreement} of the held-out faces. Share right:\n\n"
        f"{table(('protocol', 'network', 'this file'), rows)}"
    )


def about_certainty(certainty: Mapping[str, Any], least_support: Mapping[str, float], plots: str) -> str:
    """ECE, risk by coverage and the mark `uncertain`, with both plots.

    Args:
        certainty: By set, what `mien.train.package.certainty.Certainty.to_dict` gives.
        least_support: The model's thresholds.
        plots: Name of the folder beside the card that has the plots.
    """
    if not certainty:
        return "There were too few faces to measure it."
    ranked = [
        (
            f"`{name}`",
            str(c["n"]),
            f"{_share(c['calibration_error'])} ({_share(c['error_by_chance'])})",
            _share(c["wrong"]["value"]),
            *_risks(c),
            f"{c['aurc']:.4f}",
        )
        for name, c in certainty.items()
    ]
    marked = [
        (f"`{name}`", f"{least_support[name]:.2f}", percent(c["certain"]), percent(c["certain_wrong"]))
        for name, c in certainty.items()
    ]
    outside = [
        (f"`{name}`", label, str(share["n"]), percent(share))
        for name, c in certainty.items()
        for label, share in c["uncertain_outside"].items()
    ]
    at = tuple(f"at {coverage:.0%}".replace("%", " %") for coverage in _COVERAGES)
    parts = [
        "Measured on the half of the held-out faces that calibration has not seen.",
        f"![Share right by probability]({plots}/{CALIBRATION})",
        "ECE, in brackets what it would be if all probabilities were exactly right, since chance alone gives some; and "
        'wrong answers where only the best supported faces are answered: "at 90 %" leaves out a tenth of them.',
        table(("set", "n", "ECE", "all answered", *at, "AURC"), ranked),
        f"![Share of wrong answers by coverage]({plots}/{RISK})",
        "An answer is marked **uncertain** where its support is under a threshold, chosen on the other half so that "
        "90 % of the faces with a truth are certain there. Support is the probability; for the two core sets it is "
        "multiplied by that of the face showing one of the four at all.",
        table(("set", "threshold", "certain", "of these wrong"), marked),
    ]
    if outside:
        parts.append("Faces that show none of the four have no right answer there and should be uncertain. They are:")
        parts.append(table(("set", "truth", "n", "uncertain"), outside))
    return "\n\n".join(parts)


def about_failures(failures: Sequence[Mapping[str, Any]]) -> str:
    """The surest wrong answers as a table of files or rows of the data; no pictures, which are not ours to give."""
    if not failures:
        return "It makes none on the held-out faces."
    # Models of the first version have rows alone.
    by = "row" if failures[0].get("file") is None else "file"
    where = "row of the held-out faces' source (from 0)" if by == "row" else "picture file"
    rows = [(str(f[by]), f["truth"], f["answer"], _share(f["probability"])) for f in failures]
    return (
        f"The wrong `core4` answers with the highest probability, by {where}. Labels are wrong, too. "
        "`mien export --failures` shows the pictures.\n\n"
        f"{table((by, 'truth', 'answer', 'probability'), rows)}"
    )


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def percent(estimate: Mapping[str, float]) -> str:
    """A share with its interval: `88.9 % (87.7 % to 90.0 %)`."""
    return f"{_share(estimate['value'])} ({_share(estimate['low'])} to {_share(estimate['high'])})"


def _risks(certainty: Mapping[str, Any]) -> list[str]:
    by_coverage = dict(zip(certainty["coverage"], certainty["risk"], strict=True))
    return [_share(by_coverage[coverage]) for coverage in _COVERAGES]


def _share(share: float) -> str:
    return f"{share:.1%}".replace("%", " %")
