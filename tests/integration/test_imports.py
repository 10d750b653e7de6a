"""What importing mien, and asking its command for help, costs in a fresh process."""

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
LIMIT_S = 0.3

IMPORT = "import mien"
HELP = """
from mien.cli import main
try:
    main(["--help"])
except SystemExit:
    pass
"""


def cost(code: str) -> tuple[float, set[str]]:
    """Seconds of CPU that `code` takes in a fresh process once Python has started, and the packages it loads."""
    report = f"""
import json, sys, time
start_s = time.process_time()
{code}
spent_s = time.process_time() - start_s
print(json.dumps([spent_s, sorted({{name.partition(".")[0] for name in sys.modules}})]))
"""
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=True, timeout=60)
    spent_s, packages = json.loads(done.stdout.splitlines()[-1])
    return spent_s, set(packages)


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import", "help"])
def test_loads_nothing_heavy(code: str) -> None:
    _, packages = cost(code)
    assert "mien" in packages
    assert not packages & HEAVY


@pytest.mark.parametrize("code", [IMPORT, HELP], ids=["import", "help"])
def test_takes_little_time(code: str) -> None:
    # The least of three: the first may compile bytecode, and the machine may be busy.
    assert min(cost(code)[0] for _ in range(3)) < LIMIT_S


def test_a_heavy_import_would_be_seen() -> None:
    _, packages = cost("import onnxruntime")
    assert "onnxruntime" in packages & HEAVY


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
