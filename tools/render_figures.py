"""Writes the figures in README and docs from the models' metadata and the newest files of `benchmarks/results`.

A figure stands between `<!-- figures: NAME -->` and `<!-- end -->`, and NAME says which of the functions below writes
what is between; so no figure is typed by hand, and a test fails where one differs from its source.

    python tools/render_figures.py          # writes them
    python tools/render_figures.py --check  # names the pages whose figures differ, and exits with 1
"""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mien.evaluate.protocols import PROTOCOLS
from mien.model.facts import ModelMetrics
from mien.model.package import find_model, load_model
from mien.report.format import nats, percent, points_with_interval, share, share_sign
from mien.results import to_jsonable
from mien.stats import Estimate

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"(<!-- figures: ([\w-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)
NAMES = {protocol.code: f"{protocol.code} `{protocol.name}`" for protocol in PROTOCOLS}
ASKED = {
    "P2b": "the four, as most of ten people see them, by a balanced prior: the default answers",
    "P2": "the same, by the prior of the training",
    "P1": "the four, as FER2013's label has them: answers of `core4-fer2013`",
    "P1c": "P2's answers against FER2013's label",
    "P3": "FER2013's seven labels",
    "P4": "FER+'s eight, by majority",
}
PEOPLE = {1: "one person", 2: "two", 3: "three", 5: "five"}


def newest(name: str) -> Any:
    """The newest results of one benchmark."""
    return json.loads(max(RESULTS.glob(f"????-??-??-{name}.json")).read_text("utf-8"))


def estimate(figure: Mapping[str, float]) -> str:
    """A share in per cent with its interval: `81.3 (79.6-82.7)`."""
    return share(Estimate(**figure))


def table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def megabytes(model: str) -> str:
    """Size of a shipped model's file in MB of 10^6 bytes."""
    size = len(find_model(model).content) / 1e6
    return f"{size:.1f}" if size >= 1 else f"{size:.2f}"


def stated_metrics(model: str) -> ModelMetrics:
    """What a shipped model's file says of how well it does."""
    metrics = load_model(model).metadata.metrics
    if metrics is None:
        raise SystemExit(f"{model} states no metrics; export it again")
    return metrics


def metrics_of(model: str) -> Mapping[str, Any]:
    """What a shipped model's file says of itself, without flip averaging, by protocol."""
    results = to_jsonable(stated_metrics(model).results)
    return {result["protocol"]: result for result in results if not result["flip_averaged"]}


def prose(*sentences: str) -> str:
    whole = re.sub(r"(?<=\d) (?=%|MB|ms)", "\0", " ".join(sentences))  # a figure and its unit stay together
    return textwrap.fill(whole, 120, break_on_hyphens=False, break_long_words=False).replace("\0", " ") + "\n"


def protocols(_: str) -> str:
    base, tiny = metrics_of("base"), metrics_of("tiny")
    measured = ["accuracy of `base`, %", "macro recall of `base`, %", "ECE of `base`, %", "accuracy of `tiny`, %"]
    head = ["protocol", "what is asked", "n", *measured]
    rows = []
    for code, asked in ASKED.items():
        of_base = (base[code][name] for name in ("accuracy", "balanced_accuracy", "calibration_error"))
        figures = *of_base, tiny[code]["accuracy"]
        rows.append([NAMES[code], asked, f"{base[code]['n']:,}", *map(estimate, figures)])
    return table(head, rows)


def people(_: str) -> str:
    panels = {panel["people"]: panel for panel in newest("people")["panels"] if panel["protocol"] == "P2"}
    person = {count: percent(panel["panel"]["value"]) for count, panel in panels.items()}
    model = {count: percent(panel["model"]["value"]) for count, panel in panels.items()}
    return prose(
        f"How good is P2's {percent(metrics_of('base')['P2']['accuracy']['value'])} %?",
        "Measured against what most of the remaining voters see,",
        f"one person is right on {person[1]} %, a panel of three on {person[3]} % and one of five on {person[5]} %;",
        f"`base` on {model[1]}, {model[3]} and {model[5]} % of the same targets",
        "([docs/evaluation.md](docs/evaluation.md#beside-people)).",
    )


def people_panels(_: str) -> str:
    panels = newest("people")["panels"]
    rows = []
    for count, name in PEOPLE.items():
        by_protocol = {panel["protocol"]: panel for panel in panels if panel["people"] == count}
        cells = [
            cell
            for panel in (by_protocol["P2"], by_protocol["P4"])
            for cell in (
                estimate(panel["panel"]),
                estimate(panel["model"]),
                points_with_interval(Estimate(**panel["model_less_panel"])),
            )
        ]
        rows.append([name, *cells])
    head = [cell for code in ("P2", "P4") for cell in (f"{code}: panel", f"{code}: `base`", "difference")]
    return table(["panel", *head], rows)


def labels_from_votes(_: str) -> str:
    known = {
        ("votes",): "what ten people see in it",
        ("model",): "`base`'s logits, both heads",
        ("votes", "model"): "both",
    }
    right = {(row["protocol"], tuple(row["known"])): row["right"] for row in newest("people")["from_votes"]}
    rows = [[name, *(estimate(right[code, key]) for code in ("P1", "P3"))] for key, name in known.items()]
    return table(["known of the image", "P1", "P3"], rows)


