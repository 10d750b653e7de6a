"""One HTML page of an audit, with its pictures and plots inside: it needs no network and no other file."""

from pathlib import Path

from mien.data.audit.audit import SEED, Audit
from mien.data.audit.page.contents import lead, sections
from mien.page.html import page


def html_page(audit: Audit, *, seed: int = SEED) -> str:
    """The audit as an HTML document; `seed` chooses the sample of each class."""
    return page(f"Audit of {Path(audit.data.source).name}", lead(audit), sections(audit, seed))
