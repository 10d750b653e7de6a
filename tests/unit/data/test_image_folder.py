"""Data sets as folders of pictures, and each thing that may be wrong with one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mien.data.dataset import open_dataset
from mien.data.image_folder import LARGEST_PX
from mien.data.split import FER2013_NAMES, Split
from mien.errors import DataError
from mien.expressions import FER7
from mien.images import read_picture
from mien.preprocess import Preprocessing, fit_crop

CORE = ("happy", "neutral", "sad", "surprise")
SPLITS = {"train": 3, "validation": 2, "test": 1}


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (48, 48)) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four classes in three splits, each picture another."""
    seed = 0
    for split, count in SPLITS.items():
        for label in CORE:
            for number in range(count):
                seed += 1
                picture(tmp_path / "ours" / split / label / f"{number}.png", seed)
    return tmp_path / "ours"


def labels(folder: Path, split: Split | None, classes: dict[str, str] | None = None) -> list[str]:
    return [FER7.labels[position] for position in open_dataset(folder, classes).read(split).fer7]


def test_splits_go_by_either_name(folder: Path) -> None:
    for split, name in FER2013_NAMES.items():
        expected = [label for label in CORE for _ in range(SPLITS[split])]
        assert labels(folder, split) == expected
        (folder / split).rename(folder / name)
        assert labels(folder, split) == expected
    (folder / "PublicTest").rename(folder / "VAL")
    assert len(labels(folder, Split.VALIDATION)) == 8
    assert len(labels(folder, None)) == 24


def test_faces_are_without_votes_and_named_for_their_folder(folder: Path) -> None:
    faces = open_dataset(folder).read(Split.TRAIN)
    assert faces.gray().shape == (12, 48, 48)
    assert not faces.votes.any()
    assert faces.rows.tolist() == list(range(12))
    assert faces.source == "ours"
    assert len(open_dataset(folder).seen_before(Split.TEST)) == 20


def test_pictures_are_prepared_as_inference_does(folder: Path) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (60, 90, 4), dtype=np.uint8)
    turned = Image.Exif()
    turned[0x0112] = 6
    path = folder / "train" / "happy" / "deeper" / "0.webp"
    path.parent.mkdir()
    Image.fromarray(colors).save(path, lossless=True, exif=turned)
    pixels = open_dataset(folder).read(Split.TRAIN).gray()[3]  # after the three that lie in `happy` itself
    assert np.array_equal(pixels, fit_crop(read_picture(path), Preprocessing(48, 48, "gray", (0.0,), (1.0,))))
    assert np.array_equal(
        open_dataset(folder).read(Split.TRAIN).gray()[0], np.asarray(Image.open(folder / "train/happy/0.png"))
    )


def test_own_names_synonyms_and_classes_left_out(folder: Path) -> None:
    for split in SPLITS:
        (folder / split / "happy").rename(folder / split / "Joy")
        (folder / split / "sad").rename(folder / split / "Sadness")
        picture(folder / split / "contempt" / "0.png")
    classes = {"joy": "happy", "contempt": ""}
    assert labels(folder, Split.TEST, classes) == ["happy", "sad", "neutral", "surprise"]
    training, validation = open_dataset(folder, classes, name="Faces of ours").read_for_training()
    assert (len(training), len(validation)) == (12, 8)
    assert training.source == validation.source == "Faces of ours"


def test_fewer_than_four_classes_can_be_trained_on(folder: Path) -> None:
    training, _ = open_dataset(folder, {"sad": "", "surprise": ""}).read_for_training()
    assert len(training) == 6


def test_what_is_no_picture_and_what_is_hidden_does_not_matter(folder: Path) -> None:
    (folder / "train" / "happy" / "Thumbs.db").write_text("x")
    (folder / "train" / "notes.txt").write_text("x")
    picture(folder / "train" / ".trash" / "0.png")
    (folder / "train" / "happy" / "._IMG.heic").write_text("x")
    (folder / "train" / "happy" / ".trash").mkdir()
    (folder / "train" / "happy" / ".trash" / "x.heic").write_text("x")
    (folder / "docs").mkdir()
    assert len(open_dataset(folder).read(Split.TRAIN)) == 12


Change = Callable[[Path], object]


def broken(folder: Path) -> None:
    (folder / "train" / "happy" / "1.png").write_bytes(b"")
    (folder / "train" / "sad" / "2.png").write_bytes((folder / "train" / "sad" / "2.png").read_bytes()[:500])


