"""The report as Markdown: its words and tables, without the pictures."""

from collections.abc import Sequence

from mien.evaluate import report
from mien.evaluate.evaluation import Evaluation
from mien.evaluate.pages.document import Faces, Section, Table, Text


def markdown(evaluation: Evaluation, sections: Sequence[Section]) -> str:
    """The report's figures, then all sections but the first, which holds the same; of faces, what they are called."""
    parts = [report.markdown(evaluation).rstrip()]
    for section in sections[1:]:
        parts.append(f"## {section.title}")
        for block in section.blocks:
            if isinstance(block, Text):
                parts.append(block.text)
            elif isinstance(block, Table):
                parts += [f"**{block.caption}**"] if block.caption else []
                parts.append(report.table(block.head, block.rows))
            elif isinstance(block, Faces):
                parts += [f"**{block.caption}**", _faces(block)]
    return "\n\n".join(parts) + "\n"


def _faces(faces: Faces) -> str:
    rows = [(str(f.row), f.truth, f.answer, report.percent(f.confidence)) for f in faces.shown]
    return report.table(("Row", "Truth", "Answer", "Confidence %"), rows)
