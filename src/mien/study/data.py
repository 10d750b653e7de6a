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
    """What the runs of a study are trained and validated on.

    Attributes:
        training: Faces to train on; none with folds, where each run is trained on the other folds.
        validation: Faces whose predictions are kept, in the order in which they are kept.
        folds: How many folds `validation` is cut into; None trains on `training` instead.
    """

    training: LabelledFaces
    validation: LabelledFaces
    folds: int | None = None

    def validation_rows(self, seed: int, fold: int | None) -> NDArray[np.int64]:
        """Positions in `validation` of the faces that one run is validated on; each seed has folds of its own."""
        if self.folds is None or fold is None:
            return np.arange(len(self.validation))
        return np.flatnonzero(dealt(self.validation.fer7, seed) * self.folds // len(self.validation) == fold)

    def split(self, seed: int, fold: int | None) -> tuple[LabelledFaces, LabelledFaces]:
        """The faces that one run is trained on, and those it is validated on."""
        rows = self.validation_rows(seed, fold)
        if fold is None:
            return self.training, self.validation
        return self.validation[np.setdiff1d(np.arange(len(self.validation)), rows)], self.validation[rows]


def read_study_faces(study: Study, path: Path) -> StudyFaces:
    """Reads the data set and takes the study's part of it, whichever the seed.

    Training faces that copy a validation face, are flat or show no face are left out before the part is taken, so that
    `images` is the number trained on. Folds are taken of the training and validation splits together.

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
        raise ConfigError("arms must share their data: set training.data for all of them")
    data = next(iter(described.values()))
    training, validation = open_dataset(path, data.classes, name=data.name).read_for_training()
    if wanted.folds:
        pool = LabelledFaces.concatenate([training, validation])
        return StudyFaces(pool[:0], _part(pool, wanted.images, "data.images"), wanted.folds)
    training = training[training_rows_to_keep(training, validation)[0]]
    return StudyFaces(
        _part(training, wanted.images, "data.images"), _part(validation, wanted.validation, "data.validation")
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
