"""Trains the shipped models on one GPU in minutes: wide teachers first, then `base` and `tiny` together.

    python tools/train_on_gpu.py --data path/to/fer2013 --output runs/gpu
    mien export runs/gpu/base --data path/to/fer2013 --output base.onnx --precision int8

Teachers of three families learn from labels and votes, one after the other. Both students then learn from one stream of
augmented and mixed pictures, and from the teachers' predictions for these very pictures. Faces, augmentation, optimizer
and averaging stay on the device, and each step is replayed as a CUDA graph. The networks of the students are those of
`configs/base.toml` and `configs/tiny.toml`; everything else is below. The held-out faces are only looked at: no weight
and no number of epochs depends on them.

In the output folder are, complete at any time: a run folder for each student (`base`, `tiny`), which `mien export`
takes; `log.json`; and each teacher's averaged weights in float16 (`teacher-*.pt`).
"""

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mien.data.dataset import open_dataset
from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import manifest
from mien.files import replace_file
from mien.preprocess import Preprocessing
from mien.results import to_jsonable
from mien.train.checks import refuse_place
from mien.train.config import (
    AugmentationConfig,
    DistillationConfig,
    LossConfig,
    NetworkConfig,
    OptimizerConfig,
    TrainingConfig,
    load_config,
)
from mien.train.dataloaders import fitted, stacked
from mien.train.device import Machine
from mien.train.device_batches import DeviceBatches
from mien.train.device_metrics import ValidationFaces, in_words, pooled
from mien.train.device_steps import DeviceStep, Learner, fast_teacher
from mien.train.run_record import RunRecord, new_record, write_record
from mien.train.trainer import CHECKPOINT, AtomicCheckpointIO, EpochRecord

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
LOOKS = 12  # at the held-out faces, of each part, at most
NO_LIMIT_S = 1e9
SPARE_S = 8.0  # of a time limit, kept for the last figures and files
MEASURED_STEPS = 12

_FAULTS = {"low_resolution_share": 0.1, "compression_share": 0.1, "bad_crop_share": 0.05}  # as crops of photos have


def _teacher(seed: int, epochs: int, network: NetworkConfig, fer7_weight: float, **augmentation: Any) -> TrainingConfig:
    return TrainingConfig(
        seed=seed,
        epochs=epochs,
        batch_size=256,
        precision="bf16-mixed",
        network=network,
        loss=LossConfig(fer7_weight=fer7_weight, label_smoothing=0.05),
        augmentation=AugmentationConfig(**_FAULTS, **augmentation),
        optimizer=OptimizerConfig(method="muon", peak_learning_rate=0.008, weight_decay=0.05),
    )


TEACHERS = {
    "teacher-residual": _teacher(
        11,
        77,
        NetworkConfig(family="residual-se", stem_width=32, widths=(128, 192, 320), depths=(2, 3, 3), dropout=0.3),
        0.7,
        erase_share=0.25,
        mixup_alpha=0.4,
        mixup_share=0.5,
    ),
    "teacher-preactivation": _teacher(
        12,
        102,
        NetworkConfig(family="preactivation", stem_width=64, widths=(128, 256, 320), depths=(2, 3, 2), dropout=0.3),
        1.0,
        rotation_deg=20,
        scale=0.2,
        shift=0.1,
        erase_share=0.3,
        mixup_alpha=0.3,
        mixup_share=0.4,
    ),
    "teacher-vgg": _teacher(
        13,
        117,
        NetworkConfig(family="vgg", stem_width=32, widths=(128, 256, 320), depths=(4, 4, 4), dropout=0.4),
        0.7,
        rotation_deg=18,
        scale=0.15,
        shift=0.1,
        erase_share=0.3,
        mixup_alpha=0.4,
        mixup_share=0.6,
    ),
}
"""What each teacher is trained with."""

SKIPPED = {"teacher-residual": 0.15, "teacher-preactivation": 0.2}
"""Highest share of pictures that skip a residual branch; see `mien.train.device_steps.skip_branches`."""

STUDENTS = ("base", "tiny")

SHARES = {"teacher-residual": 0.18, "teacher-preactivation": 0.20, "teacher-vgg": 0.16, "students": 0.46}
"""Of a time limit, for each part."""


