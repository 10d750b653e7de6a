"""From a trained network to model files: ONNX that describes itself, checked against the network, with a card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import onnx

from mien.data.duplicates import training_rows_to_keep
from mien.data.labelled_faces import LabelledFaces
from mien.data.manifest import fingerprint
from mien.data.split import Split
from mien.errors import ConfigError, ModelError, OutputError
from mien.evaluate.analysis import selective
from mien.evaluate.analysis.examples import Example, surest_wrong
from mien.evaluate.classifiers import MienClassifier
from mien.evaluate.evaluation import EvaluationOptions, Result, evaluate
from mien.evaluate.protocols import P1, P2, P2B, P3, P4, Protocol
from mien.export.calibrate import calibrated, calibration_part
from mien.export.card import plots_folder, write_card
from mien.export.onnx_graph import opset_of, write_model
from mien.export.output_paths import places
from mien.export.quantize import in_fp16, in_int8
from mien.export.source import read_source
from mien.export.verify import check_parity, parity
from mien.expressions import CORE4, CORE4_BALANCED
from mien.files import fault_and_remedy
from mien.model.calibration import Logits
from mien.model.facts import Certainty, ExportFacts, Failure, ModelMetrics, Parity, Precision, ProtocolMetrics
from mien.model.metadata import ModelMetadata
from mien.model.package import ExpressionModel, load_model
from mien.preprocess import Framing, Preprocessing, model_input
from mien.stats import Estimate
from mien.train.heads import ANSWERS, HEADS


def _split_of(validation: LabelledFaces) -> str:
    """What the data set calls the split that a model is chosen and calibrated on."""
    return validation.splits[0] if len(validation.splits) == 1 else Split.VALIDATION.value


RANGE_FACES = 128
"""Of how many faces of the training set the ranges of 8-bit activations are taken, less those that are held out."""

LISTED = 20
"""How many wrong answers a package names."""

_RUN_ALONE = 32


@dataclass(frozen=True, slots=True)
class Export:
    """A written model package.

    Attributes:
        path: The ONNX file.
        card: The model card in Markdown, beside it; its plots are in a folder of the same name.
        precision: What weights and arithmetic are in.
        opset: Of ONNX.
        parity: The file beside the network.
        results: The file's figures on the validation faces.
        certainty: By answer, how far it may be relied on.
        failures: The surest wrong answers.
    """

    path: Path
    card: Path
    precision: Precision
    opset: int
    parity: Parity
    results: tuple[Result, ...]
    certainty: Mapping[str, Certainty]
    failures: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """What is written, and what whoever exports says of it.

    Attributes:
        precisions: What to write, each once.
        framing: Where the crop lies around a detected face. None for that of FER2013's crops, which are as wide as the
            detector's box and turned level, or for that of the model file that is exported again.
        data_license: License of the pictures trained on, for the card; FER2013's is known.
    """

    precisions: Sequence[Precision] = ("fp32",)
    framing: Framing | None = None
    data_license: str = ""


def export(source: Path, validation: LabelledFaces, path: Path, options: ExportOptions = ExportOptions()) -> Export:
    """Writes one model file, in fp32 unless another precision is asked for; see `export_all`."""
    return export_all(source, validation, path, options)[0]


def export_all(
    source: Path,
    validation: LabelledFaces,
    path: Path,
    options: ExportOptions = ExportOptions(),
    *,
    training: LabelledFaces | None = None,
) -> tuple[Export, ...]:
    """Writes the model files of a trained network in one or more precisions: all that are asked for, or none.

    Files that lie there are replaced; `mien.export.output_paths.check_places` tells beforehand.

    Args:
        source: The folder of a finished run; or a model file in float32, ending in .onnx, to export it again.
        validation: Faces to calibrate on (the part that `calibration_part` chooses) and to measure on (all).
        path: The file to write; its stem becomes the model's name. Where several precisions are asked for, the files in
            fp16 and int8 have theirs at the end of the name: `base-int8.onnx` for `base.onnx`.
        options: Precisions, framing, the data's license.
        training: Faces the network was trained on, from which int8 takes its ranges.

    Raises:
        ConfigError: If there is no finished run or model file in float32, the held-out faces are not its own, or int8
            is asked for without `training`.
        OutputError: If the files cannot be written.
        ModelError: If a file's predictions differ from the network's by more than its precision allows.
    """
    paths = places(path, options.precisions)
    if "int8" in options.precisions and training is None:
        raise ConfigError("int8 needs faces that the network was trained on to take its ranges from; none are given")
    ranges = None if training is None else _range_faces(training, validation)
    network = read_source(source, validation, options.framing, options.data_license)
    metadata = ModelMetadata(
        name=path.stem,
        input=network.input,
        heads={head.name: head.labels for head in HEADS},
        answers=ANSWERS,
        license=network.license,
        selected_on=_split_of(validation),
        training=network.training,
        layers=network.layers,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Beside their place, so that they can be moved there in one step each; never a half-written model.
        with TemporaryDirectory(dir=path.parent, prefix=".export-") as folder:
            drafts = [
                _export(
                    _in_precision(network.graph, precision, ranges, metadata.input),
                    replace(metadata, name=place.stem, export=_stated(network.graph, precision, ranges)),
                    validation,
                    network.logits,
                    Path(folder) / place.name,
                )
                for precision, place in paths.items()
            ]
            return tuple(_moved(draft, path.parent) for draft in drafts)
    except OSError as fault:
        raise OutputError(f"cannot write {path}: {fault_and_remedy(fault, 'name another file')}") from fault


def _in_precision(
    graph: onnx.ModelProto, precision: Precision, ranges: LabelledFaces | None, preprocessing: Preprocessing
) -> onnx.ModelProto:
    if precision == "fp16":
        return in_fp16(graph)
    if precision == "int8" and ranges is not None:
        return in_int8(graph, model_input(ranges.crops, preprocessing))
    return graph


def _stated(graph: onnx.ModelProto, precision: Precision, ranges: LabelledFaces | None) -> ExportFacts:
    """What a file says of how it was made, before it was compared with its network."""
    return ExportFacts(precision, opset_of(graph), len(ranges) if precision == "int8" and ranges is not None else None)


def _range_faces(training: LabelledFaces, validation: LabelledFaces) -> LabelledFaces:
    """Some faces of the training set, always the same, and as in training none that is held out."""
    chosen = np.random.default_rng(0).permutation(len(training))[:RANGE_FACES]
    faces = training[np.sort(chosen)]
    return faces[training_rows_to_keep(faces, validation)[0]]


def _export(
    graph: onnx.ModelProto, metadata: ModelMetadata, validation: LabelledFaces, original: Logits, draft: Path
) -> Export:
    """Checks, calibrates and measures the model in `draft`, and writes its card beside it."""
    facts, training = metadata.export, metadata.training
    if facts is None or training is None:
        raise ValueError("metadata must say how the file is made and of which training")
    write_model(draft, graph, metadata)
    model = load_model(draft)
    logits = model.logits(validation.crops)
    found = parity(logits, original, validation, _run_alone(model, validation[:_RUN_ALONE]))
    check_parity(found, facts.precision)
    metadata = replace(metadata, export=replace(facts, parity=found))
    results, failures, metrics = _calibrate_and_measure(draft, graph, metadata, validation, logits)
    return Export(
        path=draft,
        card=write_card(draft),
        precision=facts.precision,
        opset=facts.opset,
        parity=found,
        results=results,
        certainty=metrics.certainty,
        failures=failures,
    )


def recalibrate(path: Path, validation: LabelledFaces) -> Path:
    """Calibrates and measures a written package anew, its weights untouched, and writes its card; returns the card.

    Args:
        path: A package that an export wrote.
        validation: The faces that its training was watched on.

    Raises:
        ConfigError: If the faces are others.
        ModelError: If it is no package, or does not say of which training it is.
    """
    model = load_model(path)
    metadata = model.metadata
    if metadata.training is None:
        raise ModelError(f"{path} does not say of which training it is; export it again")
    if fingerprint(validation) != metadata.training.data.held_out_sha256:
        raise ConfigError(f"the validation faces are not those that {path} was watched on; name the data it is of")
    _calibrate_and_measure(path, onnx.load(path), metadata, validation, model.logits(validation.crops))
    return write_card(path)


def _calibrate_and_measure(
    draft: Path, graph: onnx.ModelProto, metadata: ModelMetadata, validation: LabelledFaces, logits: Logits
) -> tuple[tuple[Result, ...], tuple[Example, ...], ModelMetrics]:
    """Writes the model with its calibration and its metrics; gives these, and its surest wrong answers."""
    if metadata.training is None:
        raise ValueError("metadata must say of which training the model is")
    part = calibration_part(validation)
    logits = {name: values[part] for name, values in logits.items()}
    calibration = calibrated(logits, validation[part], metadata.training.data)
    metadata = replace(metadata, answers=calibration.answers)
    write_model(draft, graph, metadata, calibration.faces)
    classifier = MienClassifier(load_model(draft))
    results = evaluate(classifier, validation, EvaluationOptions(analyses=False)).results
    failures = surest_failures(classifier, validation)
    metrics = ModelMetrics(
        split=_split_of(validation),
        results=tuple(map(_recorded, results)),
        certainty=certainty_by_answer(classifier, validation[~part]),
        failures=tuple(map(_recorded_failure, failures)),
    )
    write_model(draft, graph, replace(metadata, metrics=metrics), calibration.faces)
    return results, failures, metrics


def _recorded(result: Result) -> ProtocolMetrics:
    """A result as the file keeps it, rounded."""
    metrics = result.metrics
    return ProtocolMetrics(
        protocol=result.protocol.code,
        name=result.protocol.name,
        flip_averaged=result.flip_averaged,
        without_duplicates=result.without_duplicates,
        n=metrics.n,
        labels=metrics.labels,
        accuracy=_rounded(metrics.accuracy),
        balanced_accuracy=_rounded(metrics.balanced_accuracy),
        macro_f1=_rounded(metrics.macro_f1),
        calibration_error=_rounded(metrics.calibration_error),
        negative_log_likelihood=_rounded(metrics.negative_log_likelihood),
        kl_to_votes=_rounded(metrics.kl_to_votes) if metrics.kl_to_votes else None,
        recall={label: _rounded(estimate) for label, estimate in metrics.recall.items()},
        confusion=metrics.confusion.value,
    )


def _rounded(estimate: Estimate) -> Estimate:
    return Estimate(round(estimate.value, 7), round(estimate.low, 7), round(estimate.high, 7))


def _run_alone(model: ExpressionModel, faces: LabelledFaces) -> Logits:
    """The model's logits for faces that are given to it one by one."""
    runs = [model.logits(faces.crops[face : face + 1]) for face in range(len(faces))]
    return {head: np.concatenate([run[head] for run in runs]) for head in model.metadata.heads}


