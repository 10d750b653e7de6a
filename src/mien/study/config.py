"""A study file: arms that share data, budget and seeds, each a set of changes to the training configuration."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mien.errors import ConfigError, choose_from
from mien.settings import Strict, read_toml, validated
from mien.train.config import TrainingConfig

SHIPPED = Path(__file__).parent / "studies"

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class StudyData(Strict):
    """Which faces all arms learn from and are measured on; see `mien.study.data`."""

    images: int | None = Field(default=None, ge=2)
    validation: int | None = Field(default=None, ge=2)
    folds: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _folds_measure_every_image(self) -> Self:
        if self.folds and self.validation:
            raise ValueError("folds measure every image once, so validation cannot be limited; leave out one of both")
        return self


class ArmConfig(Strict):
    """One arm: its name, which is its folder's too, and what it changes in the training configuration."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    training: dict[str, Any] = Field(default={})


class StudyConfig(Strict):
    """Everything that decides what a study gives, beside the data itself."""

    title: str
    question: str = ""
    reference: str | None = None  # name of the arm that the others are compared with; the first unless said
    protocol: Literal["P1", "P2", "P3", "P4"] = "P2"  # whose accuracy is drawn and decides
    x_axis: Literal["arms", "multiply-adds"] = "arms"
    keep_weights: bool = True
    seeds: tuple[Seed, ...] = Field(min_length=1)
    data: StudyData = StudyData()
    training: dict[str, Any] = Field(default={})
    arms: tuple[ArmConfig, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _nothing_twice(self) -> Self:
        for what, values in (("seed", self.seeds), ("arm", tuple(arm.name.casefold() for arm in self.arms))):
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} is there more than once; keep one")
        names = tuple(arm.name for arm in self.arms)
        if self.reference is not None and self.reference not in names:
            raise ValueError(choose_from("reference arm", self.reference, names))
        if any("seed" in training for training in (self.training, *(arm.training for arm in self.arms))):
            raise ValueError("training.seed: all arms share the study's seeds; set these")
        return self


@dataclass(frozen=True, slots=True)
class Study:
    """A study file that was found right.

    Attributes:
        name: The file's name without its ending.
        config: What the file says.
        arms: The training configuration of each arm by its name, but for the seed.
    """

    name: str
    config: StudyConfig
    arms: dict[str, TrainingConfig]

    @property
    def reference(self) -> str:
        """Name of the arm that the others are compared with."""
        return self.config.reference or self.config.arms[0].name


def load_study(file: str) -> Study:
    """Reads a study from a file or, by its name, one that is shipped.

    Raises:
        ConfigError: If there is none, or anything in it is wrong; it names the nearest known key.
    """
    path = Path(file)
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise ConfigError(
                f"no study file {file}; give a file, or the name of one of {', '.join(shipped_studies())}"
            )
        if file not in shipped_studies():
            raise ConfigError(choose_from("study", file, shipped_studies()))
        path = SHIPPED / f"{file}.toml"
    config = validated(StudyConfig, read_toml(path), str(path))
    arms = {
        arm.name: validated(TrainingConfig, _merged(config.training, arm.training), f"{path}, arm {arm.name}")
        for arm in config.arms
    }
    for name, arm in arms.items():
        _refuse_knowledge_of_measured(f"{path}, arm {name}", arm, config.data)
    weight = "fer7_weight" if config.protocol == "P3" else "ferplus8_weight"
    for name, arm in arms.items():
        if config.protocol in ("P3", "P4") and not getattr(arm.loss, weight):
            raise ConfigError(
                f"{path}, arm {name}: loss.{weight} = 0 learns nothing for {config.protocol}; take P1 or P2"
            )
    return Study(path.stem, config, arms)


def shipped_studies() -> tuple[str, ...]:
    """The names of the studies that come with mien."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _refuse_knowledge_of_measured(where: str, arm: TrainingConfig, data: StudyData) -> None:
    """Raises `ConfigError` if a training would be led by the faces that it is then measured on."""
    if arm.early_stop.patience:
        raise ConfigError(f"{where}: early_stop would end a training by the faces it is measured on; set epochs alone")
    if data.folds and (arm.start_from or arm.distillation.teachers):
        raise ConfigError(
            f"{where}: with folds all faces are measured, and what start_from and distillation.teachers name may have "
            "learnt from them; leave these out, or folds"
        )


def _merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """What all arms share, with an arm's own values in place of it, section by section."""
    merged = dict(common)
    for key, value in own.items():
        before = merged.get(key)
        merged[key] = _merged(before, value) if isinstance(before, Mapping) and isinstance(value, Mapping) else value
    return merged
