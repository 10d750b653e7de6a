from dataclasses import replace
from pathlib import Path

import pytest
from drawn_faces import drawn_faces
from made_runs import record_of

from mien.errors import ConfigError, OutputError
from mien.export.output_paths import check_places, places
from mien.train.run_record import write_record


def finished_run(folder: Path) -> Path:
    folder.mkdir()
    record = record_of(drawn_faces(8, seed=0))
    write_record(folder, replace(record, stopped_early=True))
    return folder


@pytest.mark.parametrize(
    ("precisions", "names"),
    [
        (("fp32",), {"fp32": "m.onnx"}),
        (("int8",), {"int8": "m.onnx"}),
        (("fp32", "int8"), {"fp32": "m.onnx", "int8": "m-int8.onnx"}),
        (("fp16", "int8"), {"fp16": "m-fp16.onnx", "int8": "m-int8.onnx"}),
    ],
)
def test_one_precision_alone_has_the_name_asked_for(precisions: tuple[str, ...], names: dict[str, str]) -> None:
    assert {key: path.name for key, path in places(Path("m.onnx"), precisions).items()} == names


def test_places_need_a_name_and_a_precision() -> None:
    with pytest.raises(ConfigError, match=r"must be named \*\.onnx, .*; got m\.md"):
        places(Path("m.md"), ("fp32",))
    with pytest.raises(ConfigError, match="no precision to export"):
        places(Path("m.onnx"), ())


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    run, model = finished_run(tmp_path / "run"), tmp_path / "m.onnx"
    check_places(run, model, ("fp32",))
    model.write_bytes(b"somebody's")
    with pytest.raises(OutputError, match=r"m\.onnx is there already and not of .*run; name another file"):
        check_places(run, model, ("fp32",))
    check_places(run, model, ("fp32",), replace=True)


def test_folders_in_the_way_are_said(tmp_path: Path) -> None:
    run = finished_run(tmp_path / "run")
    (tmp_path / "m.md").mkdir()
    with pytest.raises(OutputError, match=r"cannot write to .*m\.onnx: .*m\.md is a folder; remove it"):
        check_places(run, tmp_path / "m.onnx", ("fp32",))
    with pytest.raises(OutputError, match=r"name a file in a folder that you can write to"):
        check_places(run, run / "run.json" / "m.onnx", ("fp32",))
