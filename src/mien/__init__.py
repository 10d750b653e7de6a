"""mien reads the apparent facial expression of every face in a picture.

>>> from mien import Recognizer
>>> faces = Recognizer().recognize("examples/astronaut.jpg")
>>> faces[0].expression
'happy'
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING

from mien._version import __version__

if TYPE_CHECKING:
    from mien import errors
    from mien.detect.mtcnn import Mtcnn
    from mien.detect.yunet import YuNet
    from mien.drawing import annotate
    from mien.errors import MienError, PictureError
    from mien.recognizer import Recognizer
    from mien.results import Box, Face, Landmarks, PictureResult, Prediction, to_dataframe

__all__ = [
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

# Of these no name may be a module's, too: importing the module would put it in the name's place.
_HOMES = {
    "Box": "mien.results",
    "Face": "mien.results",
    "Landmarks": "mien.results",
    "MienError": "mien.errors",
    "Mtcnn": "mien.detect.mtcnn",
    "PictureError": "mien.errors",
    "PictureResult": "mien.results",
    "Prediction": "mien.results",
    "Recognizer": "mien.recognizer",
    "YuNet": "mien.detect.yunet",
    "annotate": "mien.drawing",
    "to_dataframe": "mien.results",
}


def __dir__() -> list[str]:
    return sorted(__all__)


def __getattr__(name: str) -> object:
    """Loads a public name on first use, so that `import mien` stays cheap."""
    if name == "errors":
        return _import_module("mien.errors")
    if name not in _HOMES:
        raise AttributeError(f"module 'mien' has no attribute {name!r}")
    return getattr(_import_module(_HOMES[name]), name)
