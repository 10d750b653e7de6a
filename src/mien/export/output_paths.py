"""Where the files of an export go, and whether they may."""

import os
from collections.abc import Sequence
from pathlib import Path

from mien.errors import ConfigError, ModelError, OutputError
from mien.export.card import plots_folder
from mien.export.source import facts_of
from mien.model.facts import Precision, TrainingFacts
from mien.model.package import load_model


def places(path: Path, precisions: Sequence[Precision]) -> dict[Precision, Path]:
    """The file of each precision; raises `ConfigError` if `path` is not named *.onnx or no precision is given."""
    if path.suffix != ".onnx":
        raise ConfigError(f"the model file must be named *.onnx, since its card gets the same name; got {path}")
    if not precisions:
        raise ConfigError("no precision to export; give fp32, fp16 or int8")
    plain = precisions[0] if len(set(precisions)) == 1 else "fp32"
    return {p: path if p == plain else path.with_name(f"{path.stem}-{p}.onnx") for p in precisions}


def check_places(source: Path, path: Path, precisions: Sequence[Precision], *, replace: bool = False) -> None:
    """Checks before any long work that model files can be written.

    Args:
        source: As for `mien.export.pipeline.export_all`.
        path: Likewise; its folder is made later if it does not exist.
        precisions: What is to be written.
        replace: Whether what lies there may be of another training.

    Raises:
        ConfigError: If there is no finished run or model file, or `path` has another ending than .onnx.
        OutputError: If nothing can be written there, or what is there is to be kept.
    """
    training = facts_of(source)
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK):
        raise OutputError(f"cannot write to {path}; name a file in a folder that you can write to")
    for place in places(path, precisions).values():
        card = place.with_suffix(".md")
        plots = plots_folder(card)
        blocked = [*(file for file in (place, card) if file.is_dir()), *([plots] if plots.is_file() else [])]
        if blocked:
            kind = "file" if blocked[0] == plots else "folder"
            raise OutputError(f"cannot write to {place}: {blocked[0]} is a {kind}; remove it, or name another file")
        taken = [file for file in (place, card) if file.exists()]
        if taken and not replace and not _is_of(place, training):
            raise OutputError(f"{taken[0]} is there already and not of {source}; name another file, or replace it")


def _is_of(place: Path, training: TrainingFacts) -> bool:
    """Whether the model file at `place` was made of this training, be it for another crop."""
    try:
        return load_model(place).metadata.training == training
    except ModelError:
        return False
