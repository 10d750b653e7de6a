import pytest
import torch

from mien.errors import ConfigError
from mien.train.device import Machine


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Makes torch see two GPUs."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    return monkeypatch


def launched(monkeypatch: pytest.MonkeyPatch, *, world: int, here: int, rank: int) -> None:
    """Sets what torchrun sets."""
    said = {"TORCHELASTIC_RUN_ID": "x", "WORLD_SIZE": world, "LOCAL_WORLD_SIZE": here, "RANK": rank}
    for name, value in said.items():
        monkeypatch.setenv(name, str(value))


def test_one_process_without_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setenv("WORLD_SIZE", "4")  # left by something else than torchrun
    assert Machine.found() == Machine("cpu", processes=1, nodes=1, rank=0)
    assert Machine.found().is_first


def test_processes_and_nodes_are_torchruns(gpus: pytest.MonkeyPatch) -> None:
    launched(gpus, world=4, here=2, rank=3)
    machine = Machine.found()
    assert machine == Machine("cuda", processes=4, nodes=2, rank=3)
    assert machine.processes_per_node == 2
    assert not machine.is_first


def test_more_processes_than_gpus_are_refused(gpus: pytest.MonkeyPatch) -> None:
    launched(gpus, world=3, here=3, rank=0)
    with pytest.raises(ConfigError, match=r"3 processes here, but there are 2 GPUs; .*--nproc-per-node gpu"):
        Machine.found()


def test_uneven_nodes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    launched(monkeypatch, world=3, here=2, rank=0)
    with pytest.raises(ConfigError, match="2 of 3 processes are here"):
        Machine.found()


@pytest.mark.parametrize(("fast", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_precision_is_chosen_by_the_hardware(fast: bool, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: fast)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: fast and not including_emulation)
    assert Machine("cpu").precision("auto") == precision
    assert Machine("cuda").precision("auto") == precision
    assert Machine("cuda").precision("16-mixed") == "16-mixed"
    with pytest.raises(ConfigError, match="16-mixed needs a GPU"):
        Machine("cpu").precision("16-mixed")


def test_torch_says_of_this_processor_whether_it_has_bfloat16() -> None:
    assert Machine("cpu").precision("auto") in ("bf16-mixed", "32-true")
