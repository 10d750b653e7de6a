"""One small training, its model file, and the faces of both, for all tests that only look at them.

What needs PyTorch is imported by the fixtures, since the tests of the light runtime are here, too.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from drawn_faces import drawn_faces

from mien.data.labelled_faces import LabelledFaces

if TYPE_CHECKING:
    from mien.train.training import Run


@pytest.fixture(scope="session")
def validation() -> LabelledFaces:
    return drawn_faces(80, seed=1)


@pytest.fixture(scope="session")
def training() -> LabelledFaces:
    return drawn_faces(320, seed=0)


@pytest.fixture(scope="session")
def run(training: LabelledFaces, validation: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> "Run":
    from small_training import CONFIG, QUIET

    from mien.train.training import fit

    return fit(training, validation, CONFIG, tmp_path_factory.mktemp("run"), QUIET)


@pytest.fixture(scope="session")
def package(run: "Run", validation: LabelledFaces, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from mien.export.pipeline import export

    return export(run.folder, validation, tmp_path_factory.mktemp("models") / "drawn.onnx").path
