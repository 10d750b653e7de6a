"""Training steps that stay on the device: several networks learn from one batch, replayed as one CUDA graph."""

import copy
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from mien.errors import first_line
from mien.expressions import FER7, FERPLUS8
from mien.train.batched_muon import BatchedMuon
from mien.train.config import FACE_PX, TrainingConfig
from mien.train.distillation import mixed_targets
from mien.train.losses import joint_loss
from mien.train.module import channels_last
from mien.train.networks.expression import ExpressionNetwork

Heads = tuple[Tensor, Tensor]
"""Float of shapes (N, 7) and (N, 8): logits or targets of both heads."""


class Learner:
    """A network that learns, its moving average and its optimizer.

    It seeds torch's own generators, by which first weights, dropout and skipped branches are drawn.

    Args:
        name: By which reports know it.
        config: Seed, network, loss and optimizer.
        device: Where it learns.
        skip: Highest share of pictures that skip a residual branch in training; see `skip_branches`.

    Attributes:
        averaged: The network with averaged weights, for predictions; in evaluation mode.
    """

    def __init__(self, name: str, config: TrainingConfig, device: str, *, skip: float = 0.0) -> None:
        torch.manual_seed(config.seed)
        network = ExpressionNetwork(config.network)
        self.name, self.config = name, config
        channels_last(network)
        self.network = network.to(device).train()
        self.averaged = copy.deepcopy(self.network).eval().requires_grad_(requires_grad=False)
        skip_branches(self.network, skip)
        self._weights = list(self.network.parameters())
        self._optimizer = BatchedMuon(self._weights, config.optimizer)
        self._newest = torch.zeros((), device=device)  # weight of the newest weights in the average
        self._current, self._mean = (
            [value for value in network.state_dict().values() if value.is_floating_point()]
            for network in (self.network, self.averaged)
        )

    def state(self) -> list[Tensor]:
        """All that a step changes."""
        return [*self.network.state_dict().values(), *self._mean, *self._optimizer.state()]

    def prepare(self, done: int, total: int) -> None:
        """Sets the learning rate, and how fast the average forgets, for step `done` (from 0) of `total`."""
        config = self.config.optimizer
        self._optimizer.rate.fill_(one_cycle(done, total, config.peak_learning_rate, config.warmup_share))
        # Early on it forgets faster, so that the random first weights are soon gone.
        self._newest.fill_(1 - min(config.averaging_decay, (1 + done) / (10 + done)))

    def learn(self, pictures: Tensor, targets: Heads) -> Tensor:
        """One step in bfloat16; returns the loss before it, a tensor of no dimensions."""
        with torch.autocast(pictures.device.type, torch.bfloat16, cache_enabled=False):
            logits = self.network(pictures)
        loss = joint_loss(logits, targets, self.config.loss)
        self._optimizer.step(torch.autograd.grad(loss, self._weights))
        with torch.no_grad():
            way = torch._foreach_sub(self._current, self._mean)
            torch._foreach_mul_(way, self._newest)
            torch._foreach_add_(self._mean, way)
        return loss.detach()


def skip_branches(network: ExpressionNetwork, most: float) -> None:
    """Lets pictures skip residual branches in training, the last block's with probability `most`, earlier ones' less.

    Source: Huang et al., "Deep Networks with Stochastic Depth", ECCV 2016.
    """
    found = [getattr(stage, "residual", None) for stage in network.trunk]
    branches = [branch for branch in found if isinstance(branch, nn.Module)]
    for place, branch in enumerate(branches):
        share = most * (place + 1) / len(branches)

        def skip(module: nn.Module, _: Any, output: Tensor, share: float = share) -> Tensor:
            if not module.training:
                return output
            kept = torch.rand((len(output), 1, 1, 1), device=output.device) >= share
            return output * (kept / (1 - share)).to(output.dtype)

        if share:
            branch.register_forward_hook(skip)


