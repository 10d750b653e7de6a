"""Many trainings that answer one question: arms that differ in one thing, compared over several seeds."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.study.config import Study, StudyConfig, load_study, shipped_studies
    from mien.study.data import StudyFaces, read_study_faces
    from mien.study.report import verdicts, write_report
    from mien.study.results import ArmComparison, ArmResult, StudyResult
    from mien.study.run import run_study
    from mien.study.statistics import Difference, difference_of, mean_of

__all__ = [
    "ArmComparison",
    "ArmResult",
    "Difference",
    "Study",
    "StudyConfig",
    "StudyFaces",
    "StudyResult",
    "difference_of",
    "load_study",
    "mean_of",
    "read_study_faces",
    "run_study",
    "shipped_studies",
    "verdicts",
    "write_report",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "ArmResult": "results",
        "ArmComparison": "results",
        "Difference": "statistics",
        "Study": "config",
        "StudyConfig": "config",
        "StudyFaces": "data",
        "StudyResult": "results",
        "difference_of": "statistics",
        "load_study": "config",
        "mean_of": "statistics",
        "read_study_faces": "data",
        "run_study": "run",
        "shipped_studies": "config",
        "verdicts": "report",
        "write_report": "report",
    },
)
