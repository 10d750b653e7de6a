import csv
import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mien.errors import MissingExtra, OutputError
from mien.expressions import CORE4
from mien.recognizer import Recognizer
from mien.results import Box, Face, OtherExpression, PictureResult, Prediction, row_columns
from mien.writers import SCHEMA, Format, Writer, format_of, open_writer, text_writer, write_results

LABELS = CORE4.labels
LARGE_HAPPY = Face(Box(10, 20, 110, 140), None, 0.99, Prediction(LABELS, (0.9, 0.05, 0.03, 0.02), False, 0.8))
SMALL_UNSURE = Face(
    Box(200, 0, 220, 25.5),
    None,
    0.75,
    Prediction(LABELS, (0.1, 0.4, 0.1, 0.4), True, 0.1, OtherExpression("angry", 0.77)),
)

TWO_FACES = PictureResult('a/two, "faces".jpg', 640, 480, (LARGE_HAPPY, SMALL_UNSURE))
NO_FACE = PictureResult("none.png", 8, 9)
UNREAD = PictureResult("bad.jpg", None, None, error="bad.jpg: is no picture", error_kind="UnsupportedPicture")
ALL = (TWO_FACES, NO_FACE, UNREAD)
TEXTS = [form for form in Format if form is not Format.PARQUET]


def written(form: Format, *results: PictureResult) -> str:
    stream = io.StringIO()
    with closing(text_writer(form, stream, LABELS)) as writer:
        for result in results:
            writer.write(result)
    return stream.getvalue()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def check(value: Any, schema: dict[str, Any]) -> None:
    """That `value` is as `schema` says, by the few words of JSON Schema that ours uses; others fail."""
    rest = dict(schema)
    for word in ("$schema", "title", "description"):
        rest.pop(word, None)
    if "anyOf" in rest:
        assert set(rest) == {"anyOf"}
        some, null = rest["anyOf"]
        assert null == {"type": "null"}
        if value is not None:
            check(value, some)
        return
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}
    kind = rest.pop("type")
    assert isinstance(value, kinds[kind])
    assert kind == "boolean" or not isinstance(value, bool)
    if kind == "object":
        properties, others = rest.pop("properties", {}), rest.pop("additionalProperties")
        assert set(rest.pop("required", ())) <= set(value)
        for name, part in value.items():
            assert name in properties or others is not False, name
            check(part, properties.get(name, others))
    elif kind == "array":
        assert rest.pop("minItems", 0) <= len(value) <= rest.pop("maxItems", len(value))
        for part in value:
            check(part, schema["items"])
        del rest["items"]
    elif kind == "number":
        assert rest.pop("minimum", value) <= value <= rest.pop("maximum", value)
    assert not rest


@pytest.mark.parametrize("result", ALL, ids=["faces", "none", "unread"])
@pytest.mark.parametrize("timing", [True, False])
def test_records_are_as_the_schema_says(result: PictureResult, timing: bool) -> None:
    check(replace(result, elapsed_s=0.5).to_dict(timing=timing), SCHEMA)


def test_records_of_real_pictures_are_as_the_schema_says(examples: Path) -> None:
    sources = [*sorted(examples.glob("*.jpg")), "gone.jpg"]
    for result in Recognizer(threads=1).recognize_many(sources, on_error="yield"):
        check(result.to_dict(timing=True), SCHEMA)


@pytest.mark.parametrize(
    "wrong",
    [
        {"source": 1},
        {"width_px": 1.5},
        {"more": 1},
        {"faces": [{}]},
        {"faces": [{**LARGE_HAPPY.to_dict(), "support": 1.5}]},
        {"faces": [{**LARGE_HAPPY.to_dict(), "small": 1}]},
    ],
)
def test_records_of_another_form_are_not(wrong: dict[str, Any]) -> None:
    with pytest.raises(AssertionError):
        check({**NO_FACE.to_dict(), **wrong}, SCHEMA)


