"""The report as Markdown: its words and tables, without the pictures."""

from collections.abc import Iterable, Iterator, Sequence

from mien.evaluate import report
from mien.evaluate.evaluation import Evaluation
from mien.report.document import Block, Faces, Heading, Items, Section, Table, Text


def markdown(evaluation: Evaluation, sections: Sequence[Section]) -> str:
    """The report's figures, then all sections but the first, which holds the same; of faces, what they are called."""
    parts = [report.markdown(evaluation).rstrip()]
    for section in sections[1:]:
        parts += [f"## {section.title}", *(part for block in section.blocks for part in _block(block))]
    return "\n\n".join(parts) + "\n"


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(text):
            yield text
        case Heading(text):
            yield f"**{text}**"
        case Items(lines):
            yield _items(lines)
        case Table(head, rows, caption):
            yield from [f"**{caption}**"] if caption else []
            yield report.table(head, rows)
        case Faces(cards):
            yield _items("; ".join((card.title, *card.details)) for card in cards)


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
