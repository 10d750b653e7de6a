"""One HTML page of an audit, with its pictures and plots inside: it needs no network and no other file."""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from jinja2 import Environment, StrictUndefined

from mien._version import __version__
from mien.data.audit.audit import SEED, Audit
from mien.data.audit.collection import Collection, Reference
from mien.data.audit.composition import SQUEEZED
from mien.data.audit.findings import findings
from mien.data.audit.labels.shares import Share
from mien.data.audit.page.pictures import SHEET_COLUMNS, SHEET_ROWS, face_sheet, mean_face, picture_uri
from mien.data.audit.page.plots import balance_plot, light_plot
from mien.data.duplicates import FLAT_BELOW, NEAR_DUPLICATE
from mien.data.light import MEASURES
from mien.expressions import FER7

SHOWN = 48
"""The most faces of a list that the page shows; the JSON has all."""

SHOWN_GROUPS = 24
"""The most groups of copies that the page shows."""


@dataclass(frozen=True, slots=True)
class _Class:
    """What the page shows of one class; pictures as data URIs.

    Attributes:
        label: Its name.
        faces: Faces in all splits.
        sampled: How many of them are on the sheet.
        means: Its mean face by split.
        sheet: Some of its faces, chosen by chance.
    """

    label: str
    faces: int
    sampled: int
    means: dict[str, str]
    sheet: str


def html_page(audit: Audit, *, seed: int = SEED) -> str:
    """The audit as an HTML document; `seed` chooses the sample of each class."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(thousands=_thousands, percent=_percent, interval=_interval)
    template = environment.from_string(files(__package__).joinpath("page.html").read_text("utf-8"))
    pixels = audit.data.faces.pixels

    def face(reference: Reference) -> str:
        return picture_uri(pixels[reference.position])

    return template.render(
        version=__version__,
        audit=audit,
        findings=findings(audit),
        face=face,
        classes=_classes(audit.data, seed),
        balance=balance_plot(audit.composition),
        light={measure: light_plot(audit.composition, measure) for measure in MEASURES},
        shown=SHOWN,
        shown_groups=SHOWN_GROUPS,
        near_duplicate=NEAR_DUPLICATE,
        flat_below=FLAT_BELOW,
        squeezed=SQUEEZED,
    )


def _classes(data: Collection, seed: int) -> list[_Class]:
    """Each class that occurs."""
    rng = np.random.default_rng(seed)
    classes = []
    for position, label in enumerate(FER7.labels):
        chosen = np.flatnonzero(data.faces.fer7 == position)
        sample = np.sort(rng.permutation(chosen)[: SHEET_COLUMNS * SHEET_ROWS])
        if len(chosen):
            by_split = {name: chosen[data.split[chosen] == number] for number, name in enumerate(data.splits)}
            means = {
                name: picture_uri(mean_face(data.faces.pixels[faces])) for name, faces in by_split.items() if len(faces)
            }
            sheet = picture_uri(face_sheet(data.faces.pixels[sample]))
            classes.append(_Class(label, len(chosen), len(sample), means, sheet))
    return classes


def _thousands(count: int) -> str:
    return f"{count:,}"


def _percent(share: Share) -> str:
    return f"{share.value * 100:.1f} %" if share.n else "-"


def _interval(share: Share) -> str:
    low, high = share.interval
    return f"{low * 100:.1f} to {high * 100:.1f}" if share.n else "-"
