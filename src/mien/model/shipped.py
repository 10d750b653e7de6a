"""The network files that come with mien, each verified before it is used."""

from hashlib import sha256
from pathlib import Path

from mien.errors import ModelError

MODELS_FOLDER = Path(__file__).parents[1] / "weights"
CHECKSUMS_NAME = "SHA256SUMS"


def read_shipped(file_name: str) -> bytes:
    """The content of a shipped file, such as `base.onnx`.

    Raises:
        ModelError: If the file or the list of checksums is missing, cannot be read or is damaged.
    """
    known = shipped_checksums()
    path = shipped_path(file_name)
    if file_name not in known:
        raise ModelError(f"{path} has no checksum in {CHECKSUMS_NAME}; install mien again")
    try:
        content = path.read_bytes()
    except OSError as fault:
        raise ModelError(f"cannot read {path}: {fault.strerror}; install mien again") from fault
    digest = sha256(content).hexdigest()
    if digest != known[file_name]:
        raise ModelError(f"{path} is damaged: SHA-256 {digest}, expected {known[file_name]}; install mien again")
    return content


def shipped_path(file_name: str) -> Path:
    """Where a shipped file lies, if it is there."""
    return MODELS_FOLDER / file_name


def shipped_checksums() -> dict[str, str]:
    """SHA-256 in hexadecimal by file name, of every network that comes with mien.

    Raises:
        ModelError: If the list is missing or damaged.
    """
    path = shipped_path(CHECKSUMS_NAME)
    try:
        lines = path.read_text("ascii").splitlines()
        return {name: digest for digest, name in (line.split() for line in lines)}
    except OSError as fault:
        raise ModelError(f"cannot read {path}: {fault.strerror}; install mien again") from fault
    except ValueError as fault:
        raise ModelError(f"{path} is damaged: it is no list of checksums; install mien again") from fault
