"""Training: from labelled faces to a folder with a checkpoint and a record. Only this and `export` know torch."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.train.config import NetworkConfig, TrainingConfig, load_config
    from mien.train.run_record import RunRecord, read_record
    from mien.train.training import FitOptions, Run, fit

__all__ = ["FitOptions", "NetworkConfig", "Run", "RunRecord", "TrainingConfig", "fit", "load_config", "read_record"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "FitOptions": "training",
        "NetworkConfig": "config",
        "Run": "training",
        "RunRecord": "run_record",
        "TrainingConfig": "config",
        "fit": "training",
        "load_config": "config",
        "read_record": "run_record",
    },
)
