import os
import time
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from mien.errors import ArgumentError, ModelError
from mien.model import load_model
from mien.model import session as session_module
from mien.model.session import give_back_memory, intra_op_threads, new_session
from mien.model.shipped import read_shipped
from mien.recognizer import Recognizer


def test_no_wish_leaves_it_to_onnx_runtime() -> None:
    assert intra_op_threads(None) == 0


def test_no_more_threads_than_processors() -> None:
    assert intra_op_threads(1) == 1
    assert intra_op_threads(1_000_000) == os.cpu_count()


@pytest.mark.parametrize("threads", [0, -1, "2", 1.5, True])
def test_what_is_no_number_of_threads_is_refused_for_that(threads: Any) -> None:
    with pytest.raises(ArgumentError, match=f"threads must be a whole number, 1 or more, .* got {threads!r}"):
        Recognizer(threads=threads)


def test_memory_that_runs_out_is_told_from_other_faults(monkeypatch: pytest.MonkeyPatch) -> None:
    session = new_session(read_shipped("mtcnn-pnet.onnx"), threads=1)
    for words, error in (("Failed to allocate memory for requested buffer", MemoryError), ("other", RuntimeError)):
        monkeypatch.setattr(session, "_session", Mock(run=Mock(side_effect=RuntimeError(words))))
        with pytest.raises(error):
            session.run(None, {})


def test_a_model_for_which_there_is_no_memory_is_not_called_damaged(monkeypatch: pytest.MonkeyPatch) -> None:
    for words in ("std::bad_alloc", "PosixThread pthread_create failed, error code: 11"):
        monkeypatch.setattr(session_module, "_inference_session", Mock(side_effect=RuntimeError(words)))
        with pytest.raises(ModelError, match=r"^memory ran out while a model was loaded; free some") as raised:
            load_model("tiny")
        assert "damaged" not in str(raised.value)


def test_no_more_threads_compute_at_once_than_there_are_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    session = new_session(read_shipped("mtcnn-pnet.onnx"), threads=1)
    now, most = 0, 0
    lock = Lock()

    def run(*_: object) -> list[int]:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.02)
        with lock:
            now -= 1
        return []

    monkeypatch.setattr(session, "_session", Mock(run=run))
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda _: session.run(None, {}), range(32)))
    assert most == 2


def test_memory_can_be_given_back() -> None:
    session = new_session(read_shipped("mtcnn-pnet.onnx"), threads=1)
    image = np.zeros((64, 64, 3), np.uint8)
    kept = session.run(None, {"image": image})
    given_back = session.run(None, {"image": image}, gives_back=True)
    assert all(np.array_equal(one, other) for one, other in zip(kept, given_back, strict=True))


def test_giving_memory_back_is_tried_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    give_back_memory()
    monkeypatch.setattr("ctypes.CDLL", Mock(side_effect=OSError))
    give_back_memory()


def test_nothing_is_printed_about_a_model_that_cannot_be_loaded(capfd: pytest.CaptureFixture[str]) -> None:
    for content in (b"", b"words", read_shipped("mtcnn-pnet.onnx")[:5000]):
        with pytest.raises(Exception, match=r"."):
            new_session(content, threads=1)
    assert capfd.readouterr() == ("", "")
