"""Decoded faces kept on disk: read once from any number of pictures, then mapped from one file.

An entry is a folder with `pixels.npy`, `labels.npz` and `entry.json`, which has the checksums of both. It is written
beside its place and moved there in one step, so no half-written one is ever found. Its name says what was read
(place and split) and in which state (path, size and time of change of each file, versions of mien and Pillow). Time and
size are what tells make and rsync that a file has changed; reading every byte of it would take as long as decoding.
"""

import json
import logging
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

from mien._version import __version__
from mien.data.labelled_faces import LabelledFaces
from mien.errors import DataError

CACHE_VARIABLE = "MIEN_CACHE"
"""Environment variable that names another folder for the cache."""

_FORMAT = "2"  # what an entry holds; another has another number
_DRAFT, _DRAFT_LIVES_S = ".draft-", 86_400  # one that is older was left by a process that was killed
_PIXELS, _LABELS, _ENTRY = "pixels.npy", "labels.npz", "entry.json"
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
        The faces. Their pixels are mapped from the cache copy-on-write: memory is taken up by what is used, and a
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
        for name in (_PIXELS, _LABELS):
            if _checksum(entry / name) != facts["sha256"][name]:
                _log.debug("damaged: %s", entry / name)
                return None
        with np.load(entry / _LABELS, allow_pickle=False) as labels:
            # Copy-on-write, since torch warns of arrays that cannot be written.
            pixels = np.load(entry / _PIXELS, mmap_mode="c", allow_pickle=False)
            files = labels["files"] if len(labels["files"]) else None
            return LabelledFaces(pixels, labels["fer7"], labels["votes"], labels["rows"], facts["source"], files)
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
            np.save(draft / _PIXELS, faces.pixels)
            files = np.empty(0, dtype=np.str_) if faces.files is None else faces.files
            np.savez(draft / _LABELS, fer7=faces.fer7, votes=faces.votes, rows=faces.rows, files=files)
            sums = {name: _checksum(draft / name) for name in (_PIXELS, _LABELS)}
            (draft / _ENTRY).write_text(json.dumps({"source": faces.source, "sha256": sums}), "utf-8")
            for old in entry.parent.glob(f"{entry.name.partition('-')[0]}-*"):
                shutil.rmtree(old, ignore_errors=True)
            draft.rename(entry)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as fault:  # among them that another process was quicker, whose entry is as good
        _log.debug("not kept in the cache: %s", fault)


def _remove_old_drafts(folder: Path) -> None:
    for draft in folder.glob(f"{_DRAFT}*"):
        if time.time() - draft.stat().st_mtime > _DRAFT_LIVES_S:
            shutil.rmtree(draft, ignore_errors=True)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()
