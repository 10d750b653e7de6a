"""A report as Markdown: its words and tables, and of its drawings what they show in numbers."""

from collections.abc import Iterable, Iterator, Sequence

from mien.report.document import Block, Faces, Heading, Items, Plot, Section, Table, Text


def markdown(title: str, lead: Sequence[Block], sections: Sequence[Section]) -> str:
    """The whole report under its title; `lead` stands before the sections. Of faces, what they are called is told."""
    parts = [f"# {title}", *blocks(lead)]
    for section in sections:
        parts += [f"## {section.title}", *blocks(section.blocks)]
    return "\n\n".join(parts) + "\n"


def blocks(some: Iterable[Block]) -> Iterator[str]:
    """Each block as Markdown; drawings that have no numbers are left out."""
    for block in some:
        yield from _block(block)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *(tuple(map(_cell, row)) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")


def _block(block: Block) -> Iterator[str]:
    match block:
        case Text(text, caution):
            yield f"**{text}**" if caution else text
        case Heading(text):
            yield f"**{text}**"
        case Items(lines):
            yield _items(lines)
        case Table(head, rows, caption):
            yield from [f"**{caption}**"] if caption else []
            yield table(head, rows)
        case Plot(numbers=numbers, file=file, caption=caption):
            yield from [f"![{caption}]({file})"] if file else []
            yield from _block(numbers) if numbers else ()
        case Faces(cards):
            yield _items("; ".join((card.title, *card.details)) for card in cards)


def _items(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