def student(name: str) -> TrainingConfig:
    """What a student is trained with; network and weights of the heads are those of its own configuration."""
    own = load_config(CONFIGS / f"{name}.toml")
    return TrainingConfig(
        seed=21,
        epochs=151,
        batch_size=256,
        precision="bf16-mixed",
        network=own.network,
        loss=own.loss.model_copy(update={"label_smoothing": 0.0}),
        distillation=DistillationConfig(weight=0.85),
        augmentation=AugmentationConfig(**_FAULTS, erase_share=0.15, mixup_alpha=0.6, mixup_share=0.5),
        optimizer=OptimizerConfig(method="muon", peak_learning_rate=0.01, weight_decay=0.03),
    )


def smaller(config: TrainingConfig) -> TrainingConfig:
    """The same with an eighth of the width, small batches and two epochs, to try the script with."""
    widths = tuple(max(4, width // 8) for width in config.network.widths)
    network = config.network.model_copy(update={"stem_width": 8, "widths": widths})
    return config.model_copy(update={"network": network, "batch_size": 32, "epochs": min(2, config.epochs)})


class Clock:
    """The time since the start, and what is left of the limit, if there is one."""

    def __init__(self, limit_s: float) -> None:
        self.started, self.limit_s = time.monotonic(), limit_s

    def elapsed_s(self) -> float:
        return time.monotonic() - self.started

    def left_s(self) -> float:
        """Of the limit, less what is kept for the end."""
        return self.limit_s - SPARE_S - self.elapsed_s()

    def say(self, text: str) -> None:
        """Prints a line with the time."""
        print(f"{self.elapsed_s():6.1f} s  {text}", flush=True)


@dataclass
class Session:
    """What all parts share.

    Attributes:
        training: Faces to learn from, in gray at the networks' size.
        validation: Faces to look at.
        preprocessing: What networks take.
        clock: The time, and its limit.
        folder: Where the results go.
        device: Where everything happens.
        records: Of the students' runs, by name.
        log: What `log.json` says.
    """

    training: LabelledFaces
    validation: ValidationFaces
    preprocessing: Preprocessing
    clock: Clock
    folder: Path
    device: str
    records: dict[str, RunRecord]
    log: dict[str, Any] = field(default_factory=lambda: {"parts": {}, "final": {}})

    def write_log(self) -> None:
        self.log["elapsed_s"] = round(self.clock.elapsed_s(), 1)
        replace_file(self.folder / "log.json", json.dumps(to_jsonable(self.log), indent=1) + "\n")

    def look_at(self, learner: Learner) -> dict[str, float]:
        """Metrics of the averaged weights; a teacher's in bfloat16, which is quicker."""
        with torch.autocast(self.device, torch.bfloat16, enabled=learner.name not in STUDENTS):
            return self.validation.metrics(learner.averaged)

    def train(self, part: str, learners: Sequence[Learner], teachers: Sequence[nn.Module] = ()) -> None:
        """Trains one part: its epochs, or as many of them as its share of the time limit allows."""
        config = learners[0].config  # seed, epochs, batches and augmentation are the same for all
        later = list(SHARES)[list(SHARES).index(part) :]
        until_s = self.clock.elapsed_s() + self.clock.left_s() * SHARES[part] / sum(SHARES[name] for name in later)
        batches = DeviceBatches(self.training, config, self.preprocessing, self.device)
        step = DeviceStep(learners, teachers, config, self.device)
        facts = self._measured(step, batches)
        affordable = epochs_within(until_s - self.clock.elapsed_s(), facts["epoch_s"], facts["look_s"])
        epochs = max(1, min(config.epochs, affordable))
        self.clock.say(f"{part}: {epochs} epochs of {batches.steps} steps; {facts}")
        configs = {learner.name: learner.config.model_dump(mode="json") for learner in learners}
        self.log["parts"][part] = facts | {"epochs": epochs, "configs": configs, "history": []}
        self._all_epochs(part, step, batches, epochs)

    def _measured(self, step: DeviceStep, batches: DeviceBatches) -> dict[str, Any]:
        """Records the step and measures how long an epoch takes; weights are as before when it returns."""
        state = [value for learner in step.learners for value in learner.state()]
        before = [value.clone() for value in state]
        not_recorded = step.record()
        batches.next_epoch()
        times = [self._synchronized_s()]
        parts = batches.next_epoch()
        times.append(self._synchronized_s())
        count = min(MEASURED_STEPS, batches.steps)
        for batch in range(count):
            step([part[batch] for part in parts])
        times.append(self._synchronized_s())
        for _ in range(2):  # kernels are chosen the first time
            for learner in step.learners:
                self.look_at(learner)
            times.append(self._synchronized_s())
        for value, earlier in zip(state, before, strict=True):
            value.copy_(earlier)
        step.losses.zero_()
        batches_s, steps_s, _, look_s = np.diff(times).tolist()
        return {
            "graph": not_recorded or True,
            "step_ms": round(1e3 * steps_s / count, 3),
            "batches_s": round(batches_s, 3),
            "look_s": round(look_s, 3),
            "epoch_s": round(1.02 * (batches.steps * steps_s / count + batches_s), 4),
        }

    def _synchronized_s(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return self.clock.elapsed_s()

    def _all_epochs(self, part: str, step: DeviceStep, batches: DeviceBatches, epochs: int) -> None:
        total, done, every = epochs * batches.steps, 0, math.ceil(epochs / LOOKS)
        for epoch in range(1, epochs + 1):
            parts = batches.next_epoch()
            for batch in range(batches.steps):
                for learner in step.learners:
                    learner.prepare(done, total)
                step([each[batch] for each in parts])
                done += 1
            late = self.clock.left_s() < 0
            if epoch % every == 0 or epoch == epochs or late:
                losses = (step.losses / batches.steps).tolist()
                self._look(part, epoch, dict(zip(step.learners, losses, strict=True)), stopped=late)
            step.losses.zero_()
            if late:
                self.clock.say(f"{part}: stopped after {epoch} epochs, for the time is up")
                return

    def _look(self, part: str, epoch: int, losses: Mapping[Learner, float], *, stopped: bool) -> None:
        """Notes the metrics after an epoch, and saves the weights."""
        entry: dict[str, Any] = {"epoch": epoch, "at_s": round(self.clock.elapsed_s(), 1)}
        for learner, loss in losses.items():
            metrics = self.look_at(learner)
            entry[learner.name] = {"loss": round(loss, 4)} | metrics
            self.clock.say(f"{learner.name} epoch {epoch}: loss {loss:.4f}  {in_words(metrics)}")
            if learner.name in STUDENTS:
                record = replace(
                    self.records[learner.name],
                    epochs_done=epoch,
                    stopped_early=stopped or epoch == self.log["parts"][part]["epochs"] < learner.config.epochs,
                    accuracy={name: value for name, value in metrics.items() if name.startswith("P")},
                    elapsed_s=round(self.clock.elapsed_s(), 1),
                )
                write_run(self.folder / learner.name, record, learner.averaged.state_dict())
            else:
                write_teacher(self.folder / f"{learner.name}.pt", learner.averaged)
        self.log["parts"][part]["history"].append(entry)
        self.write_log()


def epochs_within(left_s: float, epoch_s: float, look_s: float) -> int:
    """How many epochs fit the time, with a look after each of them, but no more than `LOOKS` in all."""
    few = int(left_s / (epoch_s + look_s))
    return few if few <= LOOKS else int((left_s - LOOKS * look_s) / epoch_s)


def write_teacher(path: Path, network: nn.Module) -> None:
    """Writes a network's weights in float16."""
    state = network.state_dict().items()
    halves = {key: (value.half() if value.is_floating_point() else value).cpu() for key, value in state}
    AtomicCheckpointIO().save_checkpoint(halves, path)


def write_run(folder: Path, record: RunRecord, weights: Mapping[str, Tensor]) -> None:
    """Writes the folder of a run, as `mien train` does, which `mien export` takes once the run is finished.

    Args:
        folder: It is made if it does not exist.
        record: What the run says of itself.
        weights: Averaged, of an `ExpressionNetwork`.
    """
    reached = {"epochs": record.epochs_done, "accuracy": dict(record.accuracy)}
    state = {f"network.{key}": value.cpu().contiguous() for key, value in weights.items()}
    checkpoint = {"state_dict": state, "callbacks": {EpochRecord.__name__: reached}}
    AtomicCheckpointIO().save_checkpoint(checkpoint, folder / CHECKPOINT)
    write_record(folder, record)


def taught_by(record: RunRecord, teachers: Sequence[Path]) -> RunRecord:
    """The record of a student that learns from the networks in these files."""
    names = tuple(path.name for path in teachers)
    distillation = record.config.distillation.model_copy(update={"teachers": names})
    sources = {path.name: sha256(path.read_bytes()).hexdigest() for path in teachers}
    config = record.config.model_copy(update={"distillation": distillation})
    return replace(record, config=config, sources={**record.sources, **sources})


def train_teachers(session: Session, configs: Mapping[str, TrainingConfig]) -> dict[str, nn.Module]:
    """The averaged networks of all teachers, less those that diverged."""
    trained: dict[str, nn.Module] = {}
    for name, config in configs.items():
        learner = Learner(name, config, session.device, skip=SKIPPED.get(name, 0.0))
        session.train(name, [learner])
        if math.isfinite(session.look_at(learner)["nll_P3"]):
            trained[name] = learner.averaged
        else:
            session.clock.say(f"{name} diverged and is left out")
    return trained


def train_students(session: Session, teachers: Mapping[str, nn.Module]) -> dict[str, nn.Module]:
    """The averaged networks of both students."""
    files = [session.folder / f"{name}.pt" for name in teachers]
    session.records = {name: taught_by(record, files) for name, record in session.records.items()}
    learners = [Learner(name, record.config, session.device) for name, record in session.records.items()]
    session.train("students", learners, [fast_teacher(teacher) for teacher in teachers.values()])
    return {learner.name: learner.averaged for learner in learners}


def final_metrics(session: Session, networks: Mapping[str, nn.Module], teachers: Mapping[str, nn.Module]) -> None:
    """Notes the metrics of all networks, and of the teachers' mean prediction, with and without flips."""
    torch.backends.cudnn.benchmark = False  # each shape comes but a few times from now on
    views = {name: session.validation.views(network) for name, network in {**networks, **teachers}.items()}
    if len(teachers) > 1:
        views["teachers"] = [pooled(view) for view in zip(*(views[name] for name in teachers), strict=True)]
    for name, (plain, mirrored) in views.items():
        found = {"plain": plain, "flips": pooled((plain, mirrored))}
        session.log["final"][name] = {key: session.validation.metrics_of(logits) for key, logits in found.items()}
        for key, metrics in session.log["final"][name].items():
            session.clock.say(f"{name}, {key}: {in_words(metrics)}")
    session.write_log()


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="FER2013, as for mien train; see docs/data.md")
    parser.add_argument("--output", type=Path, required=True, help="folder that receives the results")
    parser.add_argument(
        "--limit-s", type=float, default=NO_LIMIT_S, help="seconds for all, by which epochs are cut down"
    )
    parser.add_argument("--device", default=Machine.found().device, choices=("cuda", "cpu"))
    parser.add_argument("--tiny-run", action="store_true", help="small networks, 320 faces, two epochs of each part")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains all parts."""
    options = parsed(arguments)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = False  # steps are in bfloat16; figures are those of float32
    teachers, students = TEACHERS, {name: student(name) for name in STUDENTS}
    if options.tiny_run:
        teachers, students = ({name: smaller(c) for name, c in part.items()} for part in (teachers, students))
    for name in students:
        refuse_place(options.output / name / CHECKPOINT, resume=False)
    training, validation = open_dataset(options.data).read_for_training()
    keep, left_out = training_rows_to_keep(training, validation)
    training = fitted(training[keep][:320] if options.tiny_run else training[keep], 1)
    data, machine = manifest(training, validation, left_out), Machine(options.device)
    records = {name: new_record(config, stacked(training), data, machine) for name, config in students.items()}
    scale, clock = next(iter(records.values())).input, Clock(options.limit_s)
    looked_at = ValidationFaces(validation, scale, options.device)
    options.output.mkdir(parents=True, exist_ok=True)
    session = Session(training, looked_at, scale, clock, options.output, options.device, records)
    name = torch.cuda.get_device_name() if options.device == "cuda" else "the processor"
    clock.say(f"{len(training)} faces to learn from, {len(validation)} to look at, on {name}")
    session.log |= {"torch": torch.__version__, "device": name}
    trained = train_teachers(session, teachers)
    final_metrics(session, train_students(session, trained), trained)
    clock.say("done")


if __name__ == "__main__":
    main()
