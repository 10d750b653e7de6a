"""`mien recognize`: the apparent expression of every face in pictures, written as it is found."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from mien.cli.annotated_paths import STANDARD_INPUT, annotated_paths, make_copies_folder, without_copies
from mien.cli.priors import PRIOR_HELP, RISK_HELP, prior_of
from mien.cli.table import Table, printable
from mien.errors import (
    ArgumentError,
    DetectorError,
    OutputError,
    PictureError,
    PictureTooLarge,
    choose_from,
)
from mien.files import identities, make_folder, output_file
from mien.results import PictureResult
from mien.writers import SUFFIXES, Format, Writer, format_of, open_writer, text_writer

if TYPE_CHECKING:
    from mien.detect import Detector
    from mien.recognizer import Recognizer

_Done = tuple[PictureResult, Path | bytes]

TABLE = "table"
FORMATS = (TABLE, *(form.value for form in Format))

FEW_PICTURES = 3
"""So many pictures are done before a progress bar could be read."""


def recognize(
    paths: Annotated[
        list[str],
        typer.Argument(
            help="Pictures, folders (with all folders in them) or globs; - reads a picture from standard input.",
            show_default=False,
        ),
    ],
    *,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            "-f",
            help=f"One of {', '.join(FORMATS)}. By default what the suffix of --output stands for; without a file, "
            "table on a terminal, else jsonl.",
            autocompletion=lambda: list(FORMATS),
        ),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help=f"Write to this file; known suffixes: {', '.join(SUFFIXES)}.")
    ] = None,
    annotate: Annotated[
        Path | None,
        typer.Option(
            help="Write annotated copies of the pictures into this folder, over files of the same names that it has, "
            "but never over a picture that is read nor through a link. A folder so made is not searched again.",
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
    prior: Annotated[str | None, typer.Option(help=f"{PRIOR_HELP}.", show_default="the model's own")] = None,
    risk: Annotated[
        float | None, typer.Option(help=f"{RISK_HELP}.", metavar="SHARE", show_default="the model's own")
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
    rotations: Annotated[
        str | None,
        typer.Option(
            help="Also look at the pictures turned by these degrees: some of 90, 180 and 270 with commas between, or "
            "all. For scans and photos that may lie on their side; each takes as long as the first look.",
            metavar="DEGREES",
            show_default="none",
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
    written; the picture's faces are in the output all the same. CSV and Parquet
    have rows of faces alone; there, a picture without one gets a line on
    standard error, too.

    JSON Lines, JSON and CSV come out picture by picture; the table comes at the
    end. A file is there once all is done.
    """
    from mien.recognizer import Recognizer

    chosen = _chosen(form, output)
    pictures, errors = _found(paths)
    if annotate:
        pictures = without_copies(pictures, paths, annotate)
    copies: Sequence[Path | None] = annotated_paths(pictures, annotate) if annotate else [None] * len(pictures)
    finder = _detector(detector, yunet_model=yunet_model, min_face=min_face, threads=threads)
    recognizer = Recognizer(
        model,
        expressions=expressions,
        prior=prior_of(prior),
        risk=risk,
        detector=finder,
        threads=threads,
        rotations=_rotations(rotations),
    )
    if annotate and pictures:
        make_copies_folder(annotate)  # here, since without it every copy would fail
    for error in errors:
        _complain(str(error))
    tally = _Tally(unread=len(errors), names_faceless=isinstance(chosen, Format) and chosen.has_faces_only)
    results = _with_bar(_results(pictures, recognizer), len(pictures), quiet=chosen == TABLE or output is not None)
    with _writer(chosen, output, pictures, recognizer.expressions.labels) as writer:
        try:
            for (result, picture), copy_to in zip(results, copies, strict=True):
                if copy_to is not None and result.error is None:
                    tally.add_copy(_copy_error(picture, result, copy_to))
                tally.add(result)
                writer.write(result)
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
    """What came of all pictures; complaints are said as they come."""

    pictures: int = 0
    faces: int = 0
    unread: int = 0
    uncopied: int = 0
    interrupted: bool = False
    names_faceless: bool = False

    def add(self, result: PictureResult) -> None:
        if result.error is not None:
            _complain(result.error)
            self.unread += 1
            return
        if self.names_faceless and not result.faces:
            _complain(f"{printable(result.source or '')}: no face")
        self.pictures += 1
        self.faces += len(result.faces)

    def add_copy(self, error: str | None) -> None:
        if error is not None:
            _complain(error)
            self.uncopied += 1

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


def _chosen(form: str | None, output: Path | None) -> str:
    """The format asked for, or what the output's suffix stands for, or what suits standard output."""
    if form is not None:
        if form not in FORMATS:
            raise OutputError(choose_from("format", form, FORMATS))
        chosen = TABLE if form == TABLE else Format(form)
    elif output is None:
        chosen = TABLE if sys.stdout.isatty() else Format.JSONL
    elif not output.suffix:  # such as a pipe's
        chosen = Format.JSONL
    else:
        try:
            chosen = format_of(output)
        except OutputError as error:
            raise OutputError(f"{error}, or say which with --format") from error
    if chosen == Format.PARQUET and output is None:
        raise OutputError("parquet needs a file to go to; name one: --output faces.parquet")
    return chosen