def fast_teacher(network: nn.Module) -> nn.Module:
    """A copy for predictions alone: in bfloat16, with normalizations folded into the convolutions before them."""
    teacher = copy.deepcopy(network).eval()
    for sequence in [module for module in teacher.modules() if isinstance(module, nn.Sequential)]:
        for place in range(len(sequence) - 1):
            convolution, norm = sequence[place], sequence[place + 1]
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                sequence[place], sequence[place + 1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()
    teacher.to(torch.bfloat16).requires_grad_(requires_grad=False)
    channels_last(teacher)
    return teacher


class DeviceStep:
    """One step of all learners on a batch of fixed size; replayed as a CUDA graph once `record` has made one.

    Teachers predict for the augmented and mixed pictures themselves, the same that the learners see.

    Source: Beyer et al., "Knowledge distillation: A good teacher is patient and consistent", CVPR 2022.

    Args:
        learners: Networks that learn from the same pictures and targets, each by its own loss.
        teachers: What `fast_teacher` gives, or none.
        config: Batch size, and the weight of the teachers' mean prediction in the targets.
        device: Where all of them are.

    Attributes:
        losses: Sum of each learner's losses since they were last set back.
        graph: The recorded step, if there is one.
    """

    def __init__(
        self, learners: Sequence[Learner], teachers: Sequence[nn.Module], config: TrainingConfig, device: str
    ) -> None:
        size = config.batch_size
        self.learners, self._teachers, self._weight = tuple(learners), tuple(teachers), config.distillation.weight
        channels = config.network.channels
        pictures = torch.zeros((size, channels, FACE_PX, FACE_PX), device=device).to(memory_format=torch.channels_last)
        targets = [torch.full((size, len(head)), 1 / len(head), device=device) for head in (FER7, FERPLUS8)]
        self._inputs = [pictures, *targets]
        self.losses = torch.zeros(len(learners), device=device)
        self.graph: torch.cuda.CUDAGraph | None = None

    def __call__(self, batch: Sequence[Tensor]) -> None:
        """Learns from normalized pictures of shape (B, C, H, W) and the targets of both heads."""
        for own, given in zip(self._inputs, batch, strict=True):
            own.copy_(given)
        if self.graph is None:
            self._work()
        else:
            self.graph.replay()

    def record(self) -> str | None:
        """Records a step as a CUDA graph; weights change by it, so keep `Learner.state` and put it back.

        Returns:
            Why there is none, in words; steps then run one operation at a time. None if it was recorded.
        """
        if self.losses.device.type != "cuda":
            return "no GPU"
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):  # kernels are chosen in the first steps
                self._work()
        torch.cuda.current_stream().wait_stream(stream)
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                self._work()
        except RuntimeError as fault:
            torch.cuda.synchronize()
            return first_line(fault)
        self.graph = graph
        return None

    def _work(self) -> None:
        pictures, *own = self._inputs
        targets = self._targets(pictures, own)
        for place, learner in enumerate(self.learners):
            self.losses[place] += learner.learn(pictures, targets)

    @torch.no_grad()
    def _targets(self, pictures: Tensor, own: Sequence[Tensor]) -> Heads:
        """Labels and votes, mixed with the teachers' mean prediction."""
        if not self._teachers:
            return own[0], own[1]
        views = pictures.bfloat16()
        predictions = [[head.float().softmax(dim=1) for head in teacher(views)] for teacher in self._teachers]
        means = [torch.stack(of_head).mean(dim=0) for of_head in zip(*predictions, strict=True)]
        fer7, ferplus8 = (mixed_targets(o, m, self._weight) for o, m in zip(own, means, strict=True))
        return fer7, ferplus8


def one_cycle(done: int, total: int, peak: float, warmup_share: float) -> float:
    """Learning rate of step `done` of `total`, as `torch.optim.lr_scheduler.OneCycleLR` has it in this package.

    It rises from peak / 25 and falls to peak / 25,000, both along a cosine.
    """
    top = max(1.0, warmup_share * total - 1)
    if done <= top:
        return peak / 25 + (peak - peak / 25) * (1 - math.cos(math.pi * done / top)) / 2
    low = peak / 25_000
    return low + (peak - low) * (1 + math.cos(math.pi * (done - top) / max(1.0, total - 1 - top))) / 2
