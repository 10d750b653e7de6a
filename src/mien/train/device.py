"""What a training runs on: its device, the processes that torchrun started, and the precision that is fast there."""

import os
from dataclasses import dataclass
from typing import Literal

import torch

from mien.errors import ConfigError

Precision = Literal["32-true", "bf16-mixed", "16-mixed"]


@dataclass(frozen=True, slots=True)
class Machine:
    """The device and the processes of a training.

    Attributes:
        device: Every process has a device of this kind to itself.
        processes: How many processes train together, on all nodes.
        nodes: How many nodes they are on, with equally many on each.
        rank: Which of all processes this one is, from 0; the first alone writes files.
    """

    device: Literal["cpu", "cuda"] = "cpu"
    processes: int = 1
    nodes: int = 1
    rank: int = 0

    @classmethod
    def found(cls) -> "Machine":
        """A GPU where torch sees one, else the processor; the processes that torchrun says, else this one.

        Raises:
            ConfigError: If a node has more processes than GPUs, or not all have as many.
        """
        device: Literal["cpu", "cuda"] = "cuda" if torch.cuda.is_available() else "cpu"
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return cls(device)
        processes, here, rank = (int(os.environ[name]) for name in ("WORLD_SIZE", "LOCAL_WORLD_SIZE", "RANK"))
        if device == "cuda" and here > torch.cuda.device_count():
            raise ConfigError(
                f"torchrun started {here} processes here, but there are {torch.cuda.device_count()} GPUs; "
                "start as many as there are GPUs: --nproc-per-node gpu"
            )
        if processes % here:
            raise ConfigError(f"{here} of {processes} processes are here; have torchrun start as many on each node")
        return cls(device, processes, processes // here, rank)

    @property
    def processes_per_node(self) -> int:
        """How many processes each node has."""
        return self.processes // self.nodes

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes files and reports."""
        return self.rank == 0

    def precision(self, asked: Precision | Literal["auto"]) -> Precision:
        """`asked`, or for "auto" bfloat16 where the device computes with it in hardware, else 32 bits.

        Raises:
            ConfigError: If it is 16-mixed, which processors do not compute with.
        """
        if asked == "16-mixed" and self.device == "cpu":
            raise ConfigError("precision 16-mixed needs a GPU; set it to bf16-mixed, 32-true or auto")
        if asked != "auto":
            return asked
        if self.device == "cuda":
            fast = torch.cuda.is_bf16_supported(including_emulation=False)
        else:
            # Every processor with AMX has it, too. Without it bfloat16 is emulated, and slow.
            fast = torch.cpu._is_avx512_bf16_supported()
        return "bf16-mixed" if fast else "32-true"
