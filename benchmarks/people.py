"""No speed: how often people agree with the figures' truths, and a model beside them.

    python benchmarks/people.py DATA [--model base] [--draws 30] [--out FILE.json]

DATA is FER2013 with FER+ votes (docs/data.md). Two questions, on PublicTest:

`panels`: some of the ten voters of each image are drawn as a panel, and the majority of the others becomes the truth,
by P2 and P4. How often does the panel's most frequent answer (by P2, of the four) meet it, and how often the model's?
Ties are drawn. With fewer voters left the truth is noisier: compare a panel and the model on the same truths alone.

`from_votes`: what FER2013's label is predicted to be (P1, P3) by a logistic regression on Training that knows the ten
votes on the image itself, the model's logits, or both. The model has learned from Training, so that the
regression trusts it there more than it may elsewhere.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _measure import machine, report
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mien.data.dataset import open_dataset
from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FERPLUS8, core4_positions
from mien.model.package import ExpressionModel, load_model
from mien.results import to_jsonable
from mien.stats import Estimate, estimates, resampled_sums

PANELS = (1, 2, 3, 5)
SEED = 0
Answers = NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="base")
    parser.add_argument("--draws", type=int, default=30)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    model = load_model(arguments.model)
    training, validation = open_dataset(arguments.data).read_for_training()
    training = training[training_rows_to_keep(training, validation)[0]]
    figures = {
        "machine": machine(["mien", "onnxruntime", "numpy", "scikit-learn"]),
        "model": {"name": arguments.model, "sha256": model.file.sha256},
        "draws": arguments.draws,
        "panels": list(panels(validation, model, arguments.draws)),
        "from_votes": list(from_votes(training, validation, model)),
    }
    report(figures, arguments.out)


def panels(faces: LabelledFaces, model: ExpressionModel, draws: int) -> Iterator[dict[str, Any]]:
    """Panels of each size beside the model, by P2 and P4."""
    logits = model.logits(faces.gray())[FERPLUS8.name]
    rng = np.random.default_rng(SEED)
    for size in PANELS:
        drawn = [panel(faces.votes, size, rng) for _ in range(draws)]
        for protocol, columns, target_of in (
            ("P2", list(core4_positions(FERPLUS8)), LabelledFaces.consensus_core4),
            ("P4", list(range(len(FERPLUS8))), LabelledFaces.majority),
        ):
            answer = logits[:, columns].argmax(axis=1)
            rounds = []
            for votes in drawn:
                others = replace(faces, votes=faces.votes - votes)
                rounds.append(scored(others, target_of, most_frequent(votes[:, columns], rng), answer))
            people, network, counted = np.sum(rounds, axis=0)
            yield {
                "people": size,
                "protocol": protocol,
                "images": round(float(counted.sum() / draws)),
                "panel": to_jsonable(over_draws(people, counted), 7),
                "model": to_jsonable(over_draws(network, counted), 7),
                "model_less_panel": to_jsonable(over_draws(network - people, counted), 7),
            }


def panel(votes: NDArray[np.int64], size: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The votes of `size` of each image's voters; none where nobody would be left."""
    return np.stack(
        [rng.multivariate_hypergeometric(row, size) if row.sum() > size else np.zeros_like(row) for row in votes]
    )


def most_frequent(votes: NDArray[np.int64], rng: np.random.Generator) -> Answers:
    """The column with the most votes in each row; ties are drawn."""
    return (votes + 0.5 * rng.random(votes.shape)).argmax(axis=1)


def scored(
    others: LabelledFaces, target_of: Callable[[LabelledFaces], Answers], panel_answer: Answers, model_answer: Answers
) -> NDArray[np.float64]:
    """Where the panel is right, where the model is, and which images count; shape (3, N)."""
    target = target_of(others)
    counted = target != NO_LABEL
    return np.stack([(panel_answer == target) & counted, (model_answer == target) & counted, counted]).astype(float)


def over_draws(right: NDArray[np.float64], counted: NDArray[np.float64]) -> Estimate:
    """The share right over all draws, with a 95 % bootstrap interval over the images."""
    sums = np.stack([right, counted], axis=1)
    resampled = resampled_sums(sums, 2000, np.random.default_rng(SEED))
    (share,) = estimates(np.array([right.sum() / counted.sum()]), (resampled[:, 0] / resampled[:, 1])[:, None])
    return share


def from_votes(training: LabelledFaces, validation: LabelledFaces, model: ExpressionModel) -> Iterator[dict[str, Any]]:
    """How well FER2013's label is foretold from the votes, from the model, and from both."""
    known = [
        {"votes": np.sqrt(faces.votes), "model": np.hstack(list(model.logits(faces.gray()).values()))}
        for faces in (training, validation)
    ]
    for protocol, target_of in (("P1", LabelledFaces.fer2013_core4), ("P3", lambda faces: faces.fer7)):
        taught, asked = target_of(training), target_of(validation)
        for names in (("votes",), ("model",), ("votes", "model")):
            features, new = (np.hstack([table[name] for name in names]) for table in known)
            regression = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
            regression.fit(features[taught != NO_LABEL], taught[taught != NO_LABEL])
            counted = asked != NO_LABEL
            right = int((regression.predict(new[counted]) == asked[counted]).sum())
            share = Estimate.of_proportion(right, int(counted.sum()))
            yield {
                "protocol": protocol,
                "known": list(names),
                "images": int(counted.sum()),
                "right": to_jsonable(share, 7),
            }


if __name__ == "__main__":
    main()
