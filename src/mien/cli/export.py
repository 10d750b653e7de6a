"""`mien export`: from a training run to model packages with their cards."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from mien.data.labelled_faces import LabelledFaces
    from mien.export.pipeline import Export
    from mien.preprocess import Framing


class Alignment(StrEnum):
    """How the crop of a face lies in its photo."""

    UPRIGHT = "upright"
    BOX = "box"
    FIVE_POINT = "five-point"


def export(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of the training run; or a model file in fp32, to export it again.",
            metavar="RUN",
            show_default=False,
        ),
    ],
    *,
    output: Annotated[Path, typer.Option(help="The ONNX file to write; its card goes beside it.", show_default=False)],
    precision: Annotated[
        list[str] | None,
        typer.Option(
            help="fp32, fp16 (half the size) or int8 (a quarter, and faster); may be repeated: then the names of fp16 "
            "and int8 files end in their precision. Without it, fp32.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        Path, typer.Option(help="As for `mien train`; validation is calibrated on, train gives int8 its ranges.")
    ] = Path("data/fer2013"),
    framing: Annotated[
        Alignment | None,
        typer.Option(
            help="How faces in photos are cropped: upright, by the detector's box and turned level (for a run, the "
            "default); box, not turned; five-point, by eyes, nose and mouth.",
            show_default=False,
        ),
    ] = None,
    framing_scale: Annotated[
        float | None,
        typer.Option(
            help="Side of the crop in sides of the detector's box.", min=0.1, show_default="1.05, by five points 1"
        ),
    ] = None,
    framing_shift: Annotated[
        float | None,
        typer.Option(help="How far the crop lies below the box, in sides of the crop.", show_default="0"),
    ] = None,
    data_license: Annotated[
        str,
        typer.Option(help="License of the pictures trained on, for the card; FER2013's is known.", show_default=False),
    ] = "",
    failures: Annotated[
        Path | None,
        typer.Option(
            help="Write pictures of the surest wrong answers into this folder. They are the data set's: keep them.",
            show_default=False,
        ),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Write over a model or card that is not of this run, too.")
    ] = False,
) -> None:
    """Write the model package of a run: calibrated, checked against the network, with its model card.

    The ONNX file is of opset 18 and takes any number of faces at once. A
    package of the same run is replaced.
    """
    from mien.errors import MissingExtra

    try:
        from mien.export.output_paths import check_places
        from mien.export.pipeline import ExportOptions, export_all
        from mien.export.quantize import precisions_named
        from mien.export.source import facts_of
    except ImportError as missing:
        raise MissingExtra.for_feature("exporting", "train", missing) from missing
    from mien.data.dataset import open_dataset
    from mien.data.split import Split

    precisions = precisions_named(precision or ["fp32"])
    check_places(source, output, precisions, replace=force)
    dataset = open_dataset(data, facts_of(source).config["data"]["classes"])
    validation = dataset.read(Split.VALIDATION)
    training = dataset.read(Split.TRAIN) if "int8" in precisions else None
    framed = _framing(framing, framing_scale, framing_shift)
    options = ExportOptions(precisions=precisions, framing=framed, data_license=data_license)
    for exported in export_all(source, validation, output, options, training=training):
        _print(exported)
        if failures:
            _write_failures(exported, validation, failures)


def _framing(kind: Alignment | None, scale: float | None, shift_down: float | None) -> "Framing | None":
    """The framing that was asked for; None where nothing was said of it."""
    from mien.preprocess import Framing

    if kind is None and scale is None and shift_down is None:
        return None
    if kind is Alignment.FIVE_POINT:
        return Framing(scale or 1.0, shift_down or 0.0, kind="five-point")
    return Framing(scale or 1.05, shift_down or 0.0, upright=kind is not Alignment.BOX)


def _print(exported: "Export") -> None:
    from mien.report.format import percent_sign, share_sign

    found, size_mb = exported.parity, exported.path.stat().st_size / 1e6
    typer.echo(f"{exported.path}: {size_mb:.2f} MB, {exported.precision}; card: {exported.card}")
    agreement = ", ".join(f"{name} {percent_sign(share, 2)}" for name, share in found.agreement.items())
    typer.echo(f"  against the network: logits differ by at most {found.greatest_difference:.1e}; same {agreement}")
    for result in exported.results:
        if not result.flip_averaged:
            accuracy, error, code = result.metrics.accuracy, result.metrics.calibration_error, result.protocol.code
            network = f"; the network: {percent_sign(found.network_accuracy[code])}" if code in found.accuracy else ""
            typer.echo(
                f"  {code} {result.protocol.name}: {share_sign(accuracy)}, n = {result.metrics.n}, "
                f"ECE {percent_sign(error.value)}{network}"
            )
    for name, certainty in exported.certainty.items():
        typer.echo(
            f"  {name}, on what calibration has not seen (n = {certainty.n}): ECE "
            f"{percent_sign(certainty.calibration_error)}, wrong {percent_sign(certainty.wrong.value)}, "
            f"at 90 % coverage {percent_sign(certainty.risk_at(0.9))}"
        )


def _write_failures(exported: "Export", validation: "LabelledFaces", folder: Path) -> None:
    from mien.errors import OutputError
    from mien.evaluate.analysis.examples import example_sheet
    from mien.files import fault_and_remedy, replace_file

    path = folder / f"{exported.path.stem}-failures.png"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(path, example_sheet(exported.failures, validation))
    except OSError as error:
        remedy = fault_and_remedy(error, "name another folder with --failures")
        raise OutputError(f"cannot write to {path}: {remedy}") from error
    typer.echo(f"  {path}: pictures of the data set, which are not yours to pass on")
