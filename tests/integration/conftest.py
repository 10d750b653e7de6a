"""One small training, its model file, and the faces of both, for all tests that only look at them."""

from pathlib import Path

import pytest
from drawn_faces import drawn_faces
from small_training import CONFIG, QUIET

from mien.data.labelled_faces import LabelledFaces
from mien.export.pipeline import export
from mien.train.training import Run, fit


@pytest.fixture(scope="session")
def held_out() -> LabelledFaces:
    return drawn_faces(80, seed=1)


@pytest.fixture(scope="session")
def training() -> LabelledFaces:
    return drawn_faces(320, seed=0)


@pytest.fixture(scope="session")
def run(training: LabelledFaces, held_out: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return fit(training, held_out, CONFIG, tmp_path_factory.mktemp("run"), QUIET)


@pytest.fixture(scope="session")
def package(run: Run, held_out: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(run.folder, held_out, tmp_path_factory.mktemp("models") / "drawn.onnx").path
