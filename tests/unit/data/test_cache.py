"""Decoded faces are kept, and never served stale, half-written or damaged."""

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_faces import drawn_faces

from mien.data.cache import CACHE_VARIABLE, cache_folder, cached_faces
from mien.data.crops import Crops
from mien.data.labelled_faces import LabelledFaces

FACES = replace(drawn_faces(6, seed=0), source="drawn")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "faces.bin"
    path.write_bytes(b"some")
    return path


@dataclass
class Reader:
    """Counts how often it reads."""

    faces: LabelledFaces = FACES
    times: int = 0

    def __call__(self) -> LabelledFaces:
        self.times += 1
        return self.faces


def assert_same(given: LabelledFaces) -> None:
    assert np.array_equal(given.gray(), FACES.gray())
    for name in ("fer7", "votes", "rows"):
        assert np.array_equal(getattr(given, name), getattr(FACES, name)), name
    assert given.source == "drawn"


def test_faces_are_read_once_and_mapped_ever_after(file: Path) -> None:
    read = Reader()
    for _ in range(3):
        faces = cached_faces("here", [file], read)
        assert_same(faces)
        assert isinstance(faces.crops.stacked, np.memmap)
    assert read.times == 1


def test_crops_of_any_shape_and_what_is_known_of_them_are_kept(file: Path) -> None:
    shapes = [(30, 20), (10, 12, 3), (48, 48), (1, 7), (5, 5, 3), (48, 48)]
    rng = np.random.default_rng(1)
    crops = Crops([rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes])
    named = replace(FACES, crops=crops, files=np.array(list("abcdéf")), split=np.array(["train"] * 6))
    for _ in range(2):
        given = cached_faces("here", [file], Reader(named))
        assert given.crops.stacked is None
        assert given.crops.shapes == tuple(shapes)
        assert all(np.array_equal(ours, theirs) for ours, theirs in zip(crops, given.crops, strict=True))
        assert given.files is not None
        assert given.files.tolist() == list("abcdéf")
        assert given.splits == ("train",)
    assert isinstance(given.crops[0].base, np.memmap)


def test_a_change_to_faces_stays_in_memory_and_torch_takes_them(file: Path) -> None:
    faces = cached_faces("here", [file], Reader())
    torch.from_numpy(faces.crops.stacked[:, None]).zero_()
    assert not faces.crops.stacked.any()
    assert_same(cached_faces("here", [file], Reader()))


CHANGES: dict[str, Callable[[Path], object]] = {
    "size": lambda path: path.write_bytes(b"others"),
    "time": lambda path: os.utime(path, ns=(1, 1)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_files_are_read_again_and_the_old_entry_goes(
    file: Path, cache: Path, change: Callable[[Path], object]
) -> None:
    read = Reader()
    cached_faces("here", [file], read)
    change(file)
    cached_faces("here", [file], read)
    assert read.times == 2
    assert len(list(cache.iterdir())) == 1


def test_another_state_and_other_files_are_read_again(file: Path) -> None:
    read = Reader()
    cached_faces("here", [file], read, state="a")
    cached_faces("here", [file], read, state="b")
    cached_faces("here", [file, file.parent], read, state="b")
    assert read.times == 3


def test_what_is_read_elsewhere_has_its_own_entry(file: Path, cache: Path) -> None:
    read = Reader()
    for what in ("here", "there", "here"):
        cached_faces(what, [file], read)
    assert read.times == 2
    assert len(list(cache.iterdir())) == 2


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "bit": lambda entry: flip_a_bit(entry / "crops.npy"),
    "labels": lambda entry: flip_a_bit(entry / "labels.npz"),
    "cut off": lambda entry: os.truncate(entry / "crops.npy", 500),
    "gone": lambda entry: (entry / "labels.npz").unlink(),
    "no JSON": lambda entry: (entry / "entry.json").write_text("{"),
    "other JSON": lambda entry: (entry / "entry.json").write_text("[]"),
    "no checksum": lambda entry: (entry / "entry.json").write_text(json.dumps({"sha256": {}})),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_entry_is_built_anew(file: Path, cache: Path, damage: Callable[[Path], object]) -> None:
    read = Reader()
    cached_faces("here", [file], read)
    damage(next(cache.iterdir()))
    for _ in range(2):
        assert_same(cached_faces("here", [file], read))
    assert read.times == 2


def test_a_writing_that_fails_leaves_nothing_and_the_faces_are_given(
    file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    assert_same(cached_faces("here", [file], Reader()))
    assert list(cache.iterdir()) == []


def test_an_entry_comes_into_being_in_one_step(file: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(draft: Path, entry: Path) -> None:
        assert sorted(path.name for path in draft.iterdir()) == ["crops.npy", "entry.json", "labels.npz"]
        assert not entry.exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        cached_faces("here", [file], Reader())
    assert list(cache.iterdir()) == []


def test_what_a_killed_process_left_goes_after_a_day(file: Path, cache: Path) -> None:
    cache.mkdir()
    for name, age_s in ((".draft-old", 90_000), (".draft-new", 80_000)):
        (cache / name).mkdir()
        (cache / name / "crops.npy").write_bytes(b"x")
        os.utime(cache / name, (time.time() - age_s,) * 2)
    cached_faces("here", [file], Reader())
    assert [path.name for path in cache.glob(".draft-*")] == [".draft-new"]


def test_without_a_place_to_write_faces_are_read_each_time(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, os.devnull)
    read = Reader()
    for _ in range(2):
        assert_same(cached_faces("here", [file], read))
    assert read.times == 2


def test_no_faces_are_not_kept(file: Path) -> None:
    read = Reader(FACES[:0])
    for _ in range(2):
        assert len(cached_faces("here", [file], read)) == 0
    assert read.times == 2


def test_entries_are_for_their_owner_alone(file: Path, cache: Path) -> None:
    cached_faces("here", [file], Reader())
    assert next(cache.iterdir()).stat().st_mode & 0o077 == 0


def test_the_folder_is_the_users_unless_another_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_folder() == Path("/xdg/mien")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setattr("sys.platform", "linux")
    assert cache_folder() == Path("/home/me/.cache/mien")
    monkeypatch.setattr("sys.platform", "darwin")
    assert cache_folder() == Path("/home/me/Library/Caches/mien")
