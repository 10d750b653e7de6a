"""What reports are made of, and how they are written: `document` has the parts, `html` and `markdown` the two forms.

`format` spells figures, `plots` draws them, `pictures` shows faces.
"""

from mien.report.document import Block, Card, Faces, Heading, Items, Plot, Section, Table, Text

__all__ = ["Block", "Card", "Faces", "Heading", "Items", "Plot", "Section", "Table", "Text"]
