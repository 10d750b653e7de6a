"""How a model that is right on single images comes to be wrong on batches, or seems to: each cause on the same faces.

See docs/batch-or-single.md. Needs the extra `train`, FER2013 and, for batch normalization, the run that `base` was
exported from.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from _measure import machine, report
from numpy.typing import NDArray

from mien.data.dataset import open_dataset
from mien.data.split import Split, split_named
from mien.evaluate.protocols import P1
from mien.expressions import CORE4
from mien.model.calibration import probabilities
from mien.model.package import ExpressionModel, load_model
from mien.model.session import new_session
from mien.preprocess import Preprocessing, normalize
from mien.stats import SEED, Estimate

Labels = NDArray[np.int64]

DROPPED_BATCHES = (128, 1024)
NORM_BATCHES = (1, 2, 8, 32, 256)
HANDFULS = (10, 20, 128)


def main() -> None:
    """Measures every cause, prints the figures and writes them and their drawing where asked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="fer2013.csv, a Parquet file or a folder of either")
    parser.add_argument("--model", default="base", help="a shipped model or a model file")
    parser.add_argument("--run", type=Path, help="folder of the training run, for batch normalization")
    parser.add_argument("--split", type=split_named, default=Split.VALIDATION)
    parser.add_argument("--out", type=Path, help="write the figures to this file as JSON")
    parser.add_argument("--svg", type=Path, help="draw the figures into this file")
    arguments = parser.parse_args()
    figures = measured(arguments.data, arguments.model, arguments.run, arguments.split)
    report(figures, arguments.out)
    if arguments.svg:
        draw(figures, arguments.svg)


