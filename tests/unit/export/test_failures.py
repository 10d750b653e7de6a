from dataclasses import replace

import numpy as np
from drawn_faces import drawn_faces

from mien.data.labelled_faces import LabelledFaces
from mien.export.failures import failure_sheet, surest_failures
from mien.expressions import FERPLUS8
from mien.train.heads import ANSWERS

FACES = drawn_faces(12, seed=0)


def logits() -> dict[str, np.ndarray]:
    """All faces are read rightly, but for those in positions 4 (happy) and 5 (sad), read as neutral, 5 more surely."""
    ferplus8 = np.eye(len(FERPLUS8))[FACES.majority()] * 5
    ferplus8[4] = np.eye(len(FERPLUS8))[FERPLUS8.index("neutral")] * 2
    ferplus8[5] = np.eye(len(FERPLUS8))[FERPLUS8.index("neutral")] * 4
    return {"fer7": np.zeros((12, 7), dtype=np.float32), "ferplus8": ferplus8.astype(np.float32)}


def test_the_surest_wrong_answer_comes_first() -> None:
    found = surest_failures(logits(), FACES, ANSWERS["core4"])
    assert [(f.row, f.truth, f.answer) for f in found] == [(5, "sad", "neutral"), (4, "happy", "neutral")]
    assert found[0].probability > found[1].probability
    assert surest_failures(logits(), FACES, ANSWERS["core4"], count=1) == found[:1]


def test_a_picture_is_named_by_its_file() -> None:
    names = np.array([f"val/happy/{number}.png" for number in range(12)])
    faces = replace(FACES, files=names)
    assert [f.file for f in surest_failures(logits(), faces, ANSWERS["core4"])] == [names[5], names[4]]
    chosen = LabelledFaces.concatenate([faces[4:6], faces[:1]])
    assert chosen.files is not None
    assert chosen.files.tolist() == [names[4], names[5], names[0]]
    assert LabelledFaces.concatenate([faces, FACES]).files is None


def test_sheet_shows_each_failure() -> None:
    found = surest_failures(logits(), FACES, ANSWERS["core4"])
    sheet = np.asarray(failure_sheet(found, FACES))
    side = sheet.shape[0] - 40
    first, second = sheet[: side - 4, : side - 4], sheet[: side - 4, side : 2 * side - 4]
    for shown, position in ((first, 5), (second, 4)):
        expected = FACES.gray()[position].mean()
        assert abs(shown.mean() - expected) < 3
    assert (sheet[side:, :side] < 128).any()
    assert (sheet[:, 2 * side :] == 255).all()
