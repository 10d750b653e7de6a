"""What must be known of an ONNX file that is not of mien to evaluate it: a small TOML file.

    model = "theirs.onnx"          # beside the TOML file, or a path
    expressions = "fer7"           # the set that its classes belong to: core4, core4-fer2013, fer7 or ferplus8
    classes = ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"]  # in the order of its output
    size_px = 64                   # side of its input
    layout = "NHWC"                # or NCHW (default)
    colour = "grayscale"           # default; or RGB, BGR
    mean = 0                       # subtracted from grey levels of 0 to 255; or three of them
    std = 255                      # divides what is left; or three of them
    gives = "probabilities"        # or logits (default)
    input = "input_1"              # only if it has several inputs
    output = "dense_2"             # only if it has several outputs

A class called "" is left out, and the others are made to sum to 1.
"""

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from mien.errors import ModelError, choose_from
from mien.expressions import expression_set

_CHOICES = {"layout": ("NCHW", "NHWC"), "colour": ("grayscale", "RGB", "BGR"), "gives": ("logits", "probabilities")}


@dataclass(frozen=True, slots=True)
class Description:
    """What a TOML file says of an ONNX file; the module says what each means."""

    model: str
    expressions: str
    classes: tuple[str, ...]
    size_px: int
    layout: str = "NCHW"
    colour: str = "grayscale"
    mean: float | tuple[float, ...] = 0.0
    std: float | tuple[float, ...] = 1.0
    gives: str = "logits"
    input: str = ""
    output: str = ""


def read_description(path: Path) -> Description:
    """What the TOML file at `path` says, checked; raises `ModelError` in words of what is wrong."""
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as fault:
        raise ModelError(f"{path} cannot be read as TOML: {fault}") from fault
    known = tuple(field.name for field in fields(Description))
    for key in table:
        if key not in known:
            raise ModelError(f"{path}: {choose_from('key', key, known)}")
    missing = [name for name in ("model", "expressions", "classes", "size_px") if name not in table]
    if missing:
        raise ModelError(f"{path} must say {', '.join(missing)}; see docs/evaluation.md")
    for key, choices in _CHOICES.items():
        if key in table and table[key] not in choices:
            raise ModelError(f"{path}: {choose_from(key, str(table[key]), choices)}")
    table = {key: tuple(value) if isinstance(value, list) else value for key, value in table.items()}
    description = Description(**table)
    _check(description, path)
    return description


def _check(description: Description, path: Path) -> None:
    for name in ("model", "expressions", "input", "output"):
        if not isinstance(getattr(description, name), str):
            raise ModelError(f"{path}: {name} must be text; got {getattr(description, name)!r}")
    if not (isinstance(description.classes, tuple) and all(isinstance(name, str) for name in description.classes)):
        raise ModelError(f"{path}: classes must be a list of names; got {description.classes!r}")
    labels = expression_set(description.expressions).labels
    named = [name for name in description.classes if name]
    if sorted(named) != sorted(labels):
        raise ModelError(f"{path}: classes must be {', '.join(labels)}, in the model's order; got {', '.join(named)}")
    if not isinstance(description.size_px, int) or description.size_px < 1:
        raise ModelError(f"{path}: size_px must be a whole number above 0; got {description.size_px!r}")
    lengths = (1,) if description.colour == "grayscale" else (1, 3)
    for name in ("mean", "std"):
        values = np.atleast_1d(np.array(getattr(description, name)))
        if values.dtype.kind not in "if" or values.shape not in {(length,) for length in lengths}:
            raise ModelError(
                f"{path}: {name} must be a number, or one for each colour; got {getattr(description, name)!r}"
            )
    if np.any(np.array(description.std) <= 0):
        raise ModelError(f"{path}: std must be above 0; got {description.std!r}")