def measured(data: Path, model_name: str, run: Path | None, split: Split) -> dict[str, Any]:
    """Accuracy by P1 done rightly and with each mistake."""
    dataset = open_dataset(data)
    faces = dataset.read(split)
    faces = faces[P1.counts(faces)]
    target, model = P1.target(faces), load_model(model_name)
    answer = model.metadata.answer(P1.expressions.name)
    pixels = faces.gray()
    predictions = model.probabilities(pixels, P1.expressions.name).argmax(axis=1)

    def rescaled(factor: float) -> Labels:
        found = probabilities(_logits(model, pixels * factor), answer)
        return np.asarray(found.argmax(axis=1))

    order = np.random.default_rng(SEED).permutation(len(target))
    folders = in_folder_order(target)
    rows = [
        row("done rightly", predictions, target),
        row("shuffled images, labels in their old order", predictions[order], target),
        row("classes in alphabetical order", predictions, alphabetical(target)),
        row("images of 0 to 1 where 0 to 255 is due", rescaled(1 / 255), target),
        row("images of 0 to 65,025 where 0 to 255 is due", rescaled(255.0), target),
    ]
    for size in DROPPED_BATCHES:
        kept = folders[: len(target) // size * size]
        rows.append(row(f"last batch of {size} dropped, class by class", predictions[kept], target[kept]))
    if run:
        rows += _training_mode(run, pixels, target, order)
    return {
        "machine": machine(["numpy", "onnxruntime", "torch"]),
        "model": {"name": model.file.name, "sha256": model.file.sha256},
        "data": {"split": dataset.splits[split], "protocol": f"{P1.code} {P1.name}", "images": len(target)},
        "rows": rows,
        "handfuls": [handful(size, predictions == target) for size in HANDFULS],
    }


def row(mistake: str, predictions: Labels, target: Labels) -> dict[str, Any]:
    """Accuracy with Wilson's 95 % interval, and how often each class is answered; class positions of shape (N,)."""
    right = int((predictions == target).sum())
    shares = np.bincount(predictions, minlength=len(CORE4)) / len(predictions)
    return {
        "mistake": mistake,
        "images": len(target),
        "right": right,
        "accuracy": asdict(Estimate.of_proportion(right, len(target))),
        "answered": {label: round(float(share), 4) for label, share in zip(CORE4.labels, shares, strict=True)},
    }


def alphabetical(target: Labels) -> Labels:
    """The numbers that a reader of folders, which sorts their names, gives the classes of `CORE4`."""
    return np.argsort(np.argsort(CORE4.labels))[target]


def in_folder_order(target: Labels) -> Labels:
    """Positions of the images as such a reader gives them: class by class in alphabetical order."""
    return np.argsort(alphabetical(target), kind="stable")


def handful(size: int, right: NDArray[np.bool_]) -> dict[str, Any]:
    """What accuracy some images show if they are drawn by chance, and how far apart two such draws may lie.

    Args:
        size: How many images are looked at.
        right: Whether each image of the whole is answered rightly, of shape (N,).
    """
    from scipy.stats import binom  # noqa: PLC0415

    share = float(right.mean())
    low, high = binom.interval(0.95, size, share)
    of_first = binom.pmf(np.arange(size + 1), size, share)
    apart = np.convolve(of_first, of_first[::-1])  # of differences -size to size
    within = np.array([apart[size - most : size + most + 1].sum() for most in range(size + 1)])
    return {
        "images": size,
        "accuracy_95": [low / size, high / size],
        "two_draws_apart_95": int(np.argmax(within >= 0.95)) / size,
        "interval_if_all_right": asdict(Estimate.of_proportion(size, size)),
    }


def _logits(model: ExpressionModel, values: NDArray[np.float64]) -> dict[str, NDArray[np.float32]]:
    """Logits for gray values of shape (N, H, W) on whatever scale they are, which mien itself does not offer."""
    session = new_session(model.file.content, threads=None)
    names = [f"{head}_logits" for head in model.metadata.heads]
    faces = _normalized(values, model.metadata.input)
    parts = [session.run(names, {"faces": faces[start : start + 64]}) for start in range(0, len(faces), 64)]
    return {head: np.concatenate([part[i] for part in parts]) for i, head in enumerate(model.metadata.heads)}


def _normalized(values: NDArray[np.float64], preprocessing: Preprocessing) -> NDArray[np.float32]:
    return np.asarray(normalize(values[:, None], preprocessing), dtype=np.float32)


def _training_mode(run: Path, pixels: NDArray[np.uint8], target: Labels, order: Labels) -> list[dict[str, Any]]:
    """With normalization by the batch's own statistics; dropout is off, so that nothing else differs."""
    import torch  # noqa: PLC0415
    from torch import nn  # noqa: PLC0415

    from mien.export.onnx_graph import trained_network  # noqa: PLC0415
    from mien.expressions import FER7, core4_positions  # noqa: PLC0415
    from mien.train.run_record import read_record  # noqa: PLC0415

    network = trained_network(run, read_record(run))

    def predictions(positions: Labels, size: int) -> Labels:
        batches = torch.split(torch.from_numpy(pixels[positions][:, None]), size)
        with torch.inference_mode():
            fer7 = torch.cat([network(batch)[0] for batch in batches])
        return fer7[:, list(core4_positions(FER7))].argmax(dim=1).numpy()

    rows = [row("the same network in PyTorch, done rightly", predictions(order, 256), target[order])]
    for layer in network.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.train()
            layer.momentum = 0.0  # keep the statistics as they are
    for size in NORM_BATCHES:
        name = f"batch norm in training mode, {'single images' if size == 1 else f'batches of {size}'}"
        rows.append(row(name, predictions(order, size), target[order]))
    folders = in_folder_order(target)
    name = "batch norm in training mode, batches of 32, class by class"
    return [*rows, row(name, predictions(folders, 32), target[folders])]


def draw(figures: dict[str, Any], path: Path) -> None:
    """Accuracy with its interval for each mistake, as SVG."""
    import matplotlib as mpl  # noqa: PLC0415

    mpl.use("svg")
    import matplotlib.pyplot as plt  # noqa: PLC0415

    rows: Sequence[dict[str, Any]] = figures["rows"]
    with mpl.rc_context({"svg.hashsalt": "mien", "svg.fonttype": "none", "font.size": 10}):
        figure, axes = plt.subplots(figsize=(7.2, 0.36 * len(rows) + 1.1), layout="constrained")
        for place, shown in enumerate(rows):
            value, low, high = (100 * shown["accuracy"][key] for key in ("value", "low", "high"))
            axes.plot([low, high], [place, place], color="black")
            axes.plot(value, place, marker="D" if place == 0 else "o", markersize=4, color="black")
            axes.annotate(f"{value:.1f}", (high, place), xytext=(6, -3), textcoords="offset points")
        axes.axvline(100 * rows[0]["accuracy"]["value"], color="0.6", linestyle="--", linewidth=1, zorder=0)
        axes.set_yticks(range(len(rows)), [shown["mistake"] for shown in rows])
        axes.invert_yaxis()
        axes.set_xlim(0, 100)
        axes.set_xlabel(f"Accuracy %, {figures['data']['protocol'].split()[0]}")
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


if __name__ == "__main__":
    main()
