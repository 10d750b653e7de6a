"""Reading FER2013 from files made here, in each of its forms and with each of its faults."""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from PIL import Image

from mien.data.dataset import open_dataset
from mien.data.labelled_faces import VOTE_COLUMNS, LabelledFaces
from mien.data.split import Split
from mien.errors import DataError, MissingExtra
from mien.expressions import FER7

USAGES = ("Training", "Training", "PublicTest", "PrivateTest")
LABELS = ("angry", "neutral", "happy", "disgust")
PIXELS = np.random.default_rng(7).integers(0, 256, (4, 48, 48), dtype=np.uint8)
VOTES = np.array([[0, 0, 0, 0, 8, 1, 1, 0, 0, 0], [10, *[0] * 9], [0, 10, *[0] * 8], [*[0] * 9, 10]])

Columns = dict[str, list[Any]]


def png(pixels: NDArray[np.uint8]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def columns() -> Columns:
    votes = {f"ferplus_{name}": VOTES[:, column].tolist() for column, name in enumerate(VOTE_COLUMNS)}
    images = [png(face) for face in PIXELS]
    return {"row": [0, 1, 2, 3], "usage": list(USAGES), "emotion": list(LABELS), "image": images, **votes}


def write_parquet(path: Path, table: Columns, rows: slice = slice(None)) -> Path:
    pq.write_table(pa.table({name: values[rows] for name, values in table.items()}), path)
    return path


def csv_lines() -> list[str]:
    rows = zip(LABELS, PIXELS, USAGES, strict=True)
    texts = [f"{FER7.index(label)},{' '.join(map(str, face.ravel()))},{usage}" for label, face, usage in rows]
    return ["emotion,pixels,Usage", *texts]


def ferplus_lines() -> list[str]:
    head = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
    return [
        head,
        *(
            f"{usage},fer{number:07}.png,{','.join(map(str, row))}"
            for number, (usage, row) in enumerate(zip(USAGES, VOTES, strict=True))
        ),
    ]


def write_csv(folder: Path, lines: list[str], ferplus: list[str] | None = None) -> Path:
    path = folder / "fer2013.csv"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    if ferplus is not None:
        (folder / "fer2013new.csv").write_text("\n".join(ferplus) + "\n", "utf-8")
    return path


def assert_faces(faces: LabelledFaces, rows: list[int]) -> None:
    assert faces.rows.tolist() == rows
    assert faces.gray().dtype == np.uint8
    assert np.array_equal(faces.gray(), PIXELS[rows])
    assert faces.fer7.tolist() == [FER7.index(LABELS[row]) for row in rows]
    assert np.array_equal(faces.votes, VOTES[rows])


SPLITS = [(None, [0, 1, 2, 3]), (Split.TRAIN, [0, 1]), (Split.VALIDATION, [2]), (Split.TEST, [3])]


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_parquet_file_gives_the_faces_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    assert_faces(open_dataset(write_parquet(tmp_path / "all.parquet", columns())).read(split), rows)


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_csv_gives_the_faces_and_votes_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    assert_faces(open_dataset(write_csv(tmp_path, csv_lines(), ferplus_lines())).read(split), rows)


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_folder_gives_the_faces_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    write_parquet(tmp_path / "train.parquet", columns(), slice(0, 2))
    write_parquet(tmp_path / "public_test.parquet", columns(), slice(2, 3))
    write_parquet(tmp_path / "private_test.parquet", columns(), slice(3, 4))
    assert_faces(open_dataset(tmp_path).read(split), rows)


def test_folder_may_hold_the_csv(tmp_path: Path) -> None:
    write_csv(tmp_path, csv_lines(), ferplus_lines())
    assert_faces(open_dataset(tmp_path).read(Split.TEST), [3])


def test_csv_without_votes_has_zero_votes_and_pixels_that_can_be_written(tmp_path: Path) -> None:
    faces = open_dataset(write_csv(tmp_path, csv_lines())).read()
    assert faces.source == "FER2013"
    assert not faces.votes.any()
    assert faces.gray().flags.writeable


def test_csv_head_may_have_spaces_another_order_and_a_byte_order_mark(tmp_path: Path) -> None:
    rows = [line.split(",") for line in csv_lines()]
    path = tmp_path / "icml_face_data.csv"
    path.write_text("\n".join(f"{emotion}, {usage}, {pixels}" for emotion, pixels, usage in rows), "utf-8-sig")
    assert np.array_equal(open_dataset(path).read().gray(), PIXELS)


Change = Callable[[Columns], object]

PARQUET_FAULTS: dict[str, tuple[Change, str]] = {
    "no column": (lambda t: t.pop("ferplus_nf"), "has no column ferplus_nf; its columns are row, usage"),
    "unknown label": (
        lambda t: t["emotion"].__setitem__(1, "hapy"),
        "row 1 of .*no label 'hapy'.*did you mean 'happy'",
    ),
    "labels are lists": (lambda t: t.update(emotion=[["sad"]] * 4), "row 0 of .*no label .\\['sad'\\]"),
    "no label": (lambda t: t["emotion"].__setitem__(1, None), "row 1 of .*no label 'None'"),
    "no usage": (lambda t: t["usage"].__setitem__(2, "dev"), "row 2 of .*no split 'dev'; choose from train"),
    "not an image": (lambda t: t["image"].__setitem__(3, b"nothing"), "row 3: .*not a picture of a known format"),
    "truncated": (lambda t: t["image"].__setitem__(3, png(PIXELS[0])[:900]), "row 3: .*cannot be decoded"),
    "no image": (lambda t: t["image"].__setitem__(0, None), "row 0: must be the bytes of a picture; got NoneType"),
    "no images": (lambda t: t.update(image=[b"x"] * 4), "^4 of 4 pictures in .*: row 0: .*; row 1: .*; row 3: "),
    "votes are words": (
        lambda t: t.update(ferplus_nf=["many"] * 4),
        "column ferplus_nf of .*whole numbers; it holds string$",
    ),
    "votes are fractions": (lambda t: t.update(ferplus_nf=[0.5] * 4), "column ferplus_nf of .*whole numbers"),
    "votes below 0": (lambda t: t["ferplus_fear"].__setitem__(0, -1), "column ferplus_fear of .*holds -1"),
    "no votes": (lambda t: t["ferplus_fear"].__setitem__(0, None), "column ferplus_fear of .*empty in 1 rows"),
}


@pytest.mark.parametrize(("change", "message"), PARQUET_FAULTS.values(), ids=PARQUET_FAULTS)
def test_parquet_faults_are_clear_errors(tmp_path: Path, change: Change, message: str) -> None:
    table = columns()
    change(table)
    with pytest.raises(DataError, match=message):
        open_dataset(write_parquet(tmp_path / "all.parquet", table)).read()


@pytest.mark.parametrize(
    ("rows", "voters", "is_fer2013"),
    [
        ([0, 28_708, 28_709, 35_886], 10, True),
        ([0, 1, 2, 3], 10, False),  # FER2013 has its PublicTest elsewhere
        ([0, 28_708, 28_709, 35_886], 0, False),
    ],
)
def test_parquet_is_called_fer2013_only_where_it_is(
    tmp_path: Path, rows: list[int], voters: int, is_fer2013: bool
) -> None:
    none = dict.fromkeys((f"ferplus_{name}" for name in VOTE_COLUMNS), [0] * 4)
    table = columns() | none | {"row": rows, "ferplus_happiness": [voters] * 4}
    (tmp_path / "faces").mkdir()
    path = write_parquet(tmp_path / "faces" / "all.parquet", table)
    dataset = open_dataset(path)
    assert dataset.name == dataset.read().source == ("FER2013" if is_fer2013 else "all")
    assert open_dataset(path, name="Ours").name == "Ours"
    write_parquet(tmp_path / "faces" / "public_test.parquet", table, slice(2, 3))
    assert open_dataset(path.parent).name == ("FER2013" if is_fer2013 else "faces")


def test_a_file_of_a_split_holds_that_split_alone(tmp_path: Path) -> None:
    write_parquet(tmp_path / "train.parquet", columns())
    with pytest.raises(DataError, match=r"has faces of PublicTest, PrivateTest; .* must hold train alone"):
        open_dataset(tmp_path).read(Split.TRAIN)


def test_usages_are_read_whatever_their_case_and_blanks(tmp_path: Path) -> None:
    lines = [line.replace("Training", " training").replace("PublicTest", "PUBLICTEST ") for line in csv_lines()]
    dataset = open_dataset(write_csv(tmp_path, lines, ferplus_lines()))
    assert list(dataset.splits.values()) == ["Training", "PublicTest", "PrivateTest"]
    assert_faces(dataset.read(Split.TRAIN), [0, 1])
    table = columns() | {"usage": ["train", "Train ", "val", "val"]}
    dataset = open_dataset(write_parquet(tmp_path / "own.parquet", table))
    assert dataset.splits == {Split.TRAIN: "train", Split.VALIDATION: "val"}
    assert dataset.read().split.tolist() == ["train", "train", "val", "val"]


def test_pictures_in_parquet_are_read_as_any_other(tmp_path: Path) -> None:
    deep = Image.fromarray(PIXELS[0].astype(np.uint16) * 257)
    clear = Image.new("RGBA", (60, 50), (0, 0, 0, 0))
    turned, exif = Image.fromarray(PIXELS[2, :40]), Image.Exif()
    exif[0x0112] = 6
    table = columns()
    for row, (image, more) in enumerate([(deep, {}), (clear, {}), (turned, {"exif": exif})]):
        stream = io.BytesIO()
        image.save(stream, "PNG", **more)
        table["image"][row] = stream.getvalue()
    table["image"][3] = png(np.random.default_rng(1).integers(0, 256, (600, 300, 3), dtype=np.uint8))
    crops = open_dataset(write_parquet(tmp_path / "all.parquet", table)).read().crops
    assert np.array_equal(crops[0], PIXELS[0])
    assert crops[1].shape == (50, 60)
    assert (crops[1] == 255).all()
    assert np.array_equal(crops[2], np.rot90(PIXELS[2, :40], -1))
    assert crops[3].shape == (256, 128, 3)


def test_parquet_may_have_own_class_names_and_classes_that_are_left_out(tmp_path: Path) -> None:
    table = columns()
    table["emotion"] = ["rage", "neutral", "Happiness", "odd"]
    faces = open_dataset(write_parquet(tmp_path / "all.parquet", table), {"Rage": "angry", "odd": ""}).read()
    assert [FER7.labels[position] for position in faces.fer7] == ["angry", "neutral", "happy"]
    assert faces.rows.tolist() == [0, 1, 2]


def replaced(lines: list[str], row: int, old: str, new: str) -> list[str]:
    return [line.replace(old, new, 1) if number == row + 1 else line for number, line in enumerate(lines)]


CSV_FAULTS: dict[str, tuple[list[str], list[str] | None, str]] = {
    "no column": (["a,b", "1,2"], None, "has no column emotion, pixels, Usage; its columns are a, b"),
    "empty": ([], None, "has no column emotion"),
    "unknown label": (replaced(csv_lines(), 1, "6,", "7,"), None, "row 1 of .*emotion must be 0 to 6; got '7'"),
    "too few pixels": (
        replaced(csv_lines(), 0, " ", ""),
        None,
        "row 0 of .*square number of pixels.*; got 2303",
    ),
    "no number": ([csv_lines()[0], "0," + "1 " * 2303 + "x,Training"], None, "0 to 255; got 'x'"),
    "over 255": ([csv_lines()[0], "0," + "1 " * 2303 + "256,Training"], None, "0 to 255; got '256'"),
    "short row": ([csv_lines()[0], "0,,Training"], None, "row 0 of .*square number of pixels.*; got 0"),
    "unknown usage": (replaced(csv_lines(), 1, "Training", "Trainning"), None, "row 1 .*did you mean 'Training'"),
    "no usage": (replaced(csv_lines(), 2, "PublicTest", ""), None, "row 2 of .*no split ''"),
    "votes of others": (
        csv_lines(),
        [ferplus_lines()[0], *reversed([re.sub(r"fer\d+.png", "", line) for line in ferplus_lines()[1:]])],
        "row 0 of .*fer2013new.csv is of 'PrivateTest', that of the faces beside it of 'Training'",
    ),
    "votes of other images of the same split": (
        csv_lines(),
        [ferplus_lines()[number] for number in (0, 2, 1, 3, 4)],
        r"row 0 of .*fer2013new.csv is of image fer0000001\.png, which is that of row 1 of FER2013; both files must",
    ),
    "rows of votes lack": (csv_lines(), ferplus_lines()[:-1], "a row for each of the 4 faces; got 3 rows"),
    "votes lack a column": (csv_lines(), ["Usage,neutral"], "fer2013new.csv has no column happiness"),
    "votes are words": (csv_lines(), replaced(ferplus_lines(), 1, "10", "ten"), "row 1 of .*whole numbers; got ten"),
}


@pytest.mark.parametrize(("lines", "ferplus", "message"), CSV_FAULTS.values(), ids=CSV_FAULTS)
def test_csv_faults_are_clear_errors(tmp_path: Path, lines: list[str], ferplus: list[str] | None, message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_dataset(write_csv(tmp_path, lines, ferplus)).read()


def test_files_that_are_not_what_their_name_says_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_bytes(b"no parquet at all")
    with pytest.raises(DataError, match=r"x\.parquet is no Parquet file, or a damaged one; write or fetch it anew$"):
        open_dataset(tmp_path / "x.parquet").read()
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00\x81")
    with pytest.raises(DataError, match="cannot be read as CSV"):
        open_dataset(tmp_path / "x.csv").read()


def test_missing_files_and_empty_folders_are_clear_errors(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        open_dataset(tmp_path / "nothing.parquet").read()
    with pytest.raises(DataError, match=r"none of train\.parquet, .* and fer2013\.csv, and no folder named train, "):
        open_dataset(tmp_path)


def test_a_split_without_faces_is_an_error(tmp_path: Path) -> None:
    parquet = write_parquet(tmp_path / "train.parquet", columns(), slice(0, 2))
    with pytest.raises(DataError, match=r"no split validation in .*train\.parquet; it has Training"):
        open_dataset(parquet).read(Split.VALIDATION)
    with pytest.raises(DataError, match=r"no split test in .*; it has Training"):
        open_dataset(write_csv(tmp_path, csv_lines()[:3])).read(Split.TEST)
    with pytest.raises(DataError, match="no labelled faces in"):
        open_dataset(write_csv(tmp_path, csv_lines()[:1]))


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "all.parquet", columns())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mien\[evaluate\]'"):
        open_dataset(path).read()


def test_what_was_seen_before_a_split_is_what_comes_before_it(tmp_path: Path) -> None:
    path = write_csv(tmp_path, csv_lines(), ferplus_lines())
    assert_faces(open_dataset(path).seen_before(Split.VALIDATION), [0, 1])
    assert_faces(open_dataset(path).seen_before(Split.TEST), [0, 1, 2])
    # Not the tested split, which stands there too.
    parquet = write_parquet(tmp_path / "any.parquet", columns(), slice(1, 3))
    assert_faces(open_dataset(parquet).seen_before(Split.VALIDATION), [1])
    assert_faces(open_dataset(parquet).seen_before(Split.TEST), [1, 2])
    other = write_parquet(tmp_path / "other.parquet", columns(), slice(2, 4))
    assert_faces(open_dataset(other).seen_before(Split.VALIDATION), [2, 3])
    with pytest.raises(DataError, match="nothing comes before train;"):
        open_dataset(path).seen_before(Split.TRAIN)


def test_faces_of_a_file_that_stand_together_are_not_copied(tmp_path: Path) -> None:
    path = write_csv(tmp_path, csv_lines())
    dataset = open_dataset(path)
    assert isinstance(dataset.read(Split.TRAIN).gray().base, np.memmap)
    write_csv(tmp_path, [csv_lines()[0], *(csv_lines()[row] for row in (1, 3, 2, 4))])
    assert open_dataset(path).read(Split.TRAIN).rows.tolist() == [0, 2]


@pytest.mark.data
def test_the_real_public_test_holds_the_published_counts(shared_data: Path) -> None:
    public = open_dataset(shared_data / "fer2013" / "public_test.parquet").read(Split.VALIDATION)
    assert np.bincount(public.fer7).tolist() == [467, 56, 496, 895, 653, 415, 607]
    assert public.rows.tolist() == list(range(28709, 28709 + 3589))
