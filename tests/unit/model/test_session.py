import os

import pytest

from mien.errors import MienError
from mien.model.session import intra_op_threads
from mien.recognizer import Recognizer


def test_no_wish_leaves_it_to_onnx_runtime() -> None:
    assert intra_op_threads(None) == 0


def test_no_more_threads_than_processors() -> None:
    assert intra_op_threads(1) == 1
    assert intra_op_threads(1_000_000) == os.cpu_count()


@pytest.mark.parametrize("threads", [0, -1])
def test_fewer_than_one_is_refused(threads: int) -> None:
    with pytest.raises(MienError, match=f"1 or more, .* got {threads}"):
        Recognizer(threads=threads)
