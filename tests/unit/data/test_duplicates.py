"""Duplicates in drawn pictures, and the facts about FER2013 itself."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mien.data import duplicates
from mien.data.crops import Crops
from mien.data.dataset import open_dataset
from mien.data.duplicates import (
    exact_duplicates,
    flat,
    near_duplicates,
    training_rows_to_keep,
)
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split
from mien.model.facts import LeftOut


def pictures(seed: int, count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (count, 48, 48), dtype=np.uint8)


def noisy(face: NDArray[np.uint8], amount: int, seed: int = 5) -> NDArray[np.uint8]:
    noise = np.random.default_rng(seed).integers(-amount, amount + 1, face.shape)
    return (face + noise).astype(np.uint8)


def labelled(pixels: NDArray[np.uint8], labels: list[int], no_face: tuple[int, ...] = ()) -> LabelledFaces:
    votes = np.zeros((len(pixels), len(VOTE_COLUMNS)), dtype=np.int64)
    votes[:, 0] = 10
    votes[list(no_face)] = [4, 0, 0, 0, 0, 0, 0, 0, 0, 6]
    return LabelledFaces(pixels, np.array(labels, dtype=np.int64), votes, np.arange(len(pixels)))


def pairs(found: duplicates.Pairs) -> list[tuple[int, int]]:
    return list(zip(found.first.tolist(), found.second.tolist(), strict=True))


def test_exact_duplicates_are_all_pairs_of_same_pixels() -> None:
    a, b = pictures(1, 4), pictures(2, 5)
    b[1], b[4], b[3] = a[2], a[2], a[0]
    assert pairs(exact_duplicates(Crops(a), Crops(b))) == [(0, 3), (2, 1), (2, 4)]
    assert pairs(exact_duplicates(Crops(a[:0]), Crops(b))) == []


def test_exact_duplicates_have_the_same_size_and_color() -> None:
    wide = np.arange(12, dtype=np.uint8).reshape(2, 6)
    crops = Crops([wide, wide.reshape(6, 2), wide.reshape(2, 2, 3), wide.copy()])
    assert pairs(exact_duplicates(crops[:1], crops)) == [(0, 0), (0, 3)]


def test_a_face_in_another_size_or_color_is_a_near_duplicate() -> None:
    (face,) = pictures(8, 1)
    large = np.repeat(np.repeat(face, 2, axis=0), 2, axis=1)
    others = Crops([large, np.stack([face] * 3, axis=-1), pictures(9, 1)[0]])
    seen = labelled(np.stack([face]), [0])
    faces = LabelledFaces(others, np.zeros(3, np.int64), np.zeros((3, 10), np.int64), np.arange(3))
    assert pairs(near_duplicates(faces.gray(), seen.gray())) == [(0, 0), (1, 0)]
    assert pairs(exact_duplicates(others, seen.crops)) == []


def test_sides_that_cannot_be_tiled_are_refused() -> None:
    odd = np.zeros((1, 45, 48), dtype=np.uint8)
    with pytest.raises(ValueError, match="divisible by 4; got 48x45"):
        near_duplicates(odd, odd)


def test_near_duplicates_survive_noise_brightness_and_contrast_but_not_mirroring() -> None:
    a = pictures(3, 3)
    b = np.stack([noisy(a[1], 3), a[0] + 20, (a[2] * 0.5).astype(np.uint8), a[0, :, ::-1]])
    assert pairs(near_duplicates(a, b)) == [(0, 1), (1, 0), (2, 2)]


def test_near_duplicates_need_the_threshold() -> None:
    face = pictures(4, 1)
    other = np.stack([noisy(face[0], 20)])
    correlation = float(np.corrcoef(face[0].ravel(), other[0].ravel())[0, 1])
    assert 0.95 < correlation < 0.99
    assert len(near_duplicates(face, other)) == 0
    assert len(near_duplicates(face, other, correlation - 1e-4)) == 1
    assert len(near_duplicates(face, other, correlation + 1e-4)) == 0


def test_flat_faces_have_no_near_duplicates() -> None:
    gray = np.full((2, 48, 48), 128, dtype=np.uint8)
    assert len(near_duplicates(gray, gray)) == 0
    assert len(exact_duplicates(Crops(gray), Crops(gray))) == 4


@given(block=st.integers(1, 9), sizes=st.tuples(st.integers(0, 9), st.integers(0, 9)))
def test_pairs_do_not_depend_on_blocks(block: int, sizes: tuple[int, int]) -> None:
    a, b = pictures(6, 9)[: sizes[0]], pictures(6, 9)[::-1][: sizes[1]]
    expected = [(i, 8 - i) for i in range(sizes[0]) if 8 - i < sizes[1]]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "_BLOCK", block)
        assert pairs(near_duplicates(a, b)) == expected


def test_flat_is_next_to_no_contrast() -> None:
    faces = np.full((3, 48, 48), 90, dtype=np.uint8)
    faces[1, 0, 0] = 100  # a speck
    faces[2] = pictures(7, 1)[0]
    assert flat(faces).tolist() == [True, True, False]


def test_training_rows_to_keep_counts_every_reason() -> None:
    validation = labelled(pictures(10, 3), [0, 1, 2])
    fresh = pictures(11, 4)
    fresh[3] = 0
    copies = np.stack([validation.gray()[0], noisy(validation.gray()[1], 2), noisy(validation.gray()[2], 2)])
    train = labelled(np.concatenate([fresh, copies]), [3, 3, 3, 3, 5, 1, 6], no_face=(1, 4))
    keep, left_out = training_rows_to_keep(train, validation)
    assert keep.tolist() == [True, False, True, False, False, False, False]
    assert left_out == LeftOut(total=7, exact=1, near=2, conflicting=2, flat=1, not_a_face=2, kept=2)


@pytest.fixture(scope="module")
def training(shared_data: Path) -> LabelledFaces:
    return open_dataset(shared_data / "fer2013").read(Split.TRAIN)


@pytest.fixture(scope="module")
def public_test(shared_data: Path) -> LabelledFaces:
    return open_dataset(shared_data / "fer2013").read(Split.VALIDATION)


@pytest.mark.data
def test_public_test_images_stand_in_training(training: LabelledFaces, public_test: LabelledFaces) -> None:
    found = exact_duplicates(public_test.crops, training.crops)
    images, first_match = np.unique(found.first, return_index=True)
    shows_something = ~flat(public_test.gray()[images])
    other_label = public_test.fer7[images] != training.fer7[found.second[first_match]]
    assert shows_something.sum() == 279
    assert (other_label & shows_something).sum() == 9


@pytest.mark.data
def test_flat_images_of_fer2013(training: LabelledFaces, public_test: LabelledFaces) -> None:
    assert flat(training.gray()).sum() == 12
    assert flat(public_test.gray()).sum() == 1


@pytest.mark.data
def test_near_duplicates_within_training(training: LabelledFaces) -> None:
    found = near_duplicates(training.gray(), training.gray())
    found = duplicates.Pairs(*(positions[found.first != found.second] for positions in (found.first, found.second)))
    differs = training.fer7[found.first] != training.fer7[found.second]
    # Correlations next to the threshold may fall on either side with another linear algebra library.
    assert len(np.unique(found.first)) == pytest.approx(2392, abs=2)
    assert len(np.unique(found.first[differs])) == pytest.approx(136, abs=2)


@pytest.mark.data
def test_what_is_left_of_training_has_no_copy_in_public_test(
    training: LabelledFaces, public_test: LabelledFaces
) -> None:
    keep, left_out = training_rows_to_keep(training, public_test)
    assert left_out.total == 28709
    assert left_out.kept == keep.sum() == 28186
    assert (left_out.exact, left_out.near, left_out.flat, left_out.not_a_face) == (351, 33, 12, 150)
    kept = training[keep][:2000]
    assert len(exact_duplicates(public_test.crops, kept.crops)) == 0
    assert len(near_duplicates(public_test.gray(), kept.gray())) == 0
