from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.errors import ConfigError
from mien.study.data import StudyFaces, _part


def test_a_part_has_each_label_by_its_share_and_is_always_the_same() -> None:
    faces = drawn_faces(200, seed=0)
    faces = faces[np.flatnonzero((faces.rows % 4 != 1) | (faces.rows < 60))]  # 50, 15, 50, 50 faces
    part = _part(faces, 33, "data.images")
    labels, counts = np.unique(part.fer7, return_counts=True)
    assert len(labels) == 4
    assert counts.max() <= 11
    assert sorted(counts)[0] in (2, 3, 4)
    assert np.array_equal(part.rows, _part(faces, 33, "data.images").rows)
    assert (np.diff(part.rows) > 0).all()


def test_a_part_of_more_than_there_are_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"data\.images = 9 is more than the 8 faces there are"):
        _part(drawn_faces(8, seed=0), 9, "data.images")


def test_each_face_is_validated_on_once_and_trained_on_in_the_other_folds() -> None:
    faces = drawn_faces(40, seed=0)
    study_faces = StudyFaces(faces[:0], replace(faces, rows=np.arange(40)), folds=4)
    validated = []
    for fold in range(4):
        training, validation = study_faces.split(3, fold)
        assert not set(training.rows) & set(validation.rows)
        assert len(training) == 30
        assert np.unique(validation.fer7, return_counts=True)[1].min() >= 2  # of four labels among ten faces
        validated += validation.rows.tolist()
    assert sorted(validated) == list(range(40))
    assert study_faces.validation_rows(3, 0).tolist() != study_faces.validation_rows(4, 0).tolist()
