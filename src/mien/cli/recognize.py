"""`mien recognize`: the apparent expression of every face in pictures, written as it is found."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from mien.cli.output.annotated import STANDARD_INPUT, annotated_paths, identities, make_folder
from mien.cli.output.writers import Format, Outcome, format_for, writer_for
from mien.errors import DetectorError, OutputError, PictureError

if TYPE_CHECKING:
    from mien.recognizer import Recognizer

_Work = tuple[Path, Path | None]

FEW_PICTURES = 3
"""So many pictures are done before a progress bar could be read."""


def recognize(  # noqa: PLR0913 - one parameter for each option
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders (with all folders in them) or globs; - reads a picture from standard input.",
            show_default=False,
        ),
    ],
    *,
    form: Annotated[
        Format | None,
        typer.Option(
            "--format", "-f", help="By default a table on a terminal, CSV for --output *.csv, else JSON Lines."
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write to this file, not to standard output.")
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write annotated copies of the pictures into this folder, over files of the same names that it has, "
            "but never over a picture that is read nor through a link.",
            metavar="DIR",
        ),
    ] = None,
    expressions: Annotated[
        str | None,
        typer.Option(
            help="One of the model's sets of expressions, which `mien info` lists; without it, the first: core4. The "
            "shipped models have core4, core4-fer2013, fer7 and ferplus8.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[str, typer.Option(help="A shipped model's name, or the path of a model file.")] = "base",
    detector: Annotated[
        str, typer.Option(help="mtcnn, yunet (needs --yunet-model) or none (each picture is a face crop).")
    ] = "mtcnn",
    yunet_model: Annotated[Path | None, typer.Option(help="The YuNet ONNX file you have.")] = None,
    min_face: Annotated[
        float | None,
        typer.Option(
            help="Side of the smallest face that mtcnn looks for, in pixels, at least 20; small ones take longer.",
            metavar="PX",
            show_default="a 28th of the root of the picture's area",
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to compute with.", show_default="ONNX Runtime's choice")
    ] = None,
) -> None:
    """Read the apparent expression of every face in pictures.

    Every picture found is in the output, also one without a face, and one that
    cannot be read: that one gets a line on standard error, the rest are done,
    and the exit status is 1. So it is with an annotated copy that cannot be
    written; the picture's faces are in the output all the same.

    JSON Lines and CSV come out picture by picture; the table comes at the end.
    """
    from mien.recognizer import Recognizer

    pictures, errors = _found(paths)
    copies: Sequence[Path | None] = annotated_paths(pictures, annotate) if annotate else [None] * len(pictures)
    recognizer = Recognizer(
        model,
        expressions=expressions,
        detector=detector,
        threads=threads,
        yunet_model=yunet_model,
        min_face_px=min_face,
    )
    if annotate and pictures:
        make_folder(annotate)  # here, since without it every copy would fail
    for error in errors:
        _complain(str(error))
    tally = _Tally(unread=len(errors))
    work = list(zip(pictures, copies, strict=True))
    with _opened(output, pictures) as stream:
        form = form or format_for(output, stream.isatty())
        with closing(writer_for(form, stream, recognizer.expressions)) as writer:
            try:
                for picture, copy_to in _with_bar(work) if _bar_fits(len(work), form, stream) else work:
                    outcome = _outcome(picture, recognizer, copy_to)
                    tally.add(outcome)
                    writer.write(outcome)
            except KeyboardInterrupt:
                tally.interrupted = True
    if tally.interrupted or len(pictures) + len(errors) > 1:
        typer.echo(tally.summary(), err=True)
    if tally.interrupted:
        raise typer.Exit(130)
    if tally.unread or tally.uncopied:
        raise typer.Exit(1)


@dataclass(slots=True)
class _Tally:
    pictures: int = 0
    faces: int = 0
    unread: int = 0
    uncopied: int = 0
    interrupted: bool = False

    def add(self, outcome: Outcome) -> None:
        if outcome.error is not None:
            _complain(outcome.error)
            self.unread += 1
            return
        if outcome.copy_error is not None:
            _complain(outcome.copy_error)
            self.uncopied += 1
        self.pictures += 1
        self.faces += len(outcome.faces)

    def summary(self) -> str:
        text = f"{_counted(self.pictures, 'picture')}, {_counted(self.faces, 'face')}"
        if self.unread:
            text += f"; {self.unread:,} could not be read"
        if self.uncopied:
            text += f"; {_counted(self.uncopied, 'annotated copy', 'annotated copies')} could not be written"
        return text


def _counted(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _complain(message: str) -> None:
    # Not typer.echo, which would write past the progress bar that stands in for standard error.
    print(f"mien: {message}", file=sys.stderr)


def _found(paths: Sequence[str]) -> tuple[list[Path], list[PictureError]]:
    """The pictures that `paths` lead to, standard input first, and an error for each that leads to none."""
    from mien.find import find_pictures

    found = list(find_pictures(path for path in paths if path != "-"))
    pictures = [STANDARD_INPUT] if "-" in paths else []
    pictures += [entry for entry in found if isinstance(entry, Path)]
    return pictures, [entry for entry in found if isinstance(entry, PictureError)]


def _outcome(picture: Path, recognizer: "Recognizer", copy_to: Path | None) -> Outcome:
    """What comes of one picture, of which an annotated copy goes to `copy_to`."""
    from mien.annotate import annotate, save_picture
    from mien.images import read_picture, shown

    try:
        image_rgb = read_picture(_standard_input() if picture is STANDARD_INPUT else picture)
        faces = recognizer.recognize(image_rgb)
    except PictureError as error:
        return Outcome(str(picture), error=str(error))
    except DetectorError as error:
        return Outcome(str(picture), error=f"{shown(picture)}: {error}")
    copy_error = None
    if copy_to is not None:
        try:
            make_folder(copy_to.parent)
            save_picture(annotate(image_rgb, faces), copy_to)
        except OutputError as error:
            copy_error = str(error)
    height, width = image_rgb.shape[:2]
    return Outcome(str(picture), width, height, faces, copy_error=copy_error)


def _standard_input() -> bytes:
    from mien.images import read_stream

    content = read_stream(sys.stdin.buffer, "standard input")
    if not content:
        raise PictureError("standard input is empty; send a picture to it")
    return content


@contextmanager
def _opened(output: Path | None, pictures: Iterable[Path]) -> Iterator[TextIO]:
    """Standard output, or the file to write to, which must not be one of the pictures."""
    if output is None:
        yield sys.stdout
        return
    if identities([output]) & identities(pictures):
        raise OutputError(f"--output {output} is one of the pictures to be read; name another file")
    try:
        stream = output.open("w", encoding="utf-8", newline="")
    except OSError as error:
        raise OutputError(f"cannot write to {output}: {error.strerror}; name a file in a folder that exists") from error
    with stream:
        yield stream


def _bar_fits(pictures: int, form: Format, stream: TextIO) -> bool:
    """Whether a progress bar can be seen, and is not torn apart by lines that run through the same terminal."""
    quiet = form is Format.TABLE or not stream.isatty()
    return pictures > FEW_PICTURES and sys.stderr.isatty() and quiet


def _with_bar(work: Sequence[_Work]) -> Iterable[_Work]:
    """The pictures and where their copies go, with a progress bar on standard error while they are taken."""
    from rich.console import Console
    from rich.progress import track

    return track(work, "Reading pictures", console=Console(stderr=True), transient=True)