def test_the_schema_is_json_and_the_documented_one(examples: Path) -> None:
    documented = examples.parent / "docs" / "reference" / "picture-result.schema.json"
    assert json.loads(documented.read_text("utf-8")) == SCHEMA == json.loads(json.dumps(SCHEMA))


def test_json_is_one_array_of_all_pictures() -> None:
    assert json.loads(written(Format.JSON, *ALL)) == [result.to_dict() for result in ALL]
    assert json.loads(written(Format.JSON, NO_FACE)) == [NO_FACE.to_dict()]
    assert json.loads(written(Format.JSON)) == []


def test_json_lines_hold_one_object_per_picture() -> None:
    records = [json.loads(line) for line in written(Format.JSONL, *ALL).splitlines()]
    assert [PictureResult.from_dict(record).to_dict() for record in records] == [each.to_dict() for each in ALL]


def test_csv_holds_one_row_per_face_and_nothing_else() -> None:
    first, second = rows(written(Format.CSV, *ALL))
    assert (first["source"], first["face"], first["expression"]) == (TWO_FACES.source, "1", "happy")
    assert [float(first[edge]) for edge in ("left", "top", "right", "bottom")] == [10, 20, 110, 140]
    assert [float(first[f"p_{label}"]) for label in LABELS] == [0.9, 0.05, 0.03, 0.02]
    assert (first["uncertain"], first["reason"], first["other"], first["track_id"]) == ("False", "", "", "")
    assert (second["face"], second["small"], second["uncertain"], second["support"]) == ("2", "True", "True", "0.1")
    assert (second["reason"], second["other"]) == ("probably none of the four: angry 77 %", "angry")


def test_csv_of_no_pictures_is_its_head() -> None:
    assert written(Format.CSV) == ",".join(row_columns(LABELS)) + "\n"


def test_the_first_line_of_pandas_works(tmp_path: Path) -> None:
    pd = pytest.importorskip("pandas", reason="pandas is no dependency of mien")
    write_results(ALL, tmp_path / "faces.csv", LABELS)
    frame = pd.read_csv(tmp_path / "faces.csv")
    assert frame[frame.uncertain].other.tolist() == ["angry"]
    assert frame[~frame.uncertain].expression.tolist() == ["happy"]
    assert str(frame.face.dtype) == str(frame.width_px.dtype) == "int64"


@pytest.mark.parametrize("name", ["a\rb.jpg", "a\nb.jpg", "a\r\nb.jpg", 'a"b,c.jpg', "größer.jpg"])
def test_csv_gives_back_any_name(name: str) -> None:
    (row,) = rows(written(Format.CSV, replace(TWO_FACES, source=name, faces=(LARGE_HAPPY,))))
    assert row["source"] == name


@pytest.mark.parametrize("name", ["=1+1.jpg", "+1.jpg", "-1.jpg", "@a.jpg", "\t=1.jpg", "\r=1.jpg", "\n=1.jpg"])
def test_csv_has_nothing_that_a_spreadsheet_takes_for_a_formula(name: str) -> None:
    (row,) = rows(written(Format.CSV, replace(TWO_FACES, source=name, faces=(LARGE_HAPPY,))))
    assert row["source"] == f"'{name}"


def test_formulas_may_hide_in_labels_too() -> None:
    stream = io.StringIO()
    labels = ("=cmd", "b")
    writer = text_writer(Format.CSV, stream, ("=cmd", "b"))
    odd = Face(Box(0, 0, 1, 1), None, 1.0, Prediction(labels, (0.75, 0.25), False, 0.5))
    writer.write(PictureResult("-", 1, 1, (odd,)))
    (row,) = rows(stream.getvalue())
    assert (row["source"], row["expression"], row["p_=cmd"]) == ("-", "'=cmd", "0.75")


@pytest.mark.parametrize("form", TEXTS)
def test_streamed_formats_are_written_at_once(form: Format, tmp_path: Path) -> None:
    path = tmp_path / "out"
    with path.open("w", encoding="utf-8") as stream:
        writer: Writer = text_writer(form, stream, LABELS)
        writer.write(TWO_FACES)
        assert "two" in path.read_text(encoding="utf-8")


