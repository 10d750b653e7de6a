import os
from typing import Any
from unittest.mock import Mock

import pytest

from mien.errors import ArgumentError
from mien.model.session import intra_op_threads, new_session
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
