"""Every error mien raises on purpose, and what a user can do about each.

    MienError
    ├── ArgumentError             an argument has the wrong type or is out of range
    ├── PictureError              a picture is missing, unreadable, empty, damaged or cut off (HTTP 422)
    │   ├── PictureTooLarge       it has too many pixels or bytes, or memory runs out for it (HTTP 413)
    │   └── UnsupportedPicture    it is of no format, or has no kind of pixels, that mien reads (HTTP 415)
    ├── ModelError                a model file is damaged or of another format version
    │   └── UnknownModel          no model goes by that name
    ├── DetectorError             a face detector is unknown, what it needs is missing, or it fails on a picture
    ├── UnknownExpressionSet      no set of expressions goes by that name
    ├── DataError                 a labelled data set cannot be read as one
    ├── ConfigError               a training configuration is wrong
    ├── OutputError               a file or folder cannot be written
    └── MissingExtra              an optional dependency is not installed

Each message is one line: what was wrong, what was got and what to do. It speaks of arguments, never of a command's
options: a command that catches one adds those.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Self


class MienError(Exception):
    """Base of all errors mien raises on purpose; its message is fit to be shown to a user."""


class ArgumentError(MienError, ValueError):
    """An argument has the wrong type, or a value that is out of range."""


class PictureError(MienError):
    """A picture cannot be read: missing, unreadable, empty, damaged or cut off."""


class PictureTooLarge(PictureError):
    """A picture has more pixels or bytes than the limit, or more than there is memory for."""


class UnsupportedPicture(PictureError):
    """A picture is of no format that mien reads, or its pixels are of no kind whose black and white are known."""


class ModelError(MienError):
    """A model file is damaged, does not match its checksum or is of a format this version cannot read."""


class UnknownModel(ModelError):
    """No shipped model goes by this name, and no file lies at this path."""


class DetectorError(MienError):
    """A face detector is unknown, cannot do what is asked of it, fails on a picture, or a file it needs is missing."""


class UnknownExpressionSet(MienError):
    """No set of expressions goes by this name."""


class DataError(MienError):
    """A labelled data set is missing, incomplete or not in a form mien reads."""


class ConfigError(MienError):
    """A training configuration has an unknown key or a value out of range."""


class OutputError(MienError):
    """An output cannot be written: no such folder, no permission, no space, or it would go over something to keep."""


class MissingExtra(MienError):
    """A feature needs packages that are installed only with one of mien's extras."""

    @classmethod
    def for_feature(cls, feature: str, extra: str, missing: ImportError) -> Self:
        """The error for `feature`, whose import failed with `missing` because `extra` is not installed."""
        package = missing.name or str(missing)
        # Since mien is installed, pip adds the extra to it, wherever it came from, and fetches no other mien.
        return cls(f"{feature} needs the package {package!r}; install it with: pip install 'mien[{extra}]'")

    @classmethod
    def for_package(cls, feature: str, missing: ImportError) -> Self:
        """The error for `feature`, whose import failed with `missing`, a package that no extra of mien brings."""
        package = missing.name or str(missing)
        return cls(f"{feature} needs the package {package!r}; install it with: pip install {package}")


def choose_from(what: str, got: object, known: tuple[str, ...]) -> str:
    """A message for an unknown name: what was got, the nearest known name and all of them."""
    hint = did_you_mean(got, known)
    return f"no {what} {got!r}{f' ({hint})' if hint else ''}; choose from {', '.join(known)}"


def did_you_mean(got: object, known: Iterable[str]) -> str:
    """The question whether the nearest known name was meant; empty if none is near."""
    nearest = get_close_matches(got, tuple(known), n=1) if isinstance(got, str) else []
    return f"did you mean {nearest[0]!r}?" if nearest else ""


def first_line(fault: Exception) -> str:
    """What another library's error says in its first line, or the name of its class."""
    return (str(fault).splitlines() or [type(fault).__name__])[0]