FAULTS: dict[str, tuple[Change, str]] = {
    "typo in a class": (
        lambda f: (f / "validation" / "happy").rename(f / "validation" / "hapy"),
        r"validation: no label 'hapy' \(did you mean 'happy'\?\).*mapping of classes.*\[data.classes\]",
    ),
    "class of nothing known": (lambda f: picture(f / "train" / "contempt" / "0.png"), "no label 'contempt'"),
    "class missing in a split": (
        lambda f: shutil.rmtree(f / "validation" / "sad"),
        "validation of .* has no picture of sad, which the other split has",
    ),
    "class without pictures": (
        lambda f: [path.unlink() for path in (f / "train" / "sad").iterdir()],
        "train/sad: no pictures here.*remove the folder",
    ),
    "typo in a split": (
        lambda f: (f / "validation").rename(f / "validaton"),
        "no folder validation; it has test, train, validaton: rename one if it is meant, move a tenth of train",
    ),
    "two folders of a split": (
        lambda f: shutil.copytree(f / "validation", f / "val"),
        "two folders for validation: val and validation; keep one",
    ),
    "split without classes": (lambda f: [shutil.rmtree(f / "train" / c) for c in CORE], "train has no pictures"),
    "pictures outside of a class": (
        lambda f: picture(f / "train" / "x.png"),
        "train has pictures outside of a class.*: x.png",
    ),
    "unreadable pictures": (
        broken,
        r"^2 of 12 pictures in .*train cannot be read; fix or remove them: .*1.png: is empty.*; .*2.png: cannot be",
    ),
    "pictures of another format": (
        lambda f: (f / "train" / "happy" / "a.JXL").write_bytes(b"\xff\x0a"),
        r"^1 of 13 pictures in .*a.JXL: is not a picture of a known format .*, but JPEG XL",
    ),
    "videos": (
        lambda f: (f / "train" / "happy" / "a.MOV").write_bytes(b"x"),
        r"a.MOV: is left out, for it is a video; take pictures from it",
    ),
    "pictures beside Parquet": (
        lambda f: (f / "train.parquet").write_bytes(b"x"),
        "mixes layouts: train.parquet beside the splits test, train, validation",
    ),
    "classes beside splits": (lambda f: picture(f / "happy" / "0.png"), "mixes layouts: happy beside the splits"),
}


@pytest.mark.parametrize(("change", "message"), FAULTS.values(), ids=FAULTS)
def test_faults_are_clear_errors_before_training(folder: Path, change: Change, message: str) -> None:
    change(folder)
    with pytest.raises(DataError, match=message) as raised:
        open_dataset(folder).read_for_training()
    assert "\n" not in str(raised.value)


def test_a_mapped_name_that_no_folder_has_is_an_error(folder: Path) -> None:
    with pytest.raises(DataError, match=r"\[data.classes\]: no folder .* 'hapyp' \(did you mean 'happy'\?\)"):
        open_dataset(folder, {"hapyp": "happy"}).read_for_training()


def test_classes_without_splits_are_read_but_not_trained_on(folder: Path) -> None:
    dataset = open_dataset(folder / "train")
    assert dataset.splits == {}
    faces = dataset.read()
    assert (len(faces), faces.splits, dataset.name) == (12, ("train",), "train")
    assert faces.files is not None
    assert faces.files[0] == "happy/0.png"
    with pytest.raises(DataError, match=r"holds classes \(happy, neutral, sad, surprise\) but no splits"):
        dataset.read_for_training()


def test_a_data_set_knows_what_its_splits_are_called(folder: Path) -> None:
    (folder / "validation").rename(folder / "Val")
    dataset = open_dataset(folder)
    assert dataset.splits == {Split.TRAIN: "train", Split.VALIDATION: "Val", Split.TEST: "test"}
    assert dataset.read(Split.VALIDATION).splits == ("Val",)
    assert "splits=train, Val, test" in repr(dataset)


def test_crops_are_as_large_and_colorful_as_their_pictures(folder: Path) -> None:
    colors = np.random.default_rng(1).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(colors).save(folder / "train" / "happy" / "0.png")
    Image.fromarray(colors[..., 0]).convert("RGB").save(folder / "train" / "happy" / "1.png")
    Image.new("RGB", (1000, 500), "red").save(folder / "train" / "happy" / "2.png")
    crops = open_dataset(folder).read(Split.TRAIN).crops
    assert np.array_equal(crops[0], colors)
    assert np.array_equal(crops[1], colors[..., 0])
    assert crops[2].shape == (128, LARGEST_PX, 3)
    assert crops[3].shape == (48, 48)


def test_a_folder_that_cannot_be_listed_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "iterdir", closed)
    with pytest.raises(DataError, match="cannot be listed \\(Permission denied\\)"):
        open_dataset(folder).read()
