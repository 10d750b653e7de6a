"""Gradients, and pictures that are unlike the rest."""

import numpy as np
import pytest
from drawn_faces import drawn_faces, in_splits
from plain_faces import HAPPY, SAD, faces, random_pixels

from mien.audit.outliers import MOST_UNLIKE, face_features, oddities, oriented_gradients
from mien.data.labelled_faces import VOTE_COLUMNS


@pytest.mark.parametrize(("across", "direction"), [(1, 0), (0, 4)], ids=["upright edges", "level edges"])
def test_gradients_go_by_direction(across: int, direction: int) -> None:
    waves = (100 + 60 * np.sin(np.arange(48) / 2)).astype(np.uint8)
    face = np.broadcast_to(waves if across else waves[:, None], (48, 48))
    by_direction = oriented_gradients(face[None]).reshape(-1, 8).sum(axis=0)
    assert by_direction.argmax() == direction
    assert by_direction[direction] > 0.99 * by_direction.sum()


def test_gradients_do_not_depend_on_contrast() -> None:
    face = drawn_faces(1, seed=1).gray()
    assert np.allclose(oriented_gradients(face), oriented_gradients(face // 2), atol=0.15)
    assert not oriented_gradients(np.zeros((2, 48, 48), dtype=np.uint8)).any()


def test_features_have_unit_variance_and_are_the_same_by_the_same_seed() -> None:
    pixels = drawn_faces(100, seed=2).gray()
    features = face_features(pixels, np.random.default_rng(1))
    assert features.shape == (100, 10)
    assert np.allclose(features.std(axis=0), 1, atol=0.01)
    assert np.array_equal(features, face_features(pixels, np.random.default_rng(1)))


def test_odd_pictures_are_flat_or_unlike_the_rest() -> None:
    drawn = drawn_faces(200, seed=3)
    drawn.gray()[17] = 255
    drawn.gray()[40] = np.random.default_rng(4).integers(0, 256, (48, 48), dtype=np.uint8)
    drawn.votes[40] = np.eye(len(VOTE_COLUMNS), dtype=np.int64)[-1] * 10
    data = in_splits({"Training": drawn})
    odd = oddities(data, data.gray(), face_features(drawn.gray(), np.random.default_rng(5)))
    assert [face.row for face in odd.flat] == [17]
    assert odd.unlike[0].row == 40
    assert len(odd.unlike) == MOST_UNLIKE
    assert odd.not_a_face == (data.reference(40),)
    assert odd.unlike_called_no_face == 1


def test_without_votes_nobody_says_what_is_no_face() -> None:
    data = in_splits({"Training": faces(random_pixels(3, 7), [HAPPY, SAD, SAD])})
    odd = oddities(data, data.gray(), np.zeros((3, 1), dtype=np.float32))
    assert odd.not_a_face is None
    assert odd.to_dict()["unlike_called_no_face"] is None
