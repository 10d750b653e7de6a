import os
import pickle
import sys

import numpy as np
import pytest

from mien.detect.yunet import YuNet, detections
from mien.errors import ArgumentError, DetectorError, MissingExtra
from mien.results import Box, Landmarks


@pytest.mark.parametrize("model", [None, 7])
def test_yunet_without_a_path_says_so(model):
    with pytest.raises(ArgumentError, match=f"model must be the path of a YuNet ONNX file; got {model}"):
        YuNet(model)


def test_yunet_with_a_missing_model_file_names_it(tmp_path):
    with pytest.raises(DetectorError, match=r"absent\.onnx: No such file"):
        YuNet(tmp_path / "absent.onnx")


@pytest.mark.parametrize("content", [b"", b"not an ONNX file"])
def test_yunet_with_a_file_that_is_no_model_says_so(tmp_path, content):
    pytest.importorskip("cv2", reason="OpenCV comes with the extra yunet")
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(DetectorError, match=r"cannot load .*broken\.onnx \(SHA-256 [0-9a-f]{64}\) as a YuNet model"):
        YuNet(path)


def test_yunet_without_opencv_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "model.onnx"
    path.write_bytes(b"any")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"mien\[yunet\]"):
        YuNet(path)


class FakeNetwork:
    """Sees nothing in small pictures and cannot take large ones."""

    def __init__(self):
        self.size = (320, 320)

    def setInputSize(self, size):  # noqa: N802  OpenCV's name
        self.size = size

    def detect(self, image_bgr):
        import cv2

        assert self.size == image_bgr.shape[1::-1]
        if self.size == (500, 500):
            raise cv2.error("out of memory\nand more")
        return 1, None


@pytest.fixture
def yunet(tmp_path, monkeypatch):
    cv2 = pytest.importorskip("cv2", reason="OpenCV comes with the extra yunet")
    network = FakeNetwork()
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: network)
    path = tmp_path / "yunet.onnx"
    path.write_bytes(b"some network")
    detector = YuNet(path)
    return detector, network


def test_a_picture_that_opencv_fails_on_is_one_line(yunet):
    detector, _ = yunet
    with pytest.raises(DetectorError, match=r"'yunet' failed on 500 x 500 pixels \(out of memory\); try"):
        detector(np.zeros((500, 500, 3), dtype=np.uint8))
    assert detector(np.zeros((50, 50, 3), dtype=np.uint8)) == ()


def test_yunet_goes_through_pickle(yunet):
    detector, _ = yunet
    again = pickle.loads(pickle.dumps(detector))  # noqa: S301 - our own
    assert (repr(again), again.sha256) == ("YuNet(yunet.onnx)", detector.sha256)


def test_yunet_in_a_forked_process_is_one_clear_error(yunet, monkeypatch):
    detector, _ = yunet
    monkeypatch.setattr(os, "getpid", lambda: -1)
    with pytest.raises(DetectorError, match="does not work in a forked process"):
        detector(np.zeros((50, 50, 3), dtype=np.uint8))


@pytest.mark.parametrize(
    ("width", "height", "worked_on"),
    [(640, 480, (640, 480)), (5000, 4000, (1250, 1000)), (20_000, 1000, (5000, 250)), (1, 100_000, (1, 5000))],
)
def test_yunet_is_given_neither_many_pixels_nor_long_sides(width, height, worked_on, yunet):
    detector, network = yunet
    detector(np.zeros((height, width, 3), dtype=np.uint8))
    assert network.size == worked_on


def test_rows_of_yunet_become_clipped_sorted_detections_in_the_pictures_pixels():
    points = [20, 30, 40, 30, 30, 40, 22, 50, 38, 50]
    rows = np.array([[50, 60, 20, 20, *points, 0.75], [-5, 10, 30, 40, *points, 0.5]], dtype=np.float32)
    first, second = detections(rows, scale=(2.0, 4.0), size=(120, 400))
    assert first.box == Box(0, 40, 50, 200)
    assert second.box == Box(100, 240, 120, 320)
    assert first.landmarks == Landmarks((40, 120), (80, 120), (60, 160), (44, 200), (76, 200))
    assert (first.score, second.score) == (0.5, 0.75)


def test_rows_of_yunet_outside_the_picture_are_left_out():
    row = [130, 60, 20, 20, *[10] * 10, 0.75]
    assert detections(np.array([row], dtype=np.float32), scale=(1.0, 1.0), size=(120, 400)) == ()
