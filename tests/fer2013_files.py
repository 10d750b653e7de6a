"""FER2013 as four faces, in each of the forms that it comes in."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split
from mien.expressions import FER7

USAGES = ("Training", "Training", "PublicTest", "PrivateTest")
LABELS = ("angry", "neutral", "happy", "disgust")
PIXELS = np.random.default_rng(7).integers(0, 256, (4, 48, 48), dtype=np.uint8)
VOTES = np.array([[0, 0, 0, 0, 8, 1, 1, 0, 0, 0], [10, *[0] * 9], [0, 10, *[0] * 8], [*[0] * 9, 10]])

SPLITS = [(None, [0, 1, 2, 3]), (Split.TRAIN, [0, 1]), (Split.VALIDATION, [2]), (Split.TEST, [3])]

Columns = dict[str, list[Any]]


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def columns() -> Columns:
    votes = {f"ferplus_{name}": VOTES[:, column].tolist() for column, name in enumerate(VOTE_COLUMNS)}
    images = [png(face) for face in PIXELS]
    return {"row": [0, 1, 2, 3], "usage": list(USAGES), "emotion": list(LABELS), "image": images, **votes}


def write_parquet(path: Path, table: Columns, rows: slice = slice(None)) -> Path:
    pq.write_table(pa.table({name: values[rows] for name, values in table.items()}), path)
    return path


def csv_lines() -> list[str]:
    rows = zip(LABELS, PIXELS, USAGES, strict=True)
    texts = [f"{FER7.index(label)},{' '.join(map(str, face.ravel()))},{usage}" for label, face, usage in rows]
    return ["emotion,pixels,Usage", *texts]


def ferplus_lines() -> list[str]:
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    return [
        head,
        *(
            f"{usage},fer{number:07}.png,{','.join(map(str, row))}"
            for number, (usage, row) in enumerate(zip(USAGES, VOTES, strict=True))
        ),
    ]


def write_csv(folder: Path, lines: list[str], ferplus: list[str] | None = None) -> Path:
    path = folder / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    if ferplus is not None:
        (folder / "fer2013new.csv").write_text("\n".join(ferplus) + "\n", "utf-8")
    return path


def assert_faces(faces: LabelledFaces, rows: list[int]) -> None:
    assert faces.rows.tolist() == rows
    assert faces.gray().dtype == np.uint8
    assert np.array_equal(faces.gray(), PIXELS[rows])
    assert faces.fer7.tolist() == [FER7.index(LABELS[row]) for row in rows]
    assert np.array_equal(faces.votes, VOTES[rows])
