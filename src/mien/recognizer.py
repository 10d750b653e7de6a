"""From pictures to their faces and the apparent expressions of these.

Whether an answer is `uncertain` is for `ExpressionModel.predict` to say, by the threshold that `mien.model.risk`
chooses; a crop in which no upright face is seen (`mien.detect.face_check`) is uncertain whatever the model says.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from os import PathLike, fspath
from time import perf_counter
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.detect import Detector, FaceCheck, load_detector, whole_picture
from mien.detect.rotations import Candidate, best_candidates, checked_rotations, turned, turned_back
from mien.errors import (
    ArgumentError,
    DetectorError,
    MienError,
    ModelError,
    PictureError,
    PictureTooLarge,
    choose_from,
)
from mien.expressions import ExpressionSet
from mien.images import MAX_PIXELS, Picture, check_max_pixels, read_picture, shown
from mien.model import load_model, shipped_models
from mien.model.priors import Prior
from mien.model.session import Places, give_back_memory
from mien.preprocess import crop_face, fit_crop
from mien.results import Detection, Face, PictureResult, Prediction

OnError = Literal["raise", "yield"]
"""What to do with a picture that fails: raise its error, or give the error in its place and go on."""

FACES_AT_ONCE = 64
"""So many faces, of however many pictures, go into the network together."""

PICTURES_AT_ONCE = 32
"""So many pictures may wait for one another; only the crops of their faces are kept."""

LARGE_PICTURE = 4_000_000
"""With more pixels, memory that a picture took is given back to the system."""

WAIT_S = 0.5
"""After this time, pictures wait no longer for the faces of others."""


class Recognizer:
    """Finds the faces of a picture and reads the apparent expression of each.

    Loading takes a moment; make one and keep it. One recognizer may serve several threads, goes into other processes by
    pickle, which makes it anew there, and works in those that were forked.

    Args:
        model: A shipped model's name, or the path of a model package.
        expressions: The name of one of the model's answers, of which `model.metadata.answers` has all; None for its
            first. The shipped models have `core4` (happy, sad, surprise, neutral), which is the first, `core4-fer2013`
            (the same, as FER2013 labels them), `fer7` and `ferplus8`.
        prior: How frequent each expression is among the faces to come: `balanced` (each as frequent), `training` (as in
            the model's training data), or a share by expression, such as `{"happy": 0.6, "neutral": 0.4}`; None for the
            model's own, which is `balanced` for `core4` of the shipped models and `training` for their other sets. What
            a face is answered depends on no other face.
        risk: The greatest share of wrong answers among those that are not `uncertain`, above 0 and below 1; None for
            the model's own. On faces like those that the model was calibrated on it is kept with a probability of 95 %.
        detector: `mtcnn`, `none` (each picture is one face crop already), a detector with options of its own, such as
            `Mtcnn(min_face_px=40)` or `YuNet(model=...)`, or any other callable of that kind.
        threads: Threads that one call may use, at most as many as there are processors; None leaves it to ONNX Runtime.
            A detector that is given ready made has its own.
        max_pixels: Width times height above which a picture is refused; 64 million unless said otherwise.
        rotations: Some of 90, 180 and 270: pictures are looked at turned by so many degrees, too, and of a face that is
            found in several ways up the one with most evidence for an upright face is kept. Each takes as long as the
            first look.

    Raises:
        MienError: If the model, the set of expressions or the detector is unknown or cannot be loaded; `ArgumentError`
            if an argument has the wrong type or is out of range.

    Attributes:
        model: The loaded expression model; its `file` and `metadata` tell where it comes from.
        expressions: The set of expressions that predictions are about.
        answer: The model's answer of that name for the prior and the risk asked for.
        detector: What finds the faces.
        max_pixels: As given.
        rotations: The ways up that are tried, in degrees; 0 is the first.
    """

    def __init__(  # noqa: PLR0913 - options of the main class, all but the first by keyword
        self,
        model: str | PathLike[str] = "base",
        *,
        expressions: str | None = None,
        prior: Prior | None = None,
        risk: float | None = None,
        detector: str | Detector = "mtcnn",
        threads: int | None = None,
        max_pixels: int = MAX_PIXELS,
        rotations: Iterable[int] = (),
    ) -> None:
        if not isinstance(model, str | PathLike):
            raise ArgumentError(f"model must be a shipped model's name or a path; got {model!r}")
        if not isinstance(detector, str) and not callable(detector):
            raise ArgumentError(f"detector must be a detector's name or a callable; got {detector!r}")
        check_max_pixels(max_pixels)
        self.rotations = checked_rotations(rotations)
        self.model = load_model(fspath(model), threads=threads)
        name = self.model.metadata.default_answer if expressions is None else expressions
        self.answer = self.model.answer(name, prior=prior, risk=risk)
        self.expressions = ExpressionSet(name, self.answer.labels)
        self.detector = load_detector(detector, threads=threads) if isinstance(detector, str) else detector
        self.max_pixels = max_pixels
        self._places = Places()
        self._face_check = FaceCheck(threads=threads)
        # What makes it anew in another process, which may have another current folder.
        self._model_as_given = fspath(model) if fspath(model) in shipped_models() else self.model.file.path.absolute()
        self._detector_as_given, self._threads = detector, threads
        self._prior_as_given, self._risk_as_given = prior, risk

    def recognize(self, picture: Picture) -> PictureResult:
        """All faces of a picture, from left to right.

        Args:
            picture: A path, the bytes of a file, a binary file object, a PIL image, or a numpy array (uint8, RGB).

        Returns:
            The picture's size and a `Face` for each face found, none for a picture without a face.

        Raises:
            PictureError: If the picture cannot be read.
            DetectorError: If the detector fails on this picture, as `YuNet` may.
        """
        return next(self._answered([self._look_at(picture)], "raise"))

    def recognize_many(self, sources: Iterable[Picture], *, on_error: OnError = "raise") -> Iterator[PictureResult]:
        """The faces of each of many pictures, in their order, as they are done.

        Pictures are taken from `sources` as they are needed. Their faces go through the network together, so that it is
        quicker than one by one; the answers are the same. Of a picture that is done only the crops of its faces are
        kept, of no more than `PICTURES_AT_ONCE` at a time.

        Args:
            sources: Pictures as in `recognize`; for paths of folders and patterns see `mien.find.find_pictures`.
            on_error: `raise` ends at the first picture that fails, after the results of those before it; `yield` gives
                a result with its `error` and goes on.

        Yields:
            A result for each picture.

        Raises:
            PictureError: If a picture cannot be read, with `raise`.
            DetectorError: If the detector fails on a picture, with `raise`.
            ArgumentError: If `sources` is a single picture, or `on_error` is neither.
        """
        _check_on_error(on_error)
        if _is_one_picture(sources):
            raise ArgumentError("recognize_many takes several pictures and got one; put it into a list: [picture]")
        return self._in_batches(sources, on_error)

    @overload
    def classify(self, crops: Iterable[Picture]) -> tuple[Prediction, ...]: ...
    @overload
    def classify(self, crops: Iterable[Picture], *, on_error: Literal["raise"]) -> tuple[Prediction, ...]: ...
    @overload
    def classify(self, crops: Iterable[Picture], *, on_error: OnError) -> tuple[Prediction | PictureError, ...]: ...
    def classify(
        self, crops: Iterable[Picture], *, on_error: OnError = "raise"
    ) -> tuple[Prediction | PictureError, ...]:
        """The apparent expression of pictures that are face crops already, framed as in FER2013.

        Args:
            crops: Pictures as in `recognize`, each of them one face, or an array (N, H, W) of
                grayscale crops. Answers do not depend on what else is asked for.
            on_error: `raise` raises the error of the first picture that fails; `yield` gives each such error in the
                picture's place.

        Returns:
            A prediction for each crop, in their order.

        Raises:
            PictureError: If one of the pictures cannot be read, with `raise`.
            ArgumentError: If a single picture is given, or `on_error` is neither.
        """
        _check_on_error(on_error)
        if _is_one_picture(crops):
            raise ArgumentError("classify takes several face crops and got one picture; put it into a list: [picture]")
        read: list[NDArray[np.uint8] | PictureError] = []
        for crop in crops:
            try:
                image_rgb = read_picture(crop, max_pixels=self.max_pixels)
            except PictureError as error:
                if on_error == "raise":
                    raise
                read.append(error)
            else:
                (found,) = self._faces(image_rgb, whole_picture)
                read.append(found.crop)
        try:
            predictions = iter(self._predict([crop for crop in read if isinstance(crop, np.ndarray)]))
        except MemoryError as error:
            raise PictureTooLarge(
                "memory ran out while expressions were read; free some, or give fewer crops"
            ) from error
        return tuple(each if isinstance(each, PictureError) else next(predictions) for each in read)

    def __repr__(self) -> str:
        given = self._detector_as_given
        detector = given if isinstance(given, str) else getattr(given, "__name__", repr(given))
        return f"Recognizer({self.model.file.name}, {self.expressions.name}, {detector})"

    def __reduce__(self) -> tuple[Any, ...]:
        remade = partial(
            type(self),
            self._model_as_given,
            expressions=self.expressions.name,
            prior=self._prior_as_given,
            risk=self._risk_as_given,
            detector=self._detector_as_given,
            threads=self._threads,
            max_pixels=self.max_pixels,
            rotations=self.rotations,
        )
        return _remade, (remade, self.model.file.sha256)

    def _in_batches(self, sources: Iterable[Picture], on_error: OnError) -> Iterator[PictureResult]:
        waiting: list[_Seen] = []
        since_s = perf_counter()
        for picture in sources:
            failed: MienError | None = None
            started_s = perf_counter()
            try:
                waiting.append(self._look_at(picture))
            except (PictureError, DetectorError) as error:
                failed = error
                waiting.append(_failed(picture, error, perf_counter() - started_s))
            faces = sum(len(seen.detections) for seen in waiting)
            late = perf_counter() - since_s > WAIT_S
            if late or failed or faces >= FACES_AT_ONCE or len(waiting) >= PICTURES_AT_ONCE:
                yield from self._answered(waiting[:-1] if failed and on_error == "raise" else waiting, on_error)
                waiting, since_s = [], perf_counter()
            if failed and on_error == "raise":
                raise failed
        yield from self._answered(waiting, on_error)

    def _look_at(self, picture: Picture) -> "_Seen":
        """Reads a picture, finds its faces and cuts them out."""
        started_s = perf_counter()
        try:
            with self._places:  # each may hold a large picture
                image_rgb = read_picture(picture, max_pixels=self.max_pixels)
                found = self._faces(image_rgb, self.detector)
        except MemoryError as error:
            raise PictureTooLarge(
                f"{_name(picture)}: memory ran out while its faces were looked for; make it smaller"
            ) from error
        height, width = image_rgb.shape[:2]
        del image_rgb
        if height * width > LARGE_PICTURE:
            give_back_memory()
        result = PictureResult(_source(picture), width, height, elapsed_s=perf_counter() - started_s)
        return _Seen(result, tuple(each.detection for each in found), [each.crop for each in found])

    def _faces(self, image_rgb: NDArray[np.uint8], detector: Detector) -> list[Candidate]:
        """The faces that a detector finds in the ways up that are tried, and their crops."""
        height, width = image_rgb.shape[:2]
        candidates = []
        for rotation_deg in self.rotations:
            looked_at = turned(image_rgb, rotation_deg)
            for found in detector(looked_at):
                crop = self._crop(looked_at, found)
                back = turned_back(found, rotation_deg, width=width, height=height)
                evidence = self._face_check.evidence(crop) if len(self.rotations) > 1 else 0.0
                candidates.append(Candidate(back, crop, evidence))
        return best_candidates(candidates) if len(self.rotations) > 1 else candidates

    def _crop(self, image_rgb: NDArray[np.uint8], found: Detection) -> NDArray[np.uint8]:
        preprocessing = self.model.metadata.input
        return fit_crop(image_rgb, preprocessing) if found.is_crop else crop_face(image_rgb, found, preprocessing)

    def _answered(self, pictures: list["_Seen"], on_error: OnError) -> Iterator[PictureResult]:
        """The results of pictures that were looked at; all together, or one by one where memory is short."""
        started_s = perf_counter()
        crops = [crop for seen in pictures for crop in seen.crops]
        try:
            predictions = iter(self._predict(crops))
        except MemoryError as error:
            if len(pictures) > 1:
                for seen in pictures:
                    yield from self._answered([seen], on_error)
                return
            name = pictures[0].result.source
            too_large = PictureTooLarge(f"{_name(name)}: memory ran out while its expressions were read; free some")
            if on_error == "raise":
                raise too_large from error
            yield _failed(name, too_large, perf_counter() - started_s).result
            return
        each_s = (perf_counter() - started_s) / max(1, len(crops))
        for seen in pictures:
            yield seen.answered(predictions, each_s)

    def _predict(self, crops: list[NDArray[np.uint8]]) -> tuple[Prediction, ...]:
        """A prediction for each crop, uncertain where the crop does not show an upright face."""
        if not crops:
            return ()
        predictions = self.model.predict(np.stack(crops), self.answer)
        doubts = self._face_check.doubts(crops)
        return tuple(
            each if doubt is None else each.doubted(doubt) for each, doubt in zip(predictions, doubts, strict=True)
        )


@dataclass(frozen=True, slots=True)
class _Seen:
    """A picture that was looked at: all of its result but the faces, where they are, and their crops."""

    result: PictureResult
    detections: tuple[Detection, ...] = ()
    crops: list[NDArray[np.uint8]] = field(default_factory=list)

    def answered(self, predictions: Iterator[Prediction], each_s: float) -> PictureResult:
        faces = tuple(
            Face(found.box, found.landmarks, found.score, next(predictions), rotation_deg=found.rotation_deg)
            for found in self.detections
        )
        elapsed_s = (self.result.elapsed_s or 0.0) + each_s * len(faces)
        return replace(self.result, faces=faces, elapsed_s=elapsed_s)


def _failed(picture: Picture | None, error: MienError, elapsed_s: float) -> _Seen:
    name = _name(picture)
    text = str(error)
    if isinstance(error, DetectorError):  # which does not know what the picture is called
        text = f"{name}: {text}"
    return _Seen(PictureResult(_source(picture), None, None, (), text, type(error).__name__, elapsed_s))


def _source(picture: Picture | None) -> str | None:
    return os.fsdecode(picture) if isinstance(picture, str | PathLike) else None


def _name(picture: Picture | None) -> str:
    return shown(picture) if isinstance(picture, str | PathLike) else "picture"


def _check_on_error(on_error: object) -> None:
    if on_error not in ("raise", "yield"):
        raise ArgumentError(choose_from("on_error", on_error, ("raise", "yield")))


def _is_one_picture(pictures: object) -> bool:
    if isinstance(pictures, np.ndarray):
        return pictures.ndim < 3 or (pictures.ndim == 3 and pictures.shape[2] in (1, 3, 4))
    return isinstance(pictures, str | PathLike | bytes | bytearray | memoryview | Image.Image) or hasattr(
        pictures, "read"
    )


def _remade(make: "partial[Recognizer]", sha256: str) -> Recognizer:
    """A recognizer made anew, in another process, with the same model."""
    recognizer = make()
    if recognizer.model.file.sha256 != sha256:
        raise ModelError(f"{recognizer.model.file.path} has changed since the recognizer was pickled; pickle it again")
    return recognizer
