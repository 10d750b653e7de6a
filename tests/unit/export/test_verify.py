from dataclasses import replace

import numpy as np
import pytest
from drawn_faces import drawn_faces

from mien.errors import ModelError
from mien.export.verify import check_parity, parity
from mien.model.facts import Parity

FACES = drawn_faces(40, seed=0)
RNG = np.random.default_rng(0)
NETWORK = {name: RNG.normal(size=(40, k)).astype(np.float32) for name, k in (("fer7", 7), ("ferplus8", 8))}
FIRST = {name: logits[:4] for name, logits in NETWORK.items()}
SAME = parity(NETWORK, NETWORK, FACES, FIRST)


def test_a_file_that_gives_the_same_is_accepted() -> None:
    assert (SAME.greatest_difference, SAME.batch_difference) == (0, 0)
    assert set(SAME.agreement) == {"core4", "core4-fer2013", "fer7", "ferplus8"}
    assert set(SAME.agreement.values()) == {1.0}
    assert SAME.accuracy == SAME.network_accuracy
    assert set(SAME.accuracy) == {"P1", "P1c", "P2", "P3", "P4"}
    for precision in ("fp32", "fp16", "int8"):
        check_parity(SAME, precision)  # type: ignore[arg-type]


def test_differences_are_found_in_every_head() -> None:
    for name, logits in NETWORK.items():
        other = NETWORK | {name: logits + np.float32(0.5)}
        assert parity(other, NETWORK, FACES, FIRST).greatest_difference == pytest.approx(0.5, abs=1e-6)
    turned = NETWORK | {"fer7": -NETWORK["fer7"]}
    found = parity(turned, NETWORK, FACES, FIRST)
    assert found.agreement["fer7"] < 0.5
    assert found.agreement["ferplus8"] == 1
    shifted = FIRST | {"ferplus8": FIRST["ferplus8"] * 2}
    assert parity(NETWORK, NETWORK, FACES, shifted).batch_difference > 0.01


@pytest.mark.parametrize(
    ("worse", "precision", "says"),
    [
        (replace(SAME, greatest_difference=0.01), "fp32", "by 0.01 in its logits"),
        (replace(SAME, greatest_difference=0.2), "fp16", "by 0.2 in its logits"),
        (replace(SAME, greatest_difference=float("nan")), "fp16", "by nan in its logits"),
        (replace(SAME, agreement={"core4": 0.949}), "int8", "in its core4 answers, of which 94.90% agree"),
        (replace(SAME, accuracy={"P2": 0.87}, network_accuracy={"P2": 0.89}), "int8", "by P2: 87.00% for 89.00%"),
        (replace(SAME, batch_difference=1e-4), "int8", "from itself for a face in a batch"),
    ],
)
def test_a_file_that_differs_is_refused(worse: Parity, precision: str, says: str) -> None:
    with pytest.raises(ModelError, match=says) as refused:
        check_parity(worse, precision)  # type: ignore[arg-type]
    assert str(refused.value).endswith("nothing was written")


def test_int8_may_differ_in_its_logits() -> None:
    check_parity(replace(SAME, greatest_difference=2.0), "int8")
