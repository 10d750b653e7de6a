import pickle
from dataclasses import fields

import numpy as np
import pytest
from PIL import Image

from mien.detect import load_detector, mtcnn
from mien.detect.mtcnn import MARGIN_PX, REFINE_PX, Mtcnn, _on_crops
from mien.detect.pyramid import octaves
from mien.errors import ArgumentError, DetectorError
from mien.preprocess import Preprocessing, crop_face
from mien.results import Box

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def detector():
    return load_detector("mtcnn", threads=1)


@pytest.fixture(scope="module")
def astronaut(examples):
    return np.asarray(Image.open(examples / "astronaut.jpg").convert("RGB"))


def resized(image, scale):
    picture = Image.fromarray(image)
    return picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BOX)


def on_gray(face, *, size, at):
    canvas = Image.new("RGB", size, (128, 128, 128))
    canvas.paste(face, at)
    return np.asarray(canvas)


def overlap(box, edges):
    other = Box(*edges)
    width = min(box.right, other.right) - max(box.left, other.left)
    height = min(box.bottom, other.bottom) - max(box.top, other.top)
    shared = max(width, 0) * max(height, 0)
    return shared / (box.width * box.height + other.width * other.height - shared)


# Edges and eyes measured by hand on the pictures.
@pytest.mark.parametrize(
    ("name", "edges", "eyes"),
    [
        ("astronaut.jpg", (178, 62, 268, 174), ((205, 101), (246, 103))),
        ("grace_hopper.jpg", (178, 115, 352, 335), ((221, 193), (307, 187))),
    ],
)
def test_the_face_of_a_portrait_is_where_it_is(detector, examples, name, edges, eyes):
    (face,) = detector(np.asarray(Image.open(examples / name).convert("RGB")))
    assert overlap(face.box, edges) > 0.8
    assert face.score > 0.95
    assert np.array([face.landmarks.left_eye, face.landmarks.right_eye]) == pytest.approx(np.array(eyes), abs=6)


def test_landmarks_lie_in_the_box_and_in_the_pictures_order(detector, astronaut):
    (face,) = detector(astronaut)
    points = face.landmarks
    for x, y in (points.left_eye, points.right_eye, points.nose, points.mouth_left, points.mouth_right):
        assert face.box.left < x < face.box.right
        assert face.box.top < y < face.box.bottom
    assert points.left_eye[0] < points.nose[0] < points.right_eye[0]
    assert points.left_eye[1] < points.nose[1] < points.mouth_left[1]
    assert points.mouth_left[0] < points.mouth_right[0]


def test_all_faces_of_a_group_from_left_to_right(detector, examples):
    faces = detector(np.asarray(Image.open(examples / "group.jpg").convert("RGB")))
    lefts = [face.box.left for face in faces]
    assert len(faces) == 8
    assert lefts == sorted(lefts)


@pytest.mark.parametrize("side", ["left", "top", "right", "bottom"])
def test_a_face_cut_by_the_border_is_found_and_its_box_clipped(detector, astronaut, side):
    cut = {
        "left": astronaut[20:260, 205:445],
        "top": astronaut[85:325, 100:340],
        "right": astronaut[20:260, :243],
        "bottom": astronaut[:150, 100:340],
    }[side]
    (face,) = detector(np.ascontiguousarray(cut))
    height, width = cut.shape[:2]
    limit = {"left": 0, "top": 0, "right": width, "bottom": height}[side]
    assert getattr(face.box, side) == pytest.approx(limit, abs=4)
    assert face.box.left >= 0
    assert face.box.top >= 0
    assert face.box.right <= width
    assert face.box.bottom <= height


def test_a_face_that_fills_the_picture_is_found(detector, astronaut):
    (face,) = detector(np.ascontiguousarray(astronaut[60:176, 176:270]))
    assert face.box.width * face.box.height > 0.7 * 116 * 94


def test_a_face_of_20_px_is_found(detector, astronaut):
    face = Image.fromarray(astronaut[30:210, 130:310]).resize((40, 40), Image.Resampling.BOX)
    (found,) = detector(on_gray(face, size=(320, 240), at=(150, 90)))
    assert 16 < found.box.width < 24
    assert overlap(found.box, (160.7, 97.0, 180.7, 122.0)) > 0.5


def test_a_large_picture_gives_the_same_face_in_its_own_pixels(detector, astronaut):
    small, large = detector(astronaut)[0].box, detector(np.asarray(resized(astronaut, 7)))[0].box
    edges = [7 * edge for edge in (small.left, small.top, small.right, small.bottom)]
    assert overlap(large, edges) > 0.9


def test_a_smallest_face_may_be_asked_for(astronaut):
    scene = on_gray(resized(astronaut, 0.25), size=(1600, 1200), at=(500, 400))
    assert load_detector("mtcnn", threads=1)(scene) == ()
    assert len(Mtcnn(threads=1, min_face_px=20)(scene)) == 1


@pytest.mark.parametrize("px", [19.9, 0, -1, float("nan"), float("inf")])
def test_a_smallest_face_that_cannot_be_seen_is_refused(px):
    with pytest.raises(DetectorError, match=f"min_face_px must be 20 or more; got {px:g}"):
        Mtcnn(min_face_px=px)


@pytest.mark.parametrize("options", [{"min_face_px": "40"}, {"min_face_px": True}, {"threads": "2"}, {"threads": 0}])
def test_options_of_mtcnn_that_make_no_sense_are_refused(options):
    with pytest.raises(ArgumentError, match=f"{next(iter(options))} must be a "):
        Mtcnn(**options)