def photos(_: str) -> str:
    found = newest("photos")
    base, tiny = (next(row for row in found["models"] if row["model"] == name) for name in ("base", "tiny"))
    return prose(
        f"Of {found['photos']} real photos, labelled by one person, a face is found in {base['faces_found']}; on these",
        f"`base` agrees on {share_sign(Estimate(**base['accuracy']))},",
        f"`tiny` on {share_sign(Estimate(**tiny['accuracy']))}",
        "([benchmarks](benchmarks/README.md)).",
    )


def certainty(_: str) -> str:
    core = stated_metrics("base").certainty["core4"]
    angry, marked = core.uncertain_outside["anger"]
    return prose(
        f"On the half of PublicTest that was not used for calibration (n = {core.n:,} by P2b),",
        f"{100 * core.certain.value:.0f} % of the answers are certain and",
        f"{percent(1 - core.certain_wrong.value)} % of these are right,",
        f"against {percent(1 - core.wrong.value)} % of all answers.",
        f"Of the {angry} faces there that most people call angry,",
        f"{100 * marked.value:.0f} % are marked uncertain.",
    )


def speed(_: str) -> str:
    pipeline, startup = newest("pipeline"), newest("startup")
    stage = {name: times["median"] for name, times in pipeline["ms_per_photo"].items()}
    shipped = sum(path.stat().st_size for path in (ROOT / "src" / "mien" / "weights").glob("*.onnx")) / 1e6
    return prose(
        f"A photo of {pipeline['mean_megapixels']} megapixels with one face takes {stage['recognize']:.0f} ms",
        f"on one core of an {pipeline['machine']['processor']} (Zen 4): {stage['read']:.1f} to read the file,",
        f"{stage['detect']:.1f} to find the face, {stage['crop']:.1f} to crop it",
        f"and {stage['classify']:.1f} to classify it.",
        f"The light installation takes {startup['installed_mb']['total']:.0f} MB,",
        f"of which the models are {shipped:.1f} MB",
        "([benchmarks](benchmarks/README.md)).",
    )


def tiny_beside_base(_: str) -> str:
    def faces_per_s(name: str) -> float:
        rates = {(row["threads"], row["batch"]): row["faces_per_s"]["median"] for row in newest(name)["speed"]}
        return float(rates[1, 8])

    times = faces_per_s("model-tiny") / faces_per_s("model")
    return prose(
        f"`tiny` is the smaller model: {megabytes('tiny')} MB instead of {megabytes('base')}, and {times:.1f} times",
        "as fast on one core (8 faces a call); finding the faces takes as long as with `base`. `mien recognize",
        "--model tiny`. Both in float32 and in 8-bit integers, with and without flips:",
        "[docs/figures.md](docs/figures.md).",
    )


def all_figures(model: str, precision: str) -> Callable[[str], str]:
    """A table of all that `benchmarks/results/*-protocols.json` has of one model file."""

    def render(_: str) -> str:
        models = newest("protocols")["models"]
        results = next(row for row in models if (row["model"], row["precision"]) == (model, precision))["results"]
        head = ["protocol", "n", "flip", "accuracy", "balanced accuracy", "ECE", "NLL"]
        rows = [
            [NAMES[row["protocol"]], f"{row['n']:,}", "yes" if row["flip_averaged"] else "no"]
            + [estimate(row[key]) for key in ("accuracy", "balanced_accuracy", "calibration_error")]
            + [nats(Estimate(**row["negative_log_likelihood"]))]
            for row in results
        ]
        return table(head, rows)

    return render


def mistakes(before: str) -> str:
    """Fills n and accuracy into the table, whose last column, what one sees, is written by hand."""
    rows = {row["mistake"]: row for row in newest("batch-or-single")["rows"]}

    def fill(line: str) -> str:
        name, _, _, seen = (cell.strip() for cell in line.strip().strip("|").split("|"))
        if name not in rows:
            return line
        row = rows[name]
        return f"| {name} | {row['images']:,} | {estimate(row['accuracy'])} | {seen} |\n"

    return "".join(fill(line) for line in before.splitlines(keepends=True))


FIGURES: dict[str, Callable[[str], str]] = {
    "protocols": protocols,
    "people": people,
    "people-panels": people_panels,
    "labels-from-votes": labels_from_votes,
    "photos": photos,
    "certainty": certainty,
    "speed": speed,
    "tiny": tiny_beside_base,
    "base-fp32": all_figures("base", "fp32"),
    "base-int8": all_figures("base", "int8"),
    "tiny-fp32": all_figures("tiny", "fp32"),
    "tiny-int8": all_figures("tiny", "int8"),
    "mistakes": mistakes,
}


def rendered(text: str) -> str:
    """A page's text with every figure as its source has it."""
    return BLOCK.sub(lambda found: found[1] + FIGURES[found[2]](found[3]) + found[4], text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a figure differs")
    check = parser.parse_args().check
    differing = []
    for page in PAGES:
        text = page.read_text("utf-8")
        if (new := rendered(text)) != text:
            differing.append(page.relative_to(ROOT).as_posix())
            if not check:
                page.write_text(new, "utf-8")
    if differing:
        print("Figures differ:" if check else "Figures written:", ", ".join(differing))
    sys.exit(bool(check and differing))


if __name__ == "__main__":
    main()
