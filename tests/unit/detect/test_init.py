import numpy as np
import pytest

from mien import detect
from mien.detect import load_detector
from mien.detect.yunet import YuNet
from mien.errors import DetectorError
from mien.results import Box, Detection


def test_an_unknown_name_names_the_nearest():
    with pytest.raises(DetectorError, match=r"no face detector 'mtcn' \(did you mean 'mtcnn'\?\); choose from mtcnn"):
        load_detector("mtcn")


def test_none_sees_one_face_that_is_the_whole_picture():
    (found,) = load_detector("none")(np.zeros((48, 40, 3), dtype=np.uint8))
    assert found == Detection(Box(0, 0, 40, 48), score=1.0, is_crop=True)


def test_classes_of_detectors_are_loaded_when_they_are_named():
    assert detect.YuNet is YuNet
    with pytest.raises(AttributeError, match="no attribute 'Retina'"):
        detect.Retina  # noqa: B018


def test_yunet_is_not_made_by_its_name():
    with pytest.raises(DetectorError, match=r"needs a model file; give YuNet\(model=\.\.\.\) instead"):
        load_detector("yunet")
