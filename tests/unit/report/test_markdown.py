"""Every kind of block as Markdown."""

from mien.report.document import Card, Faces, Heading, Items, Plot, Section, Table, Text
from mien.report.markdown import markdown, table


def no_picture() -> bytes:
    raise AssertionError("nothing is drawn for Markdown")


def test_every_block_has_its_form() -> None:
    figures = Table(("x", "y"), (("a", "1"),), "Figures")
    blocks = (
        Text("words"),
        Heading("within"),
        Items(("one", "two")),
        figures,
        Plot(no_picture, "drawn"),
        Plot(no_picture, "drawn", numbers=Table(("p",), (("q",),))),
        Plot(no_picture, "drawn", file="report.svg"),
        Faces((Card((no_picture,), "happy 97 %", ("row 3", "votes: none")),)),
    )
    made = markdown("A title", [Text("Mind this", caution=True)], [Section("Part", blocks)])
    assert made == (
        "# A title\n\n**Mind this**\n\n## Part\n\nwords\n\n**within**\n\n- one\n- two\n\n**Figures**\n\n"
        "| x | y |\n| --- | --- |\n| a | 1 |\n\n| p |\n| --- |\n| q |\n\n![drawn](report.svg)\n\n"
        "- happy 97 %; row 3; votes: none\n"
    )


def test_a_cell_stays_one_cell() -> None:
    assert table(("a",), [("x|y\nz",)]) == "| a |\n| --- |\n| x\\|y z |"
