import copy
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from mien.train.config import TrainingConfig
from mien.train.device_steps import DeviceStep, Learner, fast_teacher, one_cycle, skip_branches
from mien.train.networks.expression import ExpressionNetwork

SMALL = {"stem_width": 4, "widths": [8, 8], "depths": [1, 2], "dropout": 0}


def config(**values: Any) -> TrainingConfig:
    return TrainingConfig.model_validate(
        {"batch_size": 16, "network": SMALL, "optimizer": {"method": "muon", "peak_learning_rate": 0.01}} | values
    )


def batch() -> list[torch.Tensor]:
    pictures = torch.randn(16, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    return [pictures, torch.eye(7)[torch.arange(16) % 7], torch.eye(8)[torch.arange(16) % 8]]


def test_learners_learn_from_one_batch_and_their_averages_follow() -> None:
    learners = [Learner(name, config(seed=seed), "cpu") for name, seed in (("one", 1), ("two", 2))]
    step = DeviceStep(learners, [], config(), "cpu")
    losses = []
    for done in range(30):
        for learner in learners:
            learner.prepare(done, 30)
        step(batch())
        losses.append(step.losses.clone())
        step.losses.zero_()
    for place, learner in enumerate(learners):
        assert losses[-1][place] < 0.8 * losses[0][place]
        averaged = dict(learner.averaged.named_parameters())
        untrained = dict(Learner(learner.name, learner.config, "cpu").network.named_parameters())
        for name, weight in learner.network.named_parameters():
            assert not torch.equal(weight, averaged[name])
            assert (weight - averaged[name]).norm() < (weight - untrained[name]).norm()
    assert not learners[0].averaged.training


def test_state_put_back_undoes_a_step() -> None:
    learner = Learner("one", config(), "cpu")
    step = DeviceStep([learner], [], config(), "cpu")
    learner.prepare(5, 10)
    before = [value.clone() for value in learner.state()]
    network = copy.deepcopy(learner.network.state_dict())
    step(batch())
    assert any(not torch.equal(value, network[name]) for name, value in learner.network.state_dict().items())
    for value, earlier in zip(learner.state(), before, strict=True):
        value.copy_(earlier)
    assert all(torch.equal(value, network[name]) for name, value in learner.network.state_dict().items())


def test_the_teachers_mean_prediction_is_a_part_of_the_targets() -> None:
    teachers = [Learner("teacher", config(seed=seed), "cpu").averaged for seed in (3, 4)]
    taught = config(distillation={"weight": 0.25})
    step = DeviceStep([], [fast_teacher(teacher) for teacher in teachers], taught, "cpu")
    pictures, *own = batch()
    for place, target in enumerate(step._targets(pictures, own)):
        mean = torch.stack([teacher(pictures)[place].softmax(dim=1) for teacher in teachers]).mean(dim=0)
        torch.testing.assert_close(target, 0.75 * own[place] + 0.25 * mean, atol=5e-3, rtol=0)


@pytest.mark.parametrize("family", ["residual-se", "preactivation", "vgg"])
def test_a_fast_teacher_predicts_as_its_network(family: str) -> None:
    torch.manual_seed(0)
    network = ExpressionNetwork(config(network=SMALL | {"family": family}).network)
    pictures = batch()[0]
    network.train()(pictures)  # so that statistics are not those of the start
    fast = fast_teacher(network)
    for quick, exact in zip(fast(pictures.bfloat16()), network.eval()(pictures), strict=True):
        torch.testing.assert_close(quick.float(), exact, atol=0.05, rtol=0.05)
    assert next(network.parameters()).dtype == torch.float32


def test_skipped_branches_are_skipped_in_training_alone_and_leave_the_mean() -> None:
    network = Learner("one", config(), "cpu").network
    plain = copy.deepcopy(network)
    skip_branches(network, 0.6)
    pictures = batch()[0]
    assert torch.equal(network.eval()(pictures)[0], plain.eval()(pictures)[0])
    branch = network.train().trunk[4].residual  # the last of three, which skips most
    assert isinstance(branch, nn.Module)
    torch.manual_seed(0)
    features = torch.randn(2_000, 8, 4, 4)
    whole = plain.train().trunk[4].residual(features)
    kept = branch(features).flatten(1).any(dim=1)
    assert float(kept.float().mean()) == pytest.approx(0.4, abs=0.05)
    torch.testing.assert_close(branch(features).mean(), whole.mean(), atol=0.05, rtol=0)


def test_without_a_gpu_nothing_is_recorded() -> None:
    learner = Learner("one", config(), "cpu")
    before = [value.clone() for value in learner.state()]
    step = DeviceStep([learner], [], config(), "cpu")
    assert step.record() == "no GPU"
    assert step.graph is None
    assert all(torch.equal(value, earlier) for value, earlier in zip(learner.state(), before, strict=True))


@pytest.mark.parametrize(("total", "warmup_share"), [(2_000, 0.1), (40, 0.3)])
def test_the_rate_is_that_of_the_one_cycle_schedule(total: int, warmup_share: float) -> None:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1)
    schedule = OneCycleLR(
        optimizer, max_lr=0.01, total_steps=total, pct_start=warmup_share, cycle_momentum=False, final_div_factor=1e3
    )
    for done in range(total):
        assert one_cycle(done, total, 0.01, warmup_share) == pytest.approx(schedule.get_last_lr()[0])
        optimizer.step()
        if done < total - 1:
            schedule.step()