def test_names_cannot_disturb_any_format(tmp_path: Path) -> None:
    result = replace(TWO_FACES, source="[red]\x1b[2J\n\udcff,\u202e.jpg")
    assert json.loads(written(Format.JSONL, result))["source"] == result.source
    assert json.loads(written(Format.JSON, result))[0]["source"] == result.source
    written(Format.CSV, result).encode()
    for form in Format:
        if form is not Format.PARQUET or _has_pyarrow():
            write_results([result], tmp_path / f"a.{form}", LABELS)


def _has_pyarrow() -> bool:
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def test_parquet_has_the_rows_of_csv_with_types(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is no dependency of mien's light runtime")
    monkeypatch.setattr("mien.writers.Parquet.ROWS_AT_ONCE", 3)
    write_results([*ALL, TWO_FACES, TWO_FACES], tmp_path / "a.parquet", LABELS)
    table = pq.read_table(tmp_path / "a.parquet")
    assert tuple(table.column_names) == row_columns(LABELS)
    assert table.to_pylist() == 3 * list(TWO_FACES.rows())
    kinds = {field.name: str(field.type) for field in table.schema}
    assert (kinds["uncertain"], kinds["face"], kinds["p_happy"], kinds["reason"]) == (
        "bool",
        "int64",
        "double",
        "string",
    )


def test_parquet_of_no_faces_is_its_columns(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="pyarrow is no dependency of mien's light runtime")
    write_results([NO_FACE], tmp_path / "a.parquet", LABELS)
    assert pq.read_table(tmp_path / "a.parquet").num_rows == 0


def test_parquet_without_pyarrow_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtra, match="Parquet needs the package 'pyarrow'; install it with: pip install pyarrow"):
        write_results(ALL, tmp_path / "a.parquet", LABELS)
    assert list(tmp_path.iterdir()) == []


def test_parquet_is_no_text() -> None:
    with pytest.raises(OutputError, match="needs a file"):
        text_writer(Format.PARQUET, io.StringIO(), LABELS)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.json", Format.JSON),
        ("a.jsonl", Format.JSONL),
        ("a.ndjson", Format.JSONL),
        ("b/a.CSV", Format.CSV),
        ("a.parquet", Format.PARQUET),
    ],
)
def test_a_suffix_stands_for_a_format(name: str, form: Format) -> None:
    assert format_of(name) is form


@pytest.mark.parametrize("name", ["a.xlsx", "a.jsn", "a", "csv"])
def test_an_unknown_suffix_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"no output format for the suffix .*; choose from \.json, \.jsonl, "):
        write_results(ALL, tmp_path / name, LABELS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", TEXTS)
def test_a_file_has_what_a_stream_has(form: Format, tmp_path: Path) -> None:
    with open_writer(tmp_path / "out.txt", LABELS, form) as writer:
        for result in ALL:
            writer.write(result)
    assert (tmp_path / "out.txt").read_bytes() == written(form, *ALL).encode()


def _interrupt() -> None:
    raise KeyboardInterrupt


def _fill_disk() -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("fail", [_interrupt, _fill_disk])
@pytest.mark.parametrize("name", [f"a.{form}" for form in TEXTS])
def test_a_file_is_whole_or_as_it_was(name: str, fail: Callable[[], None], tmp_path: Path) -> None:
    (tmp_path / name).write_text("before")

    def write() -> None:
        with open_writer(tmp_path / name, LABELS) as writer:
            writer.write(TWO_FACES)
            fail()

    with pytest.raises((KeyboardInterrupt, OSError)):
        write()
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "before")]


def test_a_device_is_written_to() -> None:
    with open_writer(os.devnull, LABELS, Format.CSV) as writer:
        writer.write(TWO_FACES)
    assert not Path(os.devnull).is_file()
