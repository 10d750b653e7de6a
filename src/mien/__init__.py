"""mien reads the apparent facial expression of every face in a picture.

>>> from mien import Recognizer
>>> faces = Recognizer().recognize("examples/astronaut.jpg")
>>> faces[0].expression
'happy'
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from mien._version import __version__

if TYPE_CHECKING:
    from mien.errors import MienError, PictureError
    from mien.recognizer import Recognizer
    from mien.results import Box, Face, Landmarks, Prediction

_HOMES = {
    "Box": "results",
    "Face": "results",
    "Landmarks": "results",
    "MienError": "errors",
    "PictureError": "errors",
    "Prediction": "results",
    "Recognizer": "recognizer",
}

__all__ = ["Box", "Face", "Landmarks", "MienError", "PictureError", "Prediction", "Recognizer", "__version__"]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    """Loads a public name on first use, so that `import mien` stays cheap."""
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(import_module(f"mien.{_HOMES[name]}"), name)
