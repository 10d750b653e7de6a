"""Compares text with what is stored in `tests/golden`, where `pytest --update-golden` writes it."""

import difflib
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent / "golden"

_PICTURE = re.compile(r"(data:image/[\w+.-]+);base64,[A-Za-z0-9+/=]+")
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?(?![\w])")
_ROUNDING = 1e-9
_MOST_SHOWN = 60


class Golden:
    """Checks text against the stored one.

    Args:
        update: Store the text instead.
        replaced: What varies, as patterns, and what stands for it.
    """

    def __init__(self, *, update: bool, replaced: Mapping[str, str]) -> None:
        self._update = update
        self._replaced = replaced

    def check(self, name: str, text: str, *, units: float = 0.0, replaced: Mapping[str, str] | None = None) -> None:
        """Raises `AssertionError` with the difference where `text` is not what is stored as `name`.

        Args:
            name: Path below `tests/golden`.
            text: What was written.
            units: By how much numbers with a decimal point may differ that come from arithmetic which rounds otherwise
                on other processors, in units of their last decimal. All else must be the same, but for the last digits
                of numbers that are written with all they have.
            replaced: What varies in this text beside what does in all.
        """
        text = _PICTURE.sub(r"\1", text)
        for pattern, by in {**self._replaced, **(replaced or {})}.items():
            text = re.sub(pattern, by, text)
        path = GOLDEN / name
        if self._update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
            return
        assert path.is_file(), f"{path} is not there; write it with: pytest --update-golden"
        stored = path.read_bytes().decode("utf-8")
        text = _with_numbers_of(stored, text, units)
        if text != stored:
            lines = difflib.unified_diff(_lines(stored), _lines(text), "stored", "now", lineterm="", n=1)
            shown = "\n".join(line[:400] for line in islice(lines, _MOST_SHOWN))
            raise AssertionError(f"{name} has changed; if it should, run pytest --update-golden and review:\n{shown}")


def _lines(text: str) -> list[str]:
    """Lines that can be compared: a page has all its sections in one."""
    return re.sub(r"(?=<(?:section|tr|p|h\d|li|figure)[ >])", "\n", text).splitlines()


def _with_numbers_of(stored: str, text: str, units: float) -> str:
    """`text` with the `stored` numbers where its own are as good as the same, by their order in the text."""
    theirs = iter(_NUMBER.findall(stored))

    def nearest(found: re.Match[str]) -> str:
        number = next(theirs, found[0])
        return number if _alike(number, found[0], units) else found[0]

    return _NUMBER.sub(nearest, text)


def _alike(one: str, other: str, units: float) -> bool:
    if "." not in one or "." not in other:
        return one == other
    unit = 10.0 ** -max(_decimals(one), _decimals(other))
    a, b = float(one), float(other)
    return abs(a - b) <= max(_ROUNDING * max(abs(a), abs(b), 1e-3), units * unit * 1.001)


def _decimals(number: str) -> int:
    mantissa, _, exponent = number.partition("e")
    return len(mantissa.partition(".")[2]) - int(exponent or 0)
