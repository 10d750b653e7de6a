"""What libraries say of themselves while a command runs."""

import logging


def quiet_lightning() -> None:
    """Keeps what Lightning says of itself, and of devices that are not there, from between the command's own lines."""
    for part in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(part).setLevel(logging.WARNING)
