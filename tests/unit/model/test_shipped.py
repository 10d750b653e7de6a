import json
from hashlib import sha256
from pathlib import Path
from shutil import copy

import pytest

from mien.cli import main
from mien.detect.mtcnn import Mtcnn
from mien.errors import ModelError, UnknownModel
from mien.model import shipped
from mien.model.package import load_model, shipped_models
from mien.model.shipped import CHECKSUMS_NAME, read_shipped, shipped_checksums, shipped_path

pytestmark = pytest.mark.slow

NETWORKS = ("mtcnn-onet.onnx", "mtcnn-pnet.onnx", "mtcnn-rnet.onnx")


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the detector's files that stands in for the shipped folder and may be damaged."""
    for name in (CHECKSUMS_NAME, *NETWORKS):
        copy(shipped_path(name), tmp_path)
    monkeypatch.setattr(shipped, "MODELS_FOLDER", tmp_path)
    return tmp_path


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_in_half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_every_shipped_file_has_a_checksum_and_the_other_way_round() -> None:
    assert set(shipped_checksums()) == {path.name for path in shipped.MODELS_FOLDER.glob("*.onnx")}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_sound_file_is_given_as_it_is(name: str) -> None:
    assert read_shipped(name) == shipped_path(name).read_bytes()


@pytest.mark.parametrize("damage", [flip_a_bit, cut_in_half])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_damaged_network_is_not_run(name: str, damage: object, copied: Path) -> None:
    Mtcnn(threads=1)
    damage(copied / name)  # type: ignore[operator]
    with pytest.raises(ModelError, match=rf"{name} is damaged: SHA-256 .*; install mien again$") as refused:
        Mtcnn(threads=1)
    assert "\n" not in str(refused.value)


def test_a_missing_network_is_named(copied: Path) -> None:
    (copied / "mtcnn-rnet.onnx").unlink()
    with pytest.raises(ModelError, match=r"cannot read .*mtcnn-rnet\.onnx: No such file.*; install mien again"):
        Mtcnn(threads=1)


def test_a_missing_expression_model_is_named(copied: Path) -> None:
    assert not (copied / "base.onnx").exists()
    with pytest.raises(ModelError, match=r"cannot read .*base\.onnx: No such file"):
        load_model("base")


@pytest.fixture
def two_models(copied: Path) -> Path:
    """A shipped folder with `base`, and the same once more as `other`."""
    content = (Path(__file__).parents[3] / "src" / "mien" / "weights" / "base.onnx").read_bytes()
    for name in ("base", "other"):
        (copied / f"{name}.onnx").write_bytes(content)
    lines = [line for line in (copied / CHECKSUMS_NAME).read_text("ascii").splitlines() if "tiny" not in line]
    lines.append(f"{sha256(content).hexdigest()}  other.onnx")
    (copied / CHECKSUMS_NAME).write_text("\n".join(lines), "ascii")
    return copied


def test_several_expression_models_are_found_by_name(two_models: Path) -> None:
    assert shipped_models() == ("base", "other")
    assert load_model("other").file.path == two_models / "other.onnx"
    with pytest.raises(UnknownModel, match=r"no model 'othre' \(did you mean 'other'\?\); choose from base, other"):
        load_model("othre")


def test_each_is_verified_by_its_own_checksum(two_models: Path) -> None:
    flip_a_bit(two_models / "other.onnx")
    load_model("base")
    with pytest.raises(ModelError, match=r"other\.onnx is damaged: SHA-256"):
        load_model("other")


@pytest.mark.usefixtures("two_models")
def test_info_shows_all_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["info", "--json"])
    assert not ended.value.code
    assert [model["name"] for model in json.loads(capsys.readouterr().out)["models"]] == ["base", "other"]


@pytest.mark.parametrize("spoilt", [CHECKSUMS_NAME, "mtcnn-rnet.onnx"])
def test_info_shows_what_is_broken_and_the_rest(
    spoilt: str, two_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(two_models / spoilt) if spoilt.endswith(".onnx") else (two_models / spoilt).unlink()
    with pytest.raises(SystemExit) as ended:
        main(["info"])
    out = capsys.readouterr().out
    assert ended.value.code == 1
    (detector,) = [line for line in out.splitlines() if line.startswith("detector mtcnn")]
    assert "error: " in detector
    assert spoilt in detector
    assert "CPUExecutionProvider" in out
    assert "model" in out


def test_a_file_without_a_checksum_is_not_given(copied: Path) -> None:
    (copied / "other.onnx").write_bytes(b"anything")
    with pytest.raises(ModelError, match=r"other\.onnx has no checksum"):
        read_shipped("other.onnx")


def test_missing_checksums_stop_models_and_detectors(copied: Path) -> None:
    (copied / CHECKSUMS_NAME).unlink()
    for load in (lambda: load_model("base"), Mtcnn, shipped_models):
        with pytest.raises(ModelError, match=r"cannot read .*SHA256SUMS: No such file.*; install mien again"):
            load()


@pytest.mark.parametrize("content", [b"one-word\n", b"\xff\xfe\x00", b"a b c\n", b"\n\n"])
def test_checksums_that_are_none_are_damaged(content: bytes, copied: Path) -> None:
    (copied / CHECKSUMS_NAME).write_bytes(content)
    with pytest.raises(ModelError, match="SHA256SUMS is damaged"):
        read_shipped(NETWORKS[0])
