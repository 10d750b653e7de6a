"""The shipped models answer as they did when they were shipped; `tools/make_golden.py` writes what is expected."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mien.expressions import EXPRESSION_SETS
from mien.images import read_picture
from mien.model.package import find_model, load_model, shipped_models
from mien.recognizer import Recognizer
from mien.results import PictureResult

GOLDEN = Path(__file__).resolve().parents[1] / "golden"


@pytest.fixture(scope="module", params=shipped_models())
def model(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def expected(model: str) -> Any:
    return json.loads((GOLDEN / f"{model}.json").read_text("utf-8"))


def test_golden_files_belong_to_the_shipped_model(model: str, expected: Any) -> None:
    assert expected["sha256"] == find_model(model).sha256


@pytest.mark.parametrize("name", [s.name for s in EXPRESSION_SETS])
def test_stored_crops_give_the_stored_probabilities(name: str, model: str, expected: Any) -> None:
    pixels = np.asarray(Image.open(GOLDEN / f"{model}.png"))
    crops = pixels.reshape(-1, pixels.shape[1], pixels.shape[1])
    given = load_model(model).probabilities(crops, name)
    np.testing.assert_allclose(given, expected["crops"][name], atol=1e-4, rtol=0)


def assert_alike(faces: PictureResult, expected: list[Any], *, box_px: float, probability: float) -> None:
    """Same faces in the same places with about the same probabilities."""
    assert len(faces) == len(expected)
    for face, stored in zip(faces, expected, strict=True):
        np.testing.assert_allclose(list(face.box), list(stored["box"].values()), atol=box_px)
        np.testing.assert_allclose(
            face.prediction.probabilities, list(stored["probabilities"].values()), atol=probability, rtol=0
        )


@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg", "group.jpg"])
def test_example_pictures_give_the_stored_faces(name: str, model: str, expected: Any, examples: Path) -> None:
    # JPEG decoders may differ by a gray level or two, so this is looser than for stored crops.
    assert_alike(Recognizer(model).recognize(examples / name), expected["pictures"][name], box_px=2, probability=0.03)


@pytest.mark.parametrize("quality", [95, 80])
@pytest.mark.parametrize("name", ["astronaut.jpg", "grace_hopper.jpg"])
def test_compressing_a_picture_again_changes_little(
    name: str, quality: int, model: str, expected: Any, examples: Path
) -> None:
    again = io.BytesIO()
    Image.fromarray(read_picture(examples / name)).save(again, "JPEG", quality=quality)
    assert_alike(Recognizer(model).recognize(again.getvalue()), expected["pictures"][name], box_px=6, probability=0.2)
