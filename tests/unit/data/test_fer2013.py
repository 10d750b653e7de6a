"""FER2013 from files made here, in each of its forms and with each of its faults."""

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from fer2013_files import (
    PIXELS,
    SPLITS,
    Columns,
    assert_faces,
    columns,
    csv_lines,
    ferplus_lines,
    png,
    write_csv,
    write_parquet,
)
from PIL import Image

from mien.data.dataset import open_dataset
from mien.data.split import Split
from mien.errors import DataError, MissingExtra
from mien.expressions import FER7


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_parquet_file_gives_the_faces_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    assert_faces(open_dataset(write_parquet(tmp_path / "all.parquet", columns())).read(split), rows)


@pytest.mark.parametrize(("split", "rows"), SPLITS)
def test_csv_gives_the_faces_and_votes_of_a_split(tmp_path: Path, split: Split | None, rows: list[int]) -> None:
    assert_faces(open_dataset(write_csv(tmp_path, csv_lines(), ferplus_lines())).read(split), rows)


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


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_parquet(tmp_path / "all.parquet", columns())
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match=r"pip install 'mien\[evaluate\]'"):
        open_dataset(path).read()


@pytest.mark.data
def test_the_real_public_test_holds_the_published_counts(shared_data: Path) -> None:
    public = open_dataset(shared_data / "fer2013" / "public_test.parquet").read(Split.VALIDATION)
    assert np.bincount(public.fer7).tolist() == [467, 56, 496, 895, 653, 415, 607]
    assert public.rows.tolist() == list(range(28709, 28709 + 3589))
