"""The surest of a model's wrong answers: as a list, and as a sheet of pictures."""

from collections.abc import Sequence
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.export.calibrate import truths_of
from mien.expressions import CORE4
from mien.model.calibration import Answer, Logits, probabilities
from mien.model.facts import Failure

LISTED = 20
"""How many are named in a card."""

_SIDE = 120
_CAPTION = 40
_COLUMNS = 5
_LONGEST_NAME = 10  # that fits beside a label; the end of a file's name tells it from its neighbours


def surest_failures(
    logits: Logits, faces: LabelledFaces, answer: Answer, *, count: int = LISTED
) -> tuple[Failure, ...]:
    """The wrong answers by `CORE4` with the highest probability, surest first.

    Args:
        logits: Logits of both heads for N faces.
        faces: The same N faces.
        answer: The one that answers by `CORE4`.
        count: How many at most.
    """
    given = probabilities(logits, answer)
    truth, predicted = truths_of(faces)[CORE4.name], given.argmax(axis=1)
    wrong = np.flatnonzero((truth != NO_LABEL) & (predicted != truth))
    surest = wrong[np.argsort(-given[wrong, predicted[wrong]], kind="stable")][:count]
    return tuple(
        Failure(
            row=int(faces.rows[face]),
            truth=CORE4.labels[truth[face]],
            answer=CORE4.labels[predicted[face]],
            probability=round(float(given[face, predicted[face]]), 4),
            file=None if faces.files is None else str(faces.files[face]),
        )
        for face in surest
    )


def failure_sheet(failures: Sequence[Failure], faces: LabelledFaces) -> Image.Image:
    """The pictures of `failures`, each with its file's name or row, truth and answer below it."""
    by_row = {int(row): pixels for row, pixels in zip(faces.rows, faces.gray(), strict=True)}
    lines = -(-len(failures) // _COLUMNS)
    sheet = Image.new("L", (_COLUMNS * _SIDE, max(1, lines) * (_SIDE + _CAPTION)), 255)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(11)
    for position, failure in enumerate(failures):
        left, top = position % _COLUMNS * _SIDE, position // _COLUMNS * (_SIDE + _CAPTION)
        sheet.paste(_enlarged(by_row[failure.row]), (left, top))
        name = PurePath(failure.file).name[-_LONGEST_NAME:] if failure.file else f"row {failure.row}"
        caption = f"{name}: {failure.truth}\nread as {failure.answer} {failure.probability:.0%}"
        draw.multiline_text((left + 4, top + _SIDE + 4), caption, fill=0, font=font)
    return sheet


def _enlarged(pixels: NDArray[np.uint8]) -> Image.Image:
    side = _SIDE - 4
    return Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
