"""A training on drawn faces that takes a few seconds."""

from mien.train.config import TrainingConfig
from mien.train.training import FitOptions

QUIET = FitOptions(quiet=True)
RESUME = FitOptions(quiet=True, resume=True)
CONFIG = TrainingConfig.model_validate(
    {
        "epochs": 10,
        "batch_size": 16,
        "precision": "32-true",
        "network": {"stem_width": 8, "widths": [16, 32, 64], "depths": [1, 1, 1], "dropout": 0},
        "augmentation": {"mixup_share": 0, "erase_share": 0, "low_resolution_share": 0, "gamma": 0, "contrast": 0.1},
        "optimizer": {"averaging_decay": 0.8},
    }
)
