"""The Lightning module: one training step, one validation step, one optimizer."""

from math import isclose
from pathlib import Path

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional
from torch.optim.lr_scheduler import OneCycleLR

from mien.data.labelled_faces import NO_LABEL
from mien.errors import ConfigError
from mien.expressions import FER7, FERPLUS8, core4_positions
from mien.preprocess import Preprocessing, normalize
from mien.train.augment import augment, blend
from mien.train.config import TrainingConfig
from mien.train.losses import flip_difference, joint_loss
from mien.train.networks.expression import ExpressionNetwork
from mien.train.optim import optimizer_of
from mien.train.trainer import read_checkpoint


class ExpressionTraining(LightningModule):
    """Trains a `ExpressionNetwork` on uint8 faces with soft targets for both heads."""

    def __init__(self, config: TrainingConfig, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.config = config
        self.preprocessing = preprocessing
        self.network = ExpressionNetwork(config.network)
        self.generator = torch.Generator()
        self._logged_step = -1

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads for pixel values of 0 to 255, of shape (N, 1, H, W)."""
        logits: tuple[Tensor, Tensor] = self.network(self._normalized(pixels))
        return logits

    def load_weights(self, checkpoint: Path) -> None:
        """Takes over the weights of a checkpoint, which are the averaged ones.

        Raises:
            ConfigError: If it cannot be read or is of another network.
        """
        state = read_checkpoint(checkpoint)["state_dict"]
        try:
            self.load_state_dict(state)
        except RuntimeError as fault:
            raise ConfigError(
                f"{checkpoint} has the weights of another network; give [network] the family and sizes of that run's"
            ) from fault

    def on_fit_start(self) -> None:
        """Makes the random generator where the pictures are."""
        self.generator = torch.Generator(device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of an augmented batch; its randomness depends on the seed, step and rank alone."""
        del batch_idx
        pixels, fer7, ferplus8 = batch
        step_seed = (self.config.seed * 1_000_003 + self.global_step) * 4_096 + self.global_rank
        self.generator.manual_seed(step_seed)
        with torch.autocast(self.device.type, enabled=False):  # pictures keep all their gray levels
            pictures = augment(pixels.float(), self.config.augmentation, self.generator)
            pictures, fer7, ferplus8 = blend(pictures, self.config.augmentation, self.generator, fer7, ferplus8)
            pictures = self._of_epoch_size(pictures)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):  # dropout takes no generator
            torch.manual_seed(step_seed)
            loss = self._loss(pictures, (fer7, ferplus8))
        if self._logged_step != self.global_step:  # a sharpness-aware step asks twice, and then for the loss uphill
            self._logged_step = self.global_step
            self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        return loss

    def _of_epoch_size(self, pictures: Tensor) -> Tensor:
        progressive = self.config.progressive
        if self.trainer.current_epoch >= progressive.share * self.config.epochs:
            return pictures
        return functional.interpolate(pictures, progressive.first_px, mode="area")

    def _loss(self, pictures: Tensor, targets: tuple[Tensor, Tensor]) -> Tensor:
        features = self.network.features(self._normalized(pictures))
        loss = joint_loss(self.network.logits(features), targets, self.config.loss)
        if self.config.loss.flip_consistency:
            mirrored = self.network.features(self._normalized(pictures.flip(3)))
            loss = loss + self.config.loss.flip_consistency * flip_difference(self.network, features, mirrored)
        return loss

    def _normalized(self, pixels: Tensor) -> Tensor:
        faces: Tensor = normalize(pixels.float(), self.preprocessing)
        return faces.contiguous(memory_format=torch.channels_last)

    def validation_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        """Accuracy by each protocol, from the head that is trained on its labels."""
        del batch_idx
        pixels, fer7_label, majority, core4_label, core4_consensus = batch
        fer7, ferplus8 = self(pixels)
        self._log_accuracy("P1", fer7[:, list(core4_positions(FER7))], core4_label)
        self._log_accuracy("P2", ferplus8[:, list(core4_positions(FERPLUS8))], core4_consensus)
        self._log_accuracy("P3", fer7, fer7_label)
        self._log_accuracy("P4", ferplus8, majority)

    def _log_accuracy(self, protocol: str, logits: Tensor, target: Tensor) -> None:
        counts = target != NO_LABEL
        logits, target = logits[counts].float(), target[counts]
        right = (logits.argmax(dim=1) == target).sum()
        loss = functional.cross_entropy(logits, target, reduction="sum")
        # Summed over all processes first: a mean of their means would depend on how the faces are shared out.
        sums = torch.stack([right.float(), loss, counts.sum().float()])
        right, loss, faces = self.trainer.strategy.reduce(sums, reduce_op="sum")
        if faces:
            self.log(protocol, right / faces, prog_bar=True, batch_size=int(faces), sync_dist=True)
            self.log(f"nll_{protocol}", loss / faces, batch_size=int(faces), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """The configured optimizer under a one-cycle schedule with cosine annealing."""
        optimizer_config = self.config.optimizer
        optimizer = optimizer_of(self.network, optimizer_config)
        steps = int(self.trainer.estimated_stepping_batches)
        warmup_share = optimizer_config.warmup_share
        if isclose(warmup_share * steps, 1):
            warmup_share *= 1.001  # torch divides by zero where the warm-up is of exactly one step
        schedule = OneCycleLR(
            optimizer,
            max_lr=optimizer_config.peak_learning_rate,
            total_steps=steps,
            pct_start=warmup_share,
            cycle_momentum=False,
            final_div_factor=1e3,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def channels_last(network: torch.nn.Module) -> None:
    """Lays the convolutions' weights out with channels last, which is faster on most devices."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)
