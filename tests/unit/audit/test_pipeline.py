"""The parts of an audit that count and measure, on faces whose answers are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces, in_splits
from numpy.typing import NDArray
from PIL import Image

from mien.audit.class_balance import UNLABELLED, Composition, composition
from mien.audit.duplicates import CopyCount, copies, group_numbers
from mien.audit.label_errors import LabelJudge
from mien.audit.outliers import MOST_UNLIKE, face_features, oddities, oriented_gradients
from mien.audit.pipeline import AuditOptions, audit
from mien.data.dataset import open_dataset
from mien.data.labelled_faces import NO_LABEL, VOTE_COLUMNS, LabelledFaces, Reference
from mien.data.split import Split
from mien.errors import DataError
from mien.expressions import FER7
from mien.stats import Proportion

HAPPY, SAD, NEUTRAL = (FER7.index(label) for label in ("happy", "sad", "neutral"))


def faces(pixels: NDArray[np.uint8], labels: list[int], first_row: int = 0) -> LabelledFaces:
    votes = np.zeros((len(pixels), len(VOTE_COLUMNS)), dtype=np.int64)
    return LabelledFaces(pixels, np.array(labels, dtype=np.int64), votes, np.arange(len(pixels)) + first_row)


def composed(some: LabelledFaces, folder: Path | None = None) -> Composition:
    return composition(some, some.gray(), folder)


def random_pixels(count: int, seed: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(40, 200, (count, 48, 48), dtype=np.uint8)


def write_csv(path: Path, counts: dict[str, int]) -> None:
    pixels = " ".join(["7"] * 2304)
    rows = [f"{number % 7},{pixels},{usage}" for usage, count in counts.items() for number in range(count)]
    path.write_text("\n".join(["emotion,pixels,Usage", *rows]) + "\n", "utf-8")


def test_splits_are_audited_one_after_the_other(tmp_path: Path) -> None:
    write_csv(tmp_path / "fer2013.csv", {"Training": 3, "PrivateTest": 2})
    found = audit(open_dataset(tmp_path))
    assert (found.faces.splits, found.source, found.absent) == (("Training", "PrivateTest"), str(tmp_path), {})
    assert found.faces.reference(4) == Reference(position=4, split="PrivateTest", row=4, label="disgust")


def test_a_split_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    write_csv(tmp_path / "fer2013.csv", {"Training": 3})
    dataset = open_dataset(tmp_path)
    assert audit(dataset, AuditOptions((Split.TRAIN,))).faces.splits == ("Training",)
    with pytest.raises(DataError, match=r"no split validation in .*; it has Training"):
        audit(dataset, AuditOptions((Split.TRAIN, Split.VALIDATION)))


def test_a_split_that_cannot_be_read_says_why(folder: Path) -> None:
    found = audit(open_dataset(folder))
    assert found.faces.splits == ("train",)
    assert list(found.absent) == ["test"]
    assert "no label 'joy'" in found.absent["test"]
    judged = audit(open_dataset(folder), AuditOptions(judge=LabelJudge("one", ("test",), lambda _: np.zeros((0, 7)))))
    assert judged.label_errors == ()


def test_classes_without_splits_are_audited(folder: Path) -> None:
    found = audit(open_dataset(folder / "train"))
    assert found.faces.splits == ("train",)
    assert [reference.file for reference in found.faces.references(np.arange(3))] == [
        "happy/a.png",
        "happy/b.png",
        "sad/c.png",
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four pictures of several sizes, one of a class with its own name."""
    for place, size in {
        "train/happy/b.png": (48, 48),
        "train/happy/a.png": (100, 90),
        "train/sad/c.png": (30, 60),
        "test/joy/d.jpg": (20, 20),
    }.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", size, len(place)).save(tmp_path / place)
    return tmp_path


def test_faces_of_a_folder_are_named_by_their_files(folder: Path) -> None:
    data = open_dataset(folder, {"joy": "happy"}).read()
    assert [data.reference(position).file for position in range(4)] == [
        "train/happy/a.png",
        "train/happy/b.png",
        "train/sad/c.png",
        "test/joy/d.jpg",
    ]
    named = data.reference(3)
    assert named.to_dict() == {"split": "test", "row": 0, "label": "happy", "file": "test/joy/d.jpg"}
    assert (named.place, replace(named, file=None).place) == ("test/joy/d.jpg", "row 0")


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


@pytest.fixture
def copied() -> LabelledFaces:
    """Six training faces and four test faces with copies of every kind."""
    train = random_pixels(6, 3)
    train[1] = train[0]  # the same, under the same label
    train[2] = train[0] + 1  # nearly, under another label
    train[5] = 0
    test = random_pixels(4, 4)
    test[0] = train[4]  # another label
    test[1] = train[4] // 2  # nearly the one before, whose label it has
    test[3] = 0  # flat, as is a training face
    return in_splits(
        {
            "Training": faces(train, [HAPPY, HAPPY, SAD, SAD, NEUTRAL, SAD]),
            "PublicTest": faces(test, [SAD, SAD, NEUTRAL, HAPPY], first_row=6),
        }
    )


def test_copies_are_counted_within_and_across_splits(copied: LabelledFaces) -> None:
    assert copies(copied, copied.gray()).counts == (
        CopyCount("Training", "Training", exact=2, exact_other_label=0, near=3, near_other_label=1),
        CopyCount("Training", "PublicTest", exact=1, exact_other_label=1, near=1, near_other_label=1),
        CopyCount("PublicTest", "PublicTest", exact=0, exact_other_label=0, near=2, near_other_label=0),
        CopyCount("PublicTest", "Training", exact=1, exact_other_label=1, near=2, near_other_label=2),
    )


def test_copies_form_groups_with_conflicts_first(copied: LabelledFaces) -> None:
    found = copies(copied, copied.gray())
    positions = [[face.position for face in group.faces] for group in found.groups]
    assert positions == [[4, 6, 7], [0, 1, 2]]
    assert [(group.across, group.exact, group.labels) for group in found.groups] == [
        (True, False, {"sad": 2, "neutral": 1}),
        (False, False, {"happy": 2, "sad": 1}),
    ]
    assert found.spare == 4
    assert group_numbers(len(copied), found).tolist() == [0, 0, 0, 3, 4, 5, 4, 4, 8, 9]


def test_a_face_without_a_label_has_no_other_label() -> None:
    pixels = np.repeat(random_pixels(1, 5), 2, axis=0)
    some = in_splits({"Training": faces(pixels, [HAPPY, NO_LABEL])})
    found = copies(some, some.gray())
    assert found.counts == (CopyCount("Training", "Training", 2, 0, 2, 0),)
    assert not found.groups[0].conflicting
    assert found.groups[0].exact


def test_faces_without_copies_have_none() -> None:
    some = in_splits({"Training": faces(random_pixels(3, 6), [HAPPY, SAD, SAD])})
    found = copies(some, some.gray())
    assert found.counts == (CopyCount("Training", "Training", 0, 0, 0, 0),)
    assert found.groups == ()


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
