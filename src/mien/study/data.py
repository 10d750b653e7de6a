"""The faces of a study: the same for all arms, a fixed part of a data set or folds of it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mien.data.dataset import open_dataset
from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.sampling import dealt, stratified
from mien.errors import ConfigError
from mien.study.config import Study


@dataclass(frozen=True, slots=True)
class StudyFaces:
    """What is learnt from and measured.

    Attributes:
        training: Faces to learn from; with folds none, for then it is the measured ones of the other folds.
        measured: Faces whose answers are kept, in the order in which they are kept.
        folds: How many folds `measured` is cut into; None trains on `training` instead.
    """

    training: LabelledFaces
    measured: LabelledFaces
    folds: int | None = None

    def measured_in(self, seed: int, fold: int | None) -> NDArray[np.int64]:
        """Positions in `measured` of the faces that one run answers; each seed has folds of its own."""
        if self.folds is None or fold is None:
            return np.arange(len(self.measured))
        return np.flatnonzero(dealt(self.measured.fer7, seed) * self.folds // len(self.measured) == fold)

    def of_run(self, seed: int, fold: int | None) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces that one run learns from, and those it answers."""
        answered = self.measured_in(seed, fold)
        if fold is None:
            return self.training, self.measured
        return self.measured[np.setdiff1d(np.arange(len(self.measured)), answered)], self.measured[answered]


def read_study_faces(study: Study, path: Path) -> StudyFaces:
    """Reads the data set and takes the study's part of it, whichever the seed.

    Training faces that copy a held-out one, are flat or no faces are left out before the part is taken, so that
    `images` is the number trained on. Folds are taken of the training and the validation split together.

    Args:
        study: Says how many images, and in its arms what classes mean.
        path: As for `mien.data.dataset.open_dataset`.

    Raises:
        ConfigError: If arms differ in `[data]`, or there are fewer faces than asked for.
        DataError: As `mien.data.dataset.Dataset.read_for_training`.
    """
    wanted = study.config.data
    described = {arm.data.model_dump_json(): arm.data for arm in study.arms.values()}
    if len(described) > 1:
        raise ConfigError("arms must share their data: set training.data for all of them, not for one")
    data = next(iter(described.values()))
    training, held_out = open_dataset(path, data.classes, name=data.name).read_for_training()
    if wanted.folds:
        pool = LabelledFaces.concatenate([training, held_out])
        return StudyFaces(pool[:0], _part(pool, wanted.images, "data.images"), wanted.folds)
    training = training[training_rows_to_keep(training, held_out)[0]]
    return StudyFaces(
        _part(training, wanted.images, "data.images"), _part(held_out, wanted.validation, "data.validation")
    )


def _part(faces: LabelledFaces, count: int | None, key: str) -> LabelledFaces:
    """`count` of the faces in their order, always the same, with each label's share as in all of them."""
    if count is None:
        return faces
    if count > len(faces):
        raise ConfigError(
            f"{key} = {count:,} is more than the {len(faces):,} faces there are; leave it out to take all"
        )
    return faces[stratified(faces.fer7, count)]