def _moved(draft: Export, folder: Path) -> Export:
    """The package in its place, its plots first and the model last."""
    for plot in sorted(plots_folder(draft.card).glob("*")):
        place = folder / plot.parent.name / plot.name
        place.parent.mkdir(exist_ok=True)
        plot.replace(place)
    card = draft.card.replace(folder / draft.card.name)
    return replace(draft, card=card, path=draft.path.replace(folder / draft.path.name))


def certainty_by_answer(classifier: MienClassifier, faces: LabelledFaces) -> dict[str, Certainty]:
    """How far the model may be relied on, by each of its answers that some face has a truth for.

    Args:
        classifier: The model.
        faces: On none of which it was calibrated; where no face has votes, the label is the truth for all answers.
    """
    faces, said = faces.with_votes_from_labels(), classifier.predict_faces(faces)
    measured = {CORE4.name: _default_protocol(classifier), **{each.expressions.name: each for each in (P1, P3, P4)}}
    return {
        name: _recorded_certainty(selective.certainty_of(said, faces, protocol))
        for name, protocol in measured.items()
        if protocol.counts(faces).any()
    }


def surest_failures(classifier: MienClassifier, faces: LabelledFaces) -> tuple[Example, ...]:
    """The surest of the default answers that are wrong; where no face has votes, the label is the truth."""
    protocol = _default_protocol(classifier)
    given = classifier.predict(faces.crops)[protocol.expressions.name]
    return surest_wrong(given, faces.with_votes_from_labels(), protocol, LISTED)


