"""What the golden reports are made from: faces, models, answers and trials that are the same on every machine.

Nothing is trained, no random generator of a library is used, and the model's weights and inputs are whole numbers
(times a power of two) small enough for float32 to add up without rounding, in whatever order. Everything is handed over
in the files that a user would have, so that no module of mien is imported here.
"""

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from hashlib import shake_256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FER7 = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
FERPLUS8 = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
CORE4 = ("happy", "sad", "surprise", "neutral")
SETS = {"core4": CORE4, "core4-fer2013": CORE4, "fer7": FER7, "ferplus8": FERPLUS8}
SPLITS = {"Training": 84, "PublicTest": 56, "PrivateTest": 21}

_FERPLUS8_OF_FER7 = (4, 5, 6, 1, 3, 2, 0)
_SIDE = 48
_Y, _X = np.mgrid[:_SIDE, :_SIDE]
_BEND = (_X - 24) ** 2 // 14  # how far a mouth's corners leave the level, in pixels
_MOUTHS = {
    "angry": abs(_Y - 34) + abs(_X - 24) // 3 < 4,
    "disgust": abs(_Y - 34 - (_X // 3 % 2) * 3) < 2,
    "fear": (abs(_Y - 35) < 5) & (abs(_X - 24) < 10),
    "happy": abs(_Y - 38 + _BEND) < 2,
    "sad": abs(_Y - 32 - _BEND) < 2,
    "surprise": (_Y - 36) ** 2 + 2 * (_X - 24) ** 2 < 50,
    "neutral": abs(_Y - 34) < 2,
}


def _bytes(count: int, *key: object) -> NDArray[np.int64]:
    """So many whole numbers of 0 to 255, always the same for a key."""
    return np.frombuffer(shake_256(repr(key).encode()).digest(count), dtype=np.uint8).astype(np.int64)


def face(expression: str, number: int) -> NDArray[np.uint8]:
    """One drawn face, uint8 of shape (48, 48); those of other numbers differ in light, contrast and noise."""
    light, contrast, down, right = _bytes(4, "light", expression, number).tolist()
    skin = 130 + light // 3
    picture = np.full((_SIDE, _SIDE), 30 + contrast // 4, dtype=np.int64)
    picture[(_X - 24) ** 2 * 3 + (_Y - 24) ** 2 * 2 < 1000] = skin
    picture[(_Y - 18) ** 2 + (abs(_X - 24) - 9) ** 2 < 12] = 20
    mouth = _mouth(expression)
    picture[np.roll(mouth, (down % 3 - 1, right % 3 - 1), (0, 1))] = skin - 30 - contrast // 3
    noise = _bytes(_SIDE**2, "noise", expression, number).reshape(_SIDE, _SIDE) % 25 - 12
    return np.clip(picture + noise, 0, 255).astype(np.uint8)


def _mouth(expression: str) -> NDArray[np.bool_]:
    return np.asarray(_MOUTHS[expression] & (abs(_X - 24) < 12) & (_Y < 46))


class Example:
    """A labelled face: `pixels`, `label` (position in FER7), `votes` (FER+'s eight, unknown, no face) and `split`."""

    def __init__(self, number: int, split: str) -> None:
        shown = number % 7
        self.number, self.split = number, split
        self.pixels = face(FER7[shown], number)
        self.label = (shown + 2) % 7 if number % 9 == 4 else shown
        self.votes = [0] * 10
        self.votes[_FERPLUS8_OF_FER7[shown]] = 7
        self.votes[_FERPLUS8_OF_FER7[(shown + number) % 7]] += 2
        self.votes[7 + number % 2] += 1
        if number % 16 == 10:  # the voters see something else, such as a wrongly happy face
            self.votes[_FERPLUS8_OF_FER7[(shown + 1) % 7]] += 8
        if number % 23 == 11:
            self.votes = [2, 0, 0, 0, 0, 0, 0, 1, 0, 7]


def examples() -> list[Example]:
    """The labelled faces of all splits; among them are a flat one, and copies of faces to learn from."""
    splits = [split for split, count in SPLITS.items() for _ in range(count)]
    made = [Example(number, split) for number, split in enumerate(splits)]
    made[30].pixels = np.full((_SIDE, _SIDE), 90, dtype=np.uint8)
    made[12].pixels = made[5].pixels
    for copy, original in ((90, 6), (91, 7), (99, 2)):
        made[copy].pixels = made[original].pixels
    near = made[8].pixels.astype(np.int64) + _bytes(_SIDE**2, "near").reshape(_SIDE, _SIDE) % 3 - 1
    made[100].pixels = np.clip(near, 0, 255).astype(np.uint8)
    return made


def write_fer2013(folder: Path) -> Path:
    """Writes the faces as `fer2013.csv`, with their votes beside it, and returns the former."""
    folder.mkdir(parents=True, exist_ok=True)
    made = examples()
    _write_rows(
        folder / "fer2013.csv",
        ("emotion", "pixels", "Usage"),
        ((one.label, " ".join(map(str, one.pixels.ravel().tolist())), one.split) for one in made),
    )
    _write_rows(folder / "fer2013new.csv", (*FERPLUS8, "unknown", "NF"), (one.votes for one in made))
    return folder / "fer2013.csv"


def write_class_folders(folder: Path) -> Path:
    """Writes PublicTest as pictures of a data set of one's own, with one class called otherwise; returns its folder."""
    for one in examples():
        if one.split == "PublicTest":
            name = "joy" if FER7[one.label] == "happy" else FER7[one.label]
            place = folder / "validation" / name / f"{one.number}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(one.pixels).save(place)
    return folder


def write_answers(path: Path) -> Path:
    """Writes another tool's answers for all faces as CSV: mostly right, in whole per cent."""
    rows: list[list[object]] = []
    for one in examples():
        sure = 40 + one.number * 7 % 55
        shares = [(100 - sure) // 6] * 7
        shares[(one.number + (one.number % 5 == 0)) % 7] += 100 - sum(shares)
        rows.append([one.number, *(f"{share / 100:.2f}" for share in shares)])
    _write_rows(path, ("row", *FER7), rows)
    return path


def _write_rows(path: Path, head: Sequence[str], rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def template_weights(classes: Sequence[int | None]) -> NDArray[np.float32]:
    """For each class, a face's likeness to the mouth of that position in FER7; shape (48 * 48, K)."""
    drawn = np.stack([16 * _mouth(expression).ravel().astype(np.int64) for expression in FER7])
    own = drawn - drawn.sum(axis=0) // 7
    nothing = np.zeros(_SIDE**2, dtype=np.int64)
    chosen = np.stack([nothing if position is None else -own[position] for position in classes], axis=1)
    return chosen.astype(np.float32) / 2**12


def ferplus8_positions() -> tuple[int | None, ...]:
    """Where each of FER+'s classes stands in FER7; contempt has no place there."""
    return (*(_FERPLUS8_OF_FER7.index(position) for position in range(7)), None)


def write_model(path: Path) -> Path:
    """Writes a model file as `mien export` would: a linear network whose weights are drawn mouths."""
    _write_onnx(path, {"fer7_logits": tuple(range(7)), "ferplus8_logits": ferplus8_positions()}, _metadata())
    return path


def write_foreign_model(path: Path) -> Path:
    """Writes a model that is not of mien with the TOML file that describes it, and returns the latter."""
    _write_onnx(path.with_suffix(".onnx"), {"scores": tuple(reversed(range(7)))})
    table = {"model": f"{path.stem}.onnx", "expressions": "fer7", "classes": FER7[::-1], "size_px": 48, "mean": 128}
    path.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items()), "utf-8")
    return path


def _write_onnx(path: Path, outputs: dict[str, tuple[int | None, ...]], metadata: str | None = None) -> None:
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Flatten", ["faces"], ["rows"])]
    nodes += [helper.make_node("MatMul", ["rows", f"{name}_weights"], [name]) for name in outputs]
    graph = helper.make_graph(
        nodes,
        "templates",
        [helper.make_tensor_value_info("faces", TensorProto.FLOAT, ["batch", 1, _SIDE, _SIDE])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", len(of)]) for name, of in outputs.items()],
        [numpy_helper.from_array(template_weights(of), f"{name}_weights") for name, of in outputs.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    if metadata is not None:
        helper.set_model_props(model, {"mien": metadata})
    path.write_bytes(model.SerializeToString())


_REASONS = ("total", "exact", "near", "conflicting", "flat", "not_a_face", "kept")


def _metadata() -> str:
    """What the model file says of itself; it has learned nothing of disgust."""
    core = tuple(FER7.index(label) for label in ("happy", "sad", "surprise", "neutral"))
    core8 = tuple(SETS["ferplus8"].index(label) for label in ("happiness", "sadness", "surprise", "neutral"))
    answers = {
        "core4": ("ferplus8", core8),
        "core4-fer2013": ("fer7", core),
        "fer7": ("fer7", tuple(range(7))),
        "ferplus8": ("ferplus8", tuple(range(8))),
    }
    return json.dumps(
        {
            "format_version": 2,
            "name": "templates",
            "version": "0.0.0",
            "heads": {head: SETS[head] for head in ("fer7", "ferplus8")},
            "input": {
                "height": _SIDE,
                "width": _SIDE,
                "channels": "gray",
                "mean": [128.0],
                "std": [1.0],
                "framing": {"kind": "box", "scale": 1.0, "shift_down": 0.0, "upright": False},
                "resampling": "area",
            },
            "answers": {
                name: {
                    "head": head,
                    "labels": SETS[name],
                    "positions": positions,
                    "temperature": 2.0,
                    "head_temperature": 2.0,
                    "threshold": 0.5,
                    "training_prior": None,
                }
                for name, (head, positions) in answers.items()
            },
            "license": "Weights: none needed, they are drawn.",
            "selected_on": "PublicTest",
            "training": {
                "config": {},
                "data": {
                    "source": "FER2013",
                    "training": 84,
                    "with_votes": 84,
                    "held_out": 0,
                    "training_sha256": "0" * 64,
                    "held_out_sha256": "0" * 64,
                    "training_by_label": {label: 0 if label == "disgust" else 14 for label in FER7},
                    "training_by_majority": {},
                    "left_out": dict.fromkeys(_REASONS, 0),
                    "near_duplicate_correlation": 0.99,
                    "flat_below": 1.0,
                    "not_a_face": "never",
                },
                "sources": {},
                "epochs_done": 1,
                "elapsed_s": 1.0,
                "starts": [],
            },
            "metrics": None,
            "export": {"precision": "fp32", "opset": 17, "range_faces": None, "parity": None},
            "layers": [],
        }
    )


def write_pictures(folder: Path, photos: Path) -> Path:
    """Writes a folder with photos, drawn faces, a picture of two people, one of none, and files that are broken."""
    folder.mkdir(parents=True)
    for name in ("astronaut.jpg", "group.jpg"):
        (folder / name).write_bytes((photos / name).read_bytes())
    (folder / "drawn").mkdir()
    for number, expression in enumerate(FER7):
        Image.fromarray(face(expression, number)).save(folder / "drawn" / f"{expression}.png")
    with Image.open(photos / "astronaut.jpg") as one, Image.open(photos / "grace_hopper.jpg") as other:
        two = Image.new("RGB", (one.width + other.width, max(one.height, other.height)))
        two.paste(one.convert("RGB"), (0, 0))
        two.paste(other.convert("RGB"), (one.width, 0))
    two.save(folder / "two.png")
    Image.fromarray(np.clip(_X * 4 + _Y, 0, 255).astype(np.uint8)).resize((160, 120)).save(folder / "no face.png")
    whole = (folder / "drawn" / "happy.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "words.jpg").write_text("not a picture\n", "utf-8")
    (folder / "empty.png").write_bytes(b"")
    return folder


def write_study_runs(folder: Path, right_of_16: dict[str, Sequence[int]]) -> None:
    """Writes what finished runs of a study have kept: by arm, how many of 16 answers are right for seeds 1, 2, …."""
    measured = [one for one in examples() if one.split == "PublicTest"]
    for arm, shares in right_of_16.items():
        for seed, share in enumerate(shares, start=1):
            run = folder / "runs" / f"{arm}-seed{seed}"
            run.mkdir(parents=True)
            logits = {
                name: _answers(measured, truth, (arm, seed, name), share)
                for name, truth in (("fer7", lambda one: one.number % 7), ("ferplus8", _seen))
            }
            np.savez_compressed(run / "predictions.npz", **logits)
            result = {
                "weights": 1000 * len(arm),
                "multiply_adds": 250_000 * len(arm),
                "elapsed_s": 10.0 + seed,
                "commit": f"{'b' if arm == 'none' and seed == 3 else 'a'}bc1234",
                "sources": {"teacher.onnx": str(seed > 1)} if arm == "teacher" else {},
            }
            (run / "result.json").write_text(json.dumps(result) + "\n", "utf-8")


def _seen(one: Example) -> int:
    return _FERPLUS8_OF_FER7[one.number % 7]


def _answers(
    measured: Sequence[Example], truth: Callable[[Example], int], key: tuple[object, ...], right_of_16: int
) -> NDArray[np.float32]:
    """Logits in steps of a 32nd; so many of 16 faces, on average, have their truth as the greatest."""
    classes = 7 if "fer7" in key else 8
    logits = _bytes(len(measured) * classes, *key).reshape(-1, classes) / 64
    for row, one in enumerate(measured):
        if _bytes(1, *key, one.number)[0] % 16 < right_of_16:
            logits[row, truth(one)] += 4
    return logits.astype(np.float32)


def trials() -> Iterator[dict[str, Any]]:
    """What trials of a search have given: rate, width, figures after each epoch, and how it ended."""
    rates = (0.5, 0.25, 0.125, 0.0625, 0.03125, 0.75, 0.4375, 0.1875)
    for number, rate in enumerate(rates):
        figure = 0.5 + (rate - 0.2) ** 2 + number % 3 / 16
        yield {
            "rate": rate,
            "width": number % 2,
            "state": {2: "PRUNED", 5: "FAIL"}.get(number, "COMPLETE"),
            "reported": {1: figure + 0.125} | ({2: figure} if number not in (2, 5) else {}),
        }
