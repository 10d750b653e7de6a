import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.model.calibration import softmax
from mien.model.package import load_model
from mien.train.config import DistillationConfig, TrainingConfig
from mien.train.dataloaders import (
    BatchesInOrder,
    ShuffledBatches,
    training_batches,
    validation_batches,
    validation_targets,
)
from mien.train.device import Machine


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_share_the_batches_that_one_would_see(processes: int) -> None:
    alone = [sorted(batch) for batch in ShuffledBatches(103, 12, seed=1)]
    shares = [list(ShuffledBatches(103, 12, seed=1, rank=rank, processes=processes)) for rank in range(processes)]
    assert {len(batch) for share in shares for batch in share} == {12 // processes}
    assert [sorted(position for part in parts for position in part) for parts in zip(*shares, strict=True)] == alone


def test_a_batch_cut_to_the_data_is_still_shared_equally() -> None:
    shares = [list(ShuffledBatches(5, 10, seed=1, rank=rank, processes=2)) for rank in range(2)]
    assert [[len(batch) for batch in share] for share in shares] == [[2], [2]]


@pytest.mark.parametrize("length", [1, 8, 9, 20, 21])
def test_every_held_out_face_is_seen_once_in_as_many_batches_by_each_process(length: int) -> None:
    shares = [BatchesInOrder(length, 4, rank=rank, processes=2) for rank in range(2)]
    assert {len(list(share)) for share in shares} == {len(share) for share in shares} == {-(-length // 8)}
    assert sorted(position for share in shares for batch in share for position in batch) == list(range(length))


def test_one_process_gets_whole_batches_in_order() -> None:
    assert list(BatchesInOrder(5, 3)) == [[0, 1, 2], [3, 4]]


def test_held_out_faces_come_with_their_truths() -> None:
    faces = drawn_faces(9, seed=0)
    pixels, *targets = next(iter(validation_batches(faces, TrainingConfig(), Machine(processes=2, rank=1))))
    np.testing.assert_array_equal(pixels[:, 0], faces.gray()[1::2])
    for given, target in zip(targets, validation_targets(faces).values(), strict=True):
        np.testing.assert_array_equal(given, target[1::2])


def test_training_faces_come_with_soft_targets() -> None:
    pixels, fer7, ferplus8 = next(iter(training_batches(drawn_faces(16, seed=0), TrainingConfig(batch_size=8))))
    assert pixels.shape == (8, 1, 48, 48)
    np.testing.assert_allclose(fer7.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(ferplus8.sum(axis=1), 1, rtol=1e-6)


def test_training_faces_come_with_what_their_teachers_answer() -> None:
    faces = drawn_faces(8, seed=0)
    config = TrainingConfig(batch_size=8, distillation=DistillationConfig(teachers=("tiny",), weight=1))
    taught = training_batches(faces, config).dataset.tensors[1:]
    logits = [load_model("tiny").logits(view) for view in (faces.gray(), faces.gray()[:, :, ::-1].copy())]
    for head, targets in zip(("fer7", "ferplus8"), taught, strict=True):
        np.testing.assert_allclose(targets, np.mean([softmax(view[head]) for view in logits], axis=0), atol=1e-6)


def test_pictures_are_not_copied() -> None:
    faces = drawn_faces(8, seed=0)
    dataset = training_batches(faces, TrainingConfig(batch_size=8)).dataset
    assert np.shares_memory(dataset.tensors[0].numpy(), faces.gray())