def _default_protocol(classifier: MienClassifier) -> Protocol:
    """What measures the default answers: by a balanced prior where the training's is known."""
    return P2B if CORE4_BALANCED.name in classifier.labels else P2


def _recorded_certainty(found: selective.Certainty) -> Certainty:
    """The same as the file keeps it, rounded."""
    curve, mark = found.risk_coverage, found.mark
    if mark is None:
        raise ValueError("a model of mien's own has a threshold for each of its answers")
    return Certainty(
        n=found.images,
        calibration_error=round(found.calibration_error, 6),
        error_by_chance=round(found.error_by_chance, 6),
        bins=tuple((round(b.confidence, 6), round(b.accuracy.value, 6), b.images) for b in found.reliability),
        coverage=tuple(point.coverage for point in curve.points),
        risk=tuple(round(point.risk.value, 6) for point in curve.points),
        aurc=round(curve.area.value, 6),
        certain=_rounded(mark.certain),
        certain_wrong=_rounded(mark.certain_accuracy.complement),
        wrong=_rounded(curve.risk_at(1.0)),
        uncertain_outside={label: (each.n, _rounded(each)) for label, each in mark.uncertain_outside.items()},
    )


def _recorded_failure(failure: Example) -> Failure:
    return Failure(failure.row, failure.truth, failure.answer, round(failure.confidence, 4), failure.file)
