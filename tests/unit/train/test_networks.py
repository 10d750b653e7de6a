import torch

from mien.train.config import NetworkConfig
from mien.train.fit import ShuffledBatches
from mien.train.networks import ResidualNetwork


def test_gives_logits_of_both_heads() -> None:
    network = ResidualNetwork(NetworkConfig(stem_width=4, widths=(8, 8), depths=(1, 2)))
    fer7, ferplus8 = network(torch.zeros(3, 1, 48, 48))
    assert fer7.shape == (3, 7)
    assert ferplus8.shape == (3, 8)


def test_base_is_as_large_as_it_says() -> None:
    weights = sum(weight.numel() for weight in ResidualNetwork(NetworkConfig()).parameters())
    assert 2_300_000 < weights < 2_500_000


def test_shuffled_batches_cover_all_but_a_last_part_and_differ_by_epoch() -> None:
    batches = ShuffledBatches(length=103, batch_size=10, seed=1)
    first = [position for batch in batches for position in batch]
    assert len(first) == len(set(first)) == 100
    assert [position for batch in batches for position in batch] == first
    batches.set_epoch(1)
    assert [position for batch in batches for position in batch] != first


def test_a_batch_larger_than_the_data_is_cut() -> None:
    assert [len(batch) for batch in ShuffledBatches(length=5, batch_size=10, seed=1)] == [5]
