"""Where packages are written, and whether they can be."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mien.errors import ConfigError, ModelError, OutputError
from mien.model import load_model
from mien.train.package.card import plots_folder
from mien.train.package.precision import Precision
from mien.train.run.facts import refuse_unfinished, run_facts, trained_by

# Runs of the first version do not say what they have learnt from, and had nothing but the data.
_STATED = ("config", "data", "learnt_from", "epochs_done", "elapsed_s", "commit", "torch", "mien")


def stated(facts: Mapping[str, Any]) -> dict[str, Any]:
    """What a package says of the run that it was made of, by which it is known.

    A run that was resumed has trained by the code of each of its starts; these are listed, too.
    """
    said = {key: facts[key] for key in _STATED if key in facts}
    starts = facts.get("starts", ())
    return {**said, "starts": starts} if len(starts) > 1 else said


def places(path: Path, precisions: Sequence[Precision]) -> dict[Precision, Path]:
    """The file of each precision; raises `ConfigError` if `path` is not named *.onnx or no precision is given."""
    if path.suffix != ".onnx":
        raise ConfigError(f"the model file must be named *.onnx, since its card gets the same name; got {path}")
    if not precisions:
        raise ConfigError("no precision to export; give fp32, fp16 or int8")
    plain = precisions[0] if len(set(precisions)) == 1 else "fp32"
    return {p: path if p == plain else path.with_name(f"{path.stem}-{p}.onnx") for p in precisions}


def check_places(run: Path, path: Path, precisions: Sequence[Precision], *, replace: bool = False) -> None:
    """Checks before any long work that the packages of a run can be written.

    Args:
        run: The run's folder.
        path: As for `mien.train.export.export_all`; its folder is made later if it does not exist.
        precisions: Likewise.
        replace: Whether what lies there may be of another run.

    Raises:
        ConfigError: If there is no finished run, or `path` has another ending than .onnx.
        OutputError: If nothing can be written there, or what is there is to be kept.
    """
    facts = run_facts(run)
    refuse_unfinished(run, facts)
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
        if taken and not replace and not _is_of(place, facts):
            raise OutputError(f"{taken[0]} is there already and not of {run}; name another file, or add --force")


def _is_of(place: Path, facts: Mapping[str, Any]) -> bool:
    """Whether the package at `place` was made of the run with these facts, be it for another crop or licence."""
    try:
        found = load_model(place).metadata.training
    except ModelError:
        return False
    return _known_by(found) == _known_by(stated(facts))


def _known_by(training: Mapping[str, Any]) -> dict[str, Any]:
    return {**training, "config": trained_by(training.get("config", {}))}
