"""Recognizers in other processes: by pickle, by fork and by spawn, with threads, which no fork takes along."""

import multiprocessing
import os
import pickle
import socket
import subprocess
import sys
import time
import urllib.request
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import pytest

from mien.detect.mtcnn import Mtcnn
from mien.errors import ModelError
from mien.model import find_model
from mien.recognizer import Recognizer
from mien.results import PictureResult

WAIT_S = 60
FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
# Python warns of forks beside threads from 3.12 on: of the very thing that is tried here.
pytestmark = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


def assert_alike(one: PictureResult, other: PictureResult) -> None:
    assert [face.box for face in one] == [face.box for face in other]
    for face, same in zip(one, other, strict=True):
        assert face.prediction.probabilities == pytest.approx(same.prediction.probabilities, abs=1e-5)


def in_child(code: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Runs `code` in a process of its own, that a hang would end after a minute."""
    command = [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT_S, check=False)


@pytest.mark.parametrize("start", [pytest.param("fork", marks=FORKS), pytest.param("forkserver", marks=FORKS), "spawn"])
def test_a_pool_of_processes_gives_the_same(start: str, examples: Path) -> None:
    pictures = sorted(examples.glob("*.jpg"))
    recognizer = Recognizer(threads=2)
    expected = [recognizer.recognize(picture) for picture in pictures]
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(start)) as pool:
        for one, other in zip(pool.map(recognizer.recognize, pictures, timeout=WAIT_S), expected, strict=True):
            assert_alike(one, other)


@FORKS
@pytest.mark.parametrize("threads", ["2", "None"])
def test_a_forked_child_that_just_ends_does_end(threads: str) -> None:
    code = f"""
import os, sys
from mien import Recognizer
recognizer = Recognizer(threads={threads})
child = os.fork()
if child == 0:
    sys.exit(3)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    ran = in_child(code)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "3\n", "")


@FORKS
def test_a_forked_child_and_its_child_and_the_parent_answer(examples: Path) -> None:
    code = """
import os, sys
from mien import Mtcnn, Recognizer
recognizer = Recognizer(threads=2, detector=Mtcnn(threads=2))
for _ in range(2):
    child = os.fork()
    if child == 0:
        print(len(recognizer.recognize(sys.argv[1])), flush=True)
        continue
    assert os.waitpid(child, 0)[1] == 0
    print(len(recognizer.recognize(sys.argv[1])), flush=True)
    sys.exit()
"""
    ran = in_child(code, examples / "group.jpg")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "8\n" * 4, "")


@FORKS
def test_a_child_forked_while_another_thread_computes_answers(examples: Path) -> None:
    code = """
import os, sys, threading, time
from mien import Recognizer
recognizer, done = Recognizer(threads=2), threading.Event()
def work():
    while not done.is_set():
        recognizer.recognize(sys.argv[1])
thread = threading.Thread(target=work)
thread.start()
for _ in range(3):
    time.sleep(0.05)
    child = os.fork()
    if child == 0:
        print(len(recognizer.recognize(sys.argv[1])), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
done.set()
thread.join()
"""
    ran = in_child(code, examples / "astronaut.jpg")
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "1\n" * 3, "")


def test_24_threads_on_one_recognizer_get_what_one_gets(examples: Path) -> None:
    pictures = sorted(examples.glob("*.jpg")) * 8
    recognizer = Recognizer(threads=2)
    expected = {picture: recognizer.recognize(picture) for picture in set(pictures)}
    with ThreadPoolExecutor(24) as pool:
        for picture, result in zip(pictures, pool.map(recognizer.recognize, pictures), strict=True):
            assert_alike(result, expected[picture])


APP = """
import os
from mien import Recognizer
recognizer = Recognizer(threads=2)
def app(environ, start_response):
    faces = recognizer.recognize(os.environ["PICTURE"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{len(faces)} {os.getpid()}".encode()]
"""


@FORKS
@pytest.mark.parametrize("options", [[], ["--preload"], ["--preload", "--threads", "4"]], ids=" ".join)
def test_gunicorn_serves_and_ends_at_once(options: list[str], examples: Path, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    (tmp_path / "served.py").write_text(APP)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "gunicorn", *options, "--workers", "2", "--bind", f"127.0.0.1:{port}"]
    environment = os.environ | {"PICTURE": str(examples / "group.jpg"), "PYTHONWARNINGS": "ignore"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen([*command, "served:app"], cwd=tmp_path, env=environment, stdout=log, stderr=log)
    try:
        workers = {answer(port).split()[1] for _ in range(4)}
        assert workers
        assert answer(port).startswith("8 ")
        started_s = time.monotonic()
        server.terminate()
        assert server.wait(WAIT_S) == 0
        assert time.monotonic() - started_s < 15  # at its time-out of 30 s it would kill workers that do not end
    finally:
        server.kill()
        server.wait()
    assert "SIGKILL" not in (tmp_path / "log").read_text()


def answer(port: int) -> str:
    """What the server says, once it is there."""
    for _ in range(10 * WAIT_S):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}", timeout=WAIT_S) as response:
                return str(response.read().decode())
        except OSError:
            time.sleep(0.1)
    raise TimeoutError


def test_a_recognizer_comes_back_from_pickle_with_all_its_options(examples: Path) -> None:
    given = Recognizer("tiny", expressions="fer7", detector=Mtcnn(min_face_px=40), threads=1, max_pixels=1_000_000)
    back = pickle.loads(pickle.dumps(given))  # noqa: S301 - our own
    assert repr(back) == repr(given) == "Recognizer(tiny, fer7, Mtcnn(min_face_px=40))"
    assert back.max_pixels == 1_000_000
    assert_alike(back.recognize(examples / "group.jpg"), given.recognize(examples / "group.jpg"))
    assert len(pickle.dumps(given)) < 2000


def test_a_pickled_recognizer_has_the_same_model_or_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "own.onnx"
    path.write_bytes(find_model("tiny").content)
    monkeypatch.chdir(tmp_path)
    pickled = pickle.dumps(Recognizer("own.onnx", detector="none", threads=1))
    monkeypatch.chdir("/")
    assert pickle.loads(pickled).model.file.name == "own"  # noqa: S301 - our own
    path.write_bytes(find_model("base").content)
    with pytest.raises(ModelError, match=r"own\.onnx has changed since the recognizer was pickled"):
        pickle.loads(pickled)  # noqa: S301 - our own


def test_a_process_with_a_recognizer_ends_at_once() -> None:
    start_s = time.monotonic()
    assert in_child("from mien import Recognizer; Recognizer(threads=2)").returncode == 0
    assert time.monotonic() - start_s < WAIT_S / 2