def _detector(name: str, *, yunet_model: Path | None, min_face: float | None, threads: int | None) -> "str | Detector":
    """The detector that the options describe; its name alone where they say nothing else."""
    if yunet_model is not None and name != "yunet":
        raise DetectorError(f"--yunet-model is for --detector yunet; got --detector {name}")
    if min_face is not None and name != "mtcnn":
        raise DetectorError(f"--min-face is for --detector mtcnn; got --detector {name}")
    if name == "yunet":
        from mien.detect.yunet import YuNet

        if yunet_model is None:
            raise DetectorError("the detector 'yunet' needs a model file that you have; name it with --yunet-model")
        return YuNet(yunet_model)
    if min_face is not None:
        from mien.detect.mtcnn import Mtcnn

        try:
            return Mtcnn(threads=threads, min_face_px=min_face)
        except DetectorError as error:
            raise DetectorError(f"--min-face: {error}") from error
    return name


def _rotations(text: str | None) -> tuple[int, ...]:
    """The degrees that an option names."""
    from mien.detect.rotations import ROTATIONS

    if text is None or text == "all":
        return ROTATIONS if text else ()
    words = [word.strip() for word in text.split(",")]
    if not all(word in map(str, (0, *ROTATIONS)) for word in words):
        raise ArgumentError(f"--rotations must be all or some of 90, 180 and 270 with commas between; got {text!r}")
    return tuple(int(word) for word in words)


def _found(paths: Sequence[str]) -> tuple[list[Path], list[PictureError]]:
    """The pictures that `paths` lead to, standard input first, and an error for each that leads to none."""
    from mien.find import find_pictures

    found = list(find_pictures(path for path in paths if path != "-"))
    pictures = [STANDARD_INPUT] if "-" in paths else []
    pictures += [entry for entry in found if isinstance(entry, Path)]
    return pictures, [entry for entry in found if isinstance(entry, PictureError)]


def _results(pictures: Sequence[Path], recognizer: "Recognizer") -> Iterator[_Done]:
    """What came of each picture, and the picture, of standard input its content."""
    paths = [picture for picture in pictures if picture is not STANDARD_INPUT]
    if len(paths) < len(pictures):
        name = str(STANDARD_INPUT)
        try:
            content = _standard_input()
        except PictureError as error:
            yield PictureResult(name, None, None, error=str(error), error_kind=type(error).__name__), b""
        else:
            for result in recognizer.recognize_many([content], on_error="yield"):
                yield replace(result, source=name), content
    yield from zip(recognizer.recognize_many(paths, on_error="yield"), paths, strict=True)


def _standard_input() -> bytes:
    from mien.images import read_stream

    content = read_stream(sys.stdin.buffer, "standard input")
    if not content:
        raise PictureError("standard input is empty; send a picture to it")
    return content


def _copy_error(picture: Path | bytes, result: PictureResult, copy_to: Path) -> str | None:
    """Writes an annotated copy; gives why it could not be written, or None."""
    from mien.drawing import annotate, save_picture

    try:
        make_folder(copy_to.parent)
        save_picture(annotate(picture, result.faces), copy_to)
    except PictureTooLarge as error:
        return f"{copy_to}: cannot be drawn: {error}"
    except (OutputError, PictureError) as error:  # a picture may have gone since it was read
        return str(error)
    return None


@contextmanager
def _writer(chosen: str, output: Path | None, pictures: Iterable[Path], labels: Sequence[str]) -> Iterator[Writer]:
    """A writer to standard output, or to a file, which must not be one of the pictures."""
    if output is None:
        with closing(_text_writer(chosen, sys.stdout, labels)) as writer:
            yield writer
        return
    if identities([output]) & identities(picture for picture in pictures if picture is not STANDARD_INPUT):
        raise OutputError(f"--output {output} is one of the pictures to be read; name another file")
    if isinstance(chosen, Format):
        with open_writer(output, labels, chosen) as writer:
            yield writer
        return
    with output_file(output) as file:
        text = StringIO()
        with closing(Table(text)) as table:
            yield table
        file.write(text.getvalue().encode())


def _text_writer(chosen: str, stream: TextIO, labels: Sequence[str]) -> Writer:
    return text_writer(chosen, stream, labels) if isinstance(chosen, Format) else Table(stream)


def _with_bar(results: Iterator[_Done], total: int, *, quiet: bool) -> Iterable[_Done]:
    """The results, with a progress bar on standard error while they come, if it can be read.

    Args:
        results: As they come.
        total: How many will.
        quiet: Whether nothing else runs through the same terminal meanwhile, which would tear the bar apart.
    """
    if total <= FEW_PICTURES or not sys.stderr.isatty() or (sys.stdout.isatty() and not quiet):
        return results
    from rich.console import Console
    from rich.progress import track

    return track(results, "Reading pictures", total=total, console=Console(stderr=True), transient=True)
