"""Classes, sizes and light of faces whose answers are known."""

from pathlib import Path

import numpy as np
from drawn_faces import in_splits
from plain_faces import HAPPY, SAD, faces, random_pixels

from mien.audit.class_balance import UNLABELLED, Composition, composition
from mien.data.dataset import open_dataset
from mien.data.labelled_faces import NO_LABEL, LabelledFaces
from mien.expressions import FER7
from mien.stats import Proportion


def composed(some: LabelledFaces, folder: Path | None = None) -> Composition:
    return composition(some, some.gray(), folder)


def test_sizes_are_of_the_pictures_and_not_of_the_faces(folder: Path) -> None:
    training, test = composed(open_dataset(folder, {"joy": "happy"}).read(), folder).sizes
    assert (training.split, training.width[2], training.height[2]) == ("train", 48, 60)
    assert (training.enlarged, training.squeezed) == (Proportion.of(1, 3), Proportion.of(2, 3))
    assert (test.split, test.width, test.enlarged, test.squeezed) == (
        "test",
        (20,) * 5,
        Proportion.of(1, 1),
        Proportion.of(0, 1),
    )
    assert training.to_dict()["width"]["p50"] == 48


def test_faces_that_are_no_files_have_no_sizes() -> None:
    assert composed(in_splits({"Training": faces(random_pixels(2, 1), [HAPPY, SAD])})).sizes == ()


def test_classes_are_counted_by_split() -> None:
    parts = {
        "Training": faces(random_pixels(4, 1), [HAPPY, HAPPY, SAD, NO_LABEL]),
        "PublicTest": faces(random_pixels(1, 2), [SAD]),
    }
    counts = composed(in_splits(parts)).counts
    assert {label: count for label, count in counts["Training"].items() if count} == {
        "happy": 2,
        "sad": 1,
        UNLABELLED: 1,
    }
    assert counts["PublicTest"]["sad"] == sum(counts["PublicTest"].values()) == 1
    labelled = composed(in_splits({"PublicTest": parts["PublicTest"]})).counts
    assert list(labelled["PublicTest"]) == list(FER7.labels)


def test_light_of_an_even_and_of_a_striped_face() -> None:
    stripes = np.zeros((48, 48), dtype=np.uint8)
    stripes[:, ::2] = 100
    pixels = np.stack([np.full((48, 48), 80, dtype=np.uint8), stripes])
    measured = composed(in_splits({"Training": faces(pixels, [HAPPY, SAD])}))
    assert measured.size_px == (48, 48)
    even, striped = measured.light_by_label
    assert (even.group, even.faces, even.brightness, even.contrast, even.sharpness) == (
        "happy",
        1,
        (80.0,) * 5,
        (0.0,) * 5,
        (0.0,) * 5,
    )
    # Across stripes, each pixel's Laplacian is 2 * 100 up or down.
    assert (striped.brightness[2], striped.contrast[2], striped.sharpness[2]) == (50, 50, 200)
    (both,) = measured.light_by_split
    assert (both.faces, both.brightness[2]) == (2, 65)
