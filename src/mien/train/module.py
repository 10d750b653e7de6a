"""The Lightning module: one training step, one validation step, one optimiser."""

from typing import Any

import torch
from lightning import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR

from mien.data.faces import NO_LABEL
from mien.expressions import FER7, FERPLUS8, core4_positions
from mien.preprocess import Preprocessing, normalise
from mien.train.augmentation import augment, mixup
from mien.train.config import OptimiserConfig, TrainingConfig
from mien.train.losses import joint_loss
from mien.train.networks import ResidualNetwork


class ExpressionTraining(LightningModule):
    """Trains a `ResidualNetwork` on uint8 faces with soft targets for both heads."""

    def __init__(self, config: TrainingConfig, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.config = config
        self.preprocessing = preprocessing
        self.network = ResidualNetwork(config.network)
        self.generator = torch.Generator()

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of both heads for pixel values of 0 to 255, of shape (N, 1, H, W)."""
        faces = normalise(pixels.float(), self.preprocessing)
        logits: tuple[Tensor, Tensor] = self.network(faces.contiguous(memory_format=torch.channels_last))
        return logits

    def on_fit_start(self) -> None:
        """Puts the network into the memory layout in which its convolutions are fastest."""
        channels_last(self.network)
        self.generator = torch.Generator(device=self.device)

    def training_step(self, batch: tuple[Tensor, Tensor, Tensor], batch_idx: int) -> Tensor:
        """Loss of an augmented batch; its randomness depends on the seed, step and rank alone."""
        del batch_idx
        pixels, fer7, ferplus8 = batch
        step_seed = (self.config.seed * 1_000_003 + self.global_step) * 4_096 + self.global_rank
        self.generator.manual_seed(step_seed)
        pictures = augment(pixels.float(), self.config.augmentation, self.generator)
        pictures, fer7, ferplus8 = mixup(pictures, self.config.augmentation, self.generator, fer7, ferplus8)
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):  # dropout takes no generator
            torch.manual_seed(step_seed)
            logits = self(pictures)
        loss = joint_loss(logits, (fer7, ferplus8), self.config.loss)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def validation_step(self, batch: tuple[Tensor, ...], batch_idx: int) -> None:
        """Accuracy by each protocol, from the head that is trained for its truth."""
        del batch_idx
        pixels, fer7_label, majority, core4_label, core4_consensus = batch
        fer7, ferplus8 = self(pixels)
        self._log_accuracy("P1", fer7[:, list(core4_positions(FER7))], core4_label)
        self._log_accuracy("P2", ferplus8[:, list(core4_positions(FERPLUS8))], core4_consensus)
        self._log_accuracy("P3", fer7, fer7_label)
        self._log_accuracy("P4", ferplus8, majority)

    def _log_accuracy(self, protocol: str, logits: Tensor, truth: Tensor) -> None:
        counts = truth != NO_LABEL
        right = (logits.argmax(dim=1) == truth)[counts].float()
        if len(right):
            self.log(protocol, right.mean(), on_epoch=True, prog_bar=True, batch_size=len(right), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """SGD with Nesterov momentum; weight decay on convolution and linear weights alone."""
        optimiser_config = self.config.optimiser
        optimiser = SGD(
            _decayed_apart(self.network, optimiser_config),
            lr=optimiser_config.peak_learning_rate,
            momentum=optimiser_config.momentum,
            nesterov=optimiser_config.momentum > 0,
        )
        schedule = OneCycleLR(
            optimiser,
            max_lr=optimiser_config.peak_learning_rate,
            total_steps=int(self.trainer.estimated_stepping_batches),
            pct_start=optimiser_config.warmup_share,
            cycle_momentum=False,
            final_div_factor=1e3,
        )
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def channels_last(network: torch.nn.Module) -> None:
    """Lays the convolutions' weights out with channels last, which is faster on most devices."""
    for weight in network.parameters():
        if weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _decayed_apart(network: torch.nn.Module, config: OptimiserConfig) -> list[dict[str, Any]]:
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    plain = [weight for weight in network.parameters() if weight.ndim <= 1]
    return [{"params": decayed, "weight_decay": config.weight_decay}, {"params": plain, "weight_decay": 0.0}]
