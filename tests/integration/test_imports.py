"""What importing mien, and asking its command for help, loads in a fresh process; benchmarks/startup.py times it."""

import json
import pkgutil
import subprocess
import sys

import pytest

import mien

HEAVY = {
    "cv2",
    "fastapi",
    "lightning",
    "matplotlib",
    "numpy",
    "onnx",
    "onnxruntime",
    "optuna",
    "pandas",
    "pyarrow",
    "pydantic",
    "ray",
    "sklearn",
    "sqlalchemy",
    "tensorboardX",
    "torch",
}

IMPORT = "import mien"
HELP = """
from mien.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


def loaded(code: str) -> set[str]:
    """The packages that `code` loads in a fresh process."""
    report = f"""
import json, sys
{code}
print(json.dumps(sorted({{name.partition(".")[0] for name in sys.modules}})))
"""
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=60)
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import", "help"])
def test_loads_nothing_heavy(code: str) -> None:
    packages = loaded(code)
    assert "mien" in packages
    assert not packages & HEAVY


def test_a_heavy_import_would_be_seen() -> None:
    assert "onnxruntime" in loaded("import onnxruntime") & HEAVY


def test_the_public_names_are_these() -> None:
    assert mien.__all__ == [
        "Box",
        "Face",
        "Landmarks",
        "MienError",
        "Mtcnn",
        "PictureError",
        "PictureResult",
        "Prediction",
        "Recognizer",
        "YuNet",
        "__version__",
        "annotate",
        "errors",
        "to_dataframe",
    ]
    assert dir(mien) == sorted(mien.__all__)


def test_every_public_name_can_be_had_and_is_loaded_lazily() -> None:
    code = """
import mien
for name in mien.__all__:
    assert getattr(mien, name) is not None
    exec(f"from mien import {name}")
print(set(mien.__all__) - {"__version__", "errors"} == {name for name in mien._HOMES})
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "True\n"


def test_no_module_takes_the_place_of_a_public_name() -> None:
    modules = {module.name for module in pkgutil.iter_modules(mien.__path__)}
    assert modules & set(mien.__all__) == {"errors"}
    code = """
import mien, mien.drawing, mien.detect.mtcnn, mien.recognizer, mien.results
assert callable(mien.annotate) and mien.annotate is mien.drawing.annotate
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Recogniser'"):
        mien.Recogniser  # type: ignore[attr-defined]  # noqa: B018
