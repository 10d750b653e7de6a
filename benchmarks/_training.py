"""What `loader.py` measures of a training: in this process, or in one of its own.

python benchmarks/_training.py read DATA CONFIG
python benchmarks/_training.py train DATA CONFIG THREADS
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from _measure import summary, times_ms
from torch import Tensor

from mien.data.dataset import open_dataset
from mien.data.labelled_faces import LabelledFaces
from mien.model.package import shipped_models
from mien.preprocess import Preprocessing
from mien.train.augment import augment
from mien.train.config import DistillationConfig, TrainingConfig, load_config
from mien.train.dataloaders import training_batches
from mien.train.device import Machine
from mien.train.losses import joint_loss
from mien.train.module import ExpressionTraining, channels_last
from mien.train.training import FitOptions, Run, fit

WARM_UP = 1
# About FER2013's; no figure here depends on it.
PREPROCESSING = Preprocessing(48, 48, "gray", mean=(128.0,), std=(64.0,))


def read(data: Path, config: TrainingConfig) -> tuple[LabelledFaces, LabelledFaces]:
    return open_dataset(data, config.data.classes, name=config.data.name).read_for_training()


def read_ms(data: Path, config: TrainingConfig) -> float:
    """Milliseconds to read both splits, once."""
    start = time.perf_counter()
    read(data, config)
    return 1000 * (time.perf_counter() - start)


def train(data: Path, config: TrainingConfig, *, threads: int) -> Run:
    """Trains for one epoch as `mien train` does, from the reading of the data to the last file."""
    training, validation = read(data, config)
    with tempfile.TemporaryDirectory() as folder:
        return fit(training, validation, one_epoch(config), Path(folder), FitOptions(threads=threads, quiet=True))


def one_epoch(config: TrainingConfig) -> TrainingConfig:
    """The configuration cut to an epoch; the shipped `base` teaches where files of its teachers are not there."""
    distillation = config.distillation
    there = all(name in shipped_models() or Path(name).is_file() for name in distillation.teachers)
    if not there:
        distillation = distillation.model_copy(update={"teachers": ("base",)})
    return config.model_copy(update={"epochs": 1, "distillation": distillation})


def told(config: Path) -> dict[str, Any]:
    """What must be known of the epoch that `train` trains."""
    return {"config": config.name, "teachers": one_epoch(load_config(config)).distillation.teachers}


def rates(arguments: argparse.Namespace) -> dict[str, Any]:
    """Samples per second of the loader, of loader and augmentation, and of the network, on the training split."""
    torch.set_num_threads(arguments.threads)
    # What teachers answer is asked once, before the first batch, and changes no rate.
    config = load_config(arguments.config).model_copy(update={"distillation": DistillationConfig()})
    training, _ = read(arguments.data, config)
    loader = training_batches(training, config)
    batches = endless(loader)
    ready = next(batches)
    size = len(ready[0])
    module = ExpressionTraining(config, PREPROCESSING)
    channels_last(module.network)
    module.on_fit_start()
    generator = torch.Generator().manual_seed(config.seed)

    def rate(work: Callable[[], object], count: int) -> dict[str, float]:
        times = times_ms(lambda: [work() for _ in range(count)], runs=arguments.runs, warm_up=WARM_UP)
        return summary([1000 * count * size / each for each in times])

    return {
        "batch_size": size,
        "precision": precision(config),
        "samples_per_s": {
            "loader": rate(lambda: next(batches), arguments.batches),
            "loader and augmentation": rate(
                lambda: augment(next(batches)[0].float(), config.augmentation, generator), arguments.batches
            ),
            "network": rate(lambda: step(module, ready), arguments.network_batches),
        },
    }


def step(module: ExpressionTraining, batch: tuple[Tensor, Tensor, Tensor]) -> None:
    """Forward, loss and backward of the network, without augmentation and without the optimizer's update."""
    pixels, fer7, ferplus8 = batch
    module.zero_grad()
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=precision(module.config) == "bf16-mixed"):
        logits = module(pixels)
    joint_loss(logits, (fer7, ferplus8), module.config.loss).backward()


def precision(config: TrainingConfig) -> Any:
    return Machine("cpu").precision(config.precision)


def endless(loader: Any) -> Iterator[Any]:
    """Batches of one epoch after the other."""
    while True:
        yield from loader


def main() -> None:
    kind, data, config, *threads = sys.argv[1:]
    if kind == "read":
        print(read_ms(Path(data), load_config(Path(config))))
    else:
        train(Path(data), load_config(Path(config)), threads=int(threads[0]))


if __name__ == "__main__":
    main()