def test_mtcnn_goes_through_pickle_with_its_options():
    again = pickle.loads(pickle.dumps(Mtcnn(threads=1, min_face_px=40)))  # noqa: S301 - our own
    assert repr(again) == "Mtcnn(min_face_px=40)"
    assert repr(Mtcnn(threads=1)) == "Mtcnn()"


def test_gray_picture(detector, astronaut):
    gray = np.repeat(astronaut.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    assert len(detector(gray)) == 1


@pytest.mark.parametrize("seed", range(4))
def test_no_face_in_noise(detector, seed):
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 256, (240 >> seed, 320 >> seed, 3), dtype=np.uint8)
    assert detector(np.asarray(resized(blocks, 1 << seed))) == ()


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("size", [(240, 320), (1, 1), (1, 300), (10, 10), (3, 5000), (5000, 3), (12, 12), (8, 9)])
def test_nothing_in_a_flat_picture_of_any_size(detector, size, value):
    assert detector(np.full((*size, 3), value, dtype=np.uint8)) == ()


def test_the_same_picture_gives_the_same_faces_whatever_ran_before(detector, astronaut, examples):
    before = detector(astronaut)
    detector(np.asarray(Image.open(examples / "group.jpg").convert("RGB")))
    detector(np.zeros((7, 900, 3), dtype=np.uint8))
    assert detector(astronaut) == before
    assert load_detector("mtcnn", threads=2)(astronaut) == before


def test_crops_answer_in_the_order_of_their_boxes(detector, astronaut):
    pictures = octaves(astronaut, REFINE_PX)
    boxes = np.array([[180.0, 60, 290, 170], [200, 80, 230, 110], [0, 0, 500, 500], [190, 70, 260, 140]])
    _, together = _on_crops(detector._rnet, pictures, boxes, REFINE_PX)
    alone = [_on_crops(detector._rnet, pictures, boxes[[i]], REFINE_PX)[1][0] for i in range(len(boxes))]
    assert together == pytest.approx(np.array(alone), abs=1e-6)
    assert len(set(np.round(together[:, 0], 4))) > 1


def test_windows_start_beyond_the_border_as_the_network_pads(detector):
    rows, columns = detector._pnet.run(["scores"], {"image": np.zeros((40, 60, 3), np.uint8)})[0].shape[2:]
    assert (rows, columns) == ((40 + 2 * MARGIN_PX - 12) // 2 + 1, (60 + 2 * MARGIN_PX - 12) // 2 + 1)


def test_landmarks_of_crops(detector, astronaut):
    (face,) = detector(astronaut)
    crop = crop_face(astronaut, face, Preprocessing(48, 48, "gray", (0.0,), (1.0,)))
    blank = np.full_like(crop, 128)
    found = detector.landmarks_of_crops(np.stack([crop, blank, crop]))
    assert found.shape == (3, 5, 2)
    assert np.isnan(found[1]).all()
    np.testing.assert_allclose(found[0], found[2], atol=0.2)  # what lies above and below a crop is hardly seen
    side = (face.box.width + face.box.height) / 2
    corner = np.array([face.box.left + face.box.right - side, face.box.top + face.box.bottom - side]) / 2
    where = [getattr(face.landmarks, part.name) for part in fields(face.landmarks)]
    np.testing.assert_allclose(corner + found[0] * side / 48, where, atol=side / 16)
    assert detector.landmarks_of_crops(np.zeros((0, 48, 48), dtype=np.uint8)).shape == (0, 5, 2)


@pytest.mark.parametrize("size", [(300, 200), (301, 203), (97, 411), (64, 64), (65, 70), (13, 400)])
def test_tiles_of_a_level_give_what_the_whole_gives(detector, astronaut, size, monkeypatch):
    scaled = np.asarray(Image.fromarray(astronaut).resize(size))
    monkeypatch.setattr(mtcnn, "TILE_PX", 1000)
    whole = detector._likely_windows(scaled, 0.1)
    assert len(whole[0]) > 0 or min(size) < 20
    for tile_px in (64, 90):
        monkeypatch.setattr(mtcnn, "TILE_PX", tile_px)
        for one, other in zip(detector._likely_windows(scaled, 0.1), whole, strict=True):
            assert one == pytest.approx(other, abs=1e-5)


def test_regions_of_a_large_picture_give_what_the_whole_gives(detector, examples, monkeypatch):
    group = np.asarray(Image.open(examples / "group.jpg").convert("RGB"))
    whole = detector(group)
    monkeypatch.setattr(mtcnn, "REGION_PX", 100)
    monkeypatch.setattr(mtcnn, "TILE_PX", 80)
    parts = detector(group)
    assert len(parts) == len(whole) == 8
    for one, other in zip(parts, whole, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        assert (one.box.left, one.box.bottom) == pytest.approx((other.box.left, other.box.bottom), abs=0.01)


def test_boxes_beyond_a_large_picture_are_looked_at_as_in_the_whole(detector, astronaut, monkeypatch):
    boxes = np.array([[-40, -40, 8, 8], [505, 500, 553, 548], [600, 700, 640, 740], [100, 100, 148, 148.0]])
    pictures = octaves(astronaut, REFINE_PX)
    whole = _on_crops(detector._rnet, pictures, boxes, REFINE_PX)
    monkeypatch.setattr(mtcnn, "REGION_PX", 64)
    for one, other in zip(_on_crops(detector._rnet, pictures, boxes, REFINE_PX), whole, strict=True):
        assert one == pytest.approx(other, abs=1e-5)
