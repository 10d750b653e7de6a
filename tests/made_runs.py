"""Records of runs that were never trained, and changed records of those that were."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.train.config import TrainingConfig
from mien.train.device import Machine
from mien.train.run_record import RunRecord, new_record, read_record, write_record

DEFAULTS = TrainingConfig()


def record_of(faces: LabelledFaces, config: TrainingConfig = DEFAULTS) -> RunRecord:
    """A run on these faces as it stands before the first epoch."""
    _, left_out = training_rows_to_keep(faces[:8], faces[:4])
    return new_record(config, faces.gray(), manifest(faces, faces[:4], left_out), Machine())


def change_record(folder: Path, **changes: Any) -> RunRecord:
    """Writes the record of a run anew, with other values."""
    record = replace(read_record(folder), **changes)
    write_record(folder, record)
    return record
