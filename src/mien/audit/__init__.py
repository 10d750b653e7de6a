"""What is wrong with a data set, before anything is trained on it."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.audit.label_errors import LabelJudge
    from mien.audit.pipeline import Audit, AuditOptions, audit, audit_faces
    from mien.audit.report import findings, html_page

__all__ = ["Audit", "AuditOptions", "LabelJudge", "audit", "audit_faces", "findings", "html_page"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Audit": "pipeline",
        "AuditOptions": "pipeline",
        "LabelJudge": "label_errors",
        "audit": "pipeline",
        "audit_faces": "pipeline",
        "findings": "report",
        "html_page": "report",
    },
)
