"""Decoded faces kept on disk: read once from any number of pictures, then mapped from one file.

An entry is a folder with `crops.npy`, `labels.npz` and `entry.json`, which has the checksums of both. It is written
beside its place and moved there in one step, so no half-written one is ever found. Its name says what was read
(place and split) and in which state (path, size and time of change of each file, versions of mien and Pillow). Time and
size are what tells make and rsync that a file has changed; reading every byte of it would take as long as decoding.
"""

import json
import logging
import math
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable
from hashlib import file_digest, sha256
from pathlib import Path
from tempfile import mkdtemp
from zipfile import BadZipFile

import numpy as np
import PIL
from numpy.typing import NDArray

from mien._version import __version__
from mien.data.crops import Crops
from mien.data.labelled_faces import LabelledFaces
from mien.errors import DataError

CACHE_VARIABLE = "MIEN_CACHE"
"""Environment variable that names another folder for the cache."""

_FORMAT = "3"  # what an entry holds; another has another number
_DRAFT, _DRAFT_LIVES_S = ".draft-", 86_400  # one that is older was left by a process that was killed
_CROPS, _LABELS, _ENTRY = "crops.npy", "labels.npz", "entry.json"
_ARRAYS, _NAMES = ("fer7", "votes", "rows"), ("files", "split")
_log = logging.getLogger(__name__)


def cache_folder() -> Path:
    """Where decoded faces are kept: `MIEN_CACHE`, else `mien` in the user's folder for caches."""
    if chosen := os.environ.get(CACHE_VARIABLE):
        return Path(chosen)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "mien"
    return Path("~/Library/Caches/mien" if sys.platform == "darwin" else "~/.cache/mien").expanduser()


def cached_faces(
    what: str, files: Iterable[Path], read: Callable[[], LabelledFaces], *, state: str = ""
) -> LabelledFaces:
    """What `read` gives; from the cache if it was read before and nothing has changed since.

    Where the cache cannot be used, damaged or unwritable, the faces are read without it.

    Args:
        what: What is read; of each there is one entry, that of its last state.
        files: All files that it is read from.
        read: Reads it.
        state: What the result depends on beside the files.

    Returns:
        The faces. Their crops are mapped from the cache copy-on-write: memory is taken up by what is used, and a
        change to them stays in memory.
    """
    try:
        folder = cache_folder()
        entry = folder / f"{_short_hash(what)}-{_short_hash(_state_of(files, state))}"
    except (OSError, RuntimeError) as fault:  # a file has gone, which `read` will tell; or nobody's home is known
        _log.debug("no cache: %s", fault)
        return read()
    kept = _load(entry)
    if kept is None:
        faces = read()
        if len(faces) == 0:  # an empty file cannot be mapped
            return faces
        _store(faces, entry)
        kept = _load(entry) or faces
    return kept


def _state_of(files: Iterable[Path], state: str) -> str:
    facts = [_FORMAT, __version__, PIL.__version__, state]
    for file in files:
        status = file.stat()
        facts.append(f"{file}\0{status.st_size}\0{status.st_mtime_ns}")
    return "\n".join(facts)


def _short_hash(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:24]


def _load(entry: Path) -> LabelledFaces | None:
    """The faces of an entry, or None if there is none or it is damaged."""
    try:
        facts = json.loads((entry / _ENTRY).read_text("utf-8"))
        for name in (_CROPS, _LABELS):
            if _checksum(entry / name) != facts["sha256"][name]:
                _log.debug("damaged: %s", entry / name)
                return None
        with np.load(entry / _LABELS, allow_pickle=False) as labels:
            # Copy-on-write, since torch warns of arrays that cannot be written.
            pixels = np.load(entry / _CROPS, mmap_mode="c", allow_pickle=False)
            return LabelledFaces(
                crops=Crops(pixels) if pixels.ndim > 1 else _one_by_one(pixels, labels["shapes"]),
                source=facts["source"],
                **{name: labels[name] for name in (*_ARRAYS, *_NAMES) if name in labels},
            )
    except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile, DataError) as fault:
        _log.debug("not in the cache: %s", fault)
        return None


def _store(faces: LabelledFaces, entry: Path) -> None:
    """Writes an entry and removes those of earlier states; does nothing where it cannot be written."""
    try:
        entry.parent.mkdir(parents=True, exist_ok=True)
        _remove_old_drafts(entry.parent)
        draft = Path(mkdtemp(dir=entry.parent, prefix=_DRAFT))  # readable by its owner alone, as faces should be
        try:
            known = {name: values for name in (*_ARRAYS, *_NAMES) if (values := getattr(faces, name)) is not None}
            if faces.crops.stacked is None:
                known["shapes"] = np.array([shape if len(shape) == 3 else (*shape, 0) for shape in faces.crops.shapes])
                _save_flat(draft / _CROPS, faces.crops)
            else:
                np.save(draft / _CROPS, faces.crops.stacked)
            np.savez(draft / _LABELS, **known)
            sums = {name: _checksum(draft / name) for name in (_CROPS, _LABELS)}
            (draft / _ENTRY).write_text(json.dumps({"source": faces.source, "sha256": sums}), "utf-8")
            for old in entry.parent.glob(f"{entry.name.partition('-')[0]}-*"):
                shutil.rmtree(old, ignore_errors=True)
            draft.rename(entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as fault:  # among them that another process was quicker, whose entry is as good
        _log.debug("not kept in the cache: %s", fault)


def _save_flat(path: Path, crops: Crops) -> None:
    """Writes the values of all crops, one after the other, as one array."""
    length = sum(crop.size for crop in crops)
    flat = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(length,))
    start = 0
    for crop in crops:
        flat[start : start + crop.size] = crop.ravel()
        start += crop.size
    flat.flush()


def _one_by_one(flat: NDArray[np.uint8], shapes: NDArray[np.int64]) -> Crops:
    """The crops that `_save_flat` wrote, of shapes (H, W, 3), or (H, W, 0) for gray, as views of `flat`."""
    sides = [tuple(shape if shape[2] else shape[:2]) for shape in shapes.tolist()]
    ends = np.cumsum([math.prod(shape) for shape in sides]).tolist()
    return Crops([flat[end - math.prod(shape) : end].reshape(shape) for end, shape in zip(ends, sides, strict=True)])


def _remove_old_drafts(folder: Path) -> None:
    for draft in folder.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > _DRAFT_LIVES_S:
            shutil.rmtree(draft, ignore_errors=True)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
