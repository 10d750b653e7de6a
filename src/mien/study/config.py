"""A study file: arms that share data, budget and seeds, each a set of changes to the training configuration."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from mien.errors import ConfigError, choose_from
from mien.settings import Strict, merged, read_toml, validated
from mien.train.config import TrainingConfig

SHIPPED = Path(__file__).parent / "studies"

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class StudyData(Strict):
    """Which faces all arms are trained and validated on; see `mien.study.data`.

    Attributes:
        images: How many faces of the training split are trained on, each class with its share; all if left out.
        validation: How many faces of the validation split are measured on; all if left out.
        folds: Deals training and validation split into so many folds, each of which is measured by networks trained on
            the others.
    """

    images: int | None = Field(default=None, ge=2)
    validation: int | None = Field(default=None, ge=2)
    folds: int | None = Field(default=None, ge=2)

    @model_validator(mode="after")
    def _folds_validate_on_every_image(self) -> Self:
        if self.folds and self.validation:
            raise ValueError("folds validate on every image once, so validation cannot be limited; leave one out")
        return self


class ArmConfig(Strict):
    """One arm: its name, which is its folder's too, and what it changes in the training configuration.

    Attributes:
        name: Letters, digits, dots, hyphens and underscores.
        about: What the report says of it.
        training: Keys of the training configuration that it changes.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")
    about: str = ""
    training: dict[str, Any] = Field(default={})


class StudyConfig(Strict):
    """Everything that decides what a study gives, beside the data itself.

    Attributes:
        title: Title of the report.
        question: What the study is to answer.
        reference: Name of the arm that the others are compared with; the first unless said.
        protocol: Whose accuracy decides and is drawn.
        x_axis: What the plot has across; `arms` draws one below the other.
        keep_weights: Whether the weights of each training are kept once its predictions are.
        seeds: Each arm is trained with each of these.
        data: Which faces are trained and measured on.
        training: Keys of the training configuration that all arms share.
        arms: What is compared.
    """

    title: str
    question: str = ""
    reference: str | None = None
    protocol: Literal["P1", "P2", "P3", "P4"] = "P2"
    x_axis: Literal["arms", "multiply-adds"] = "arms"
    keep_weights: bool = True
    seeds: tuple[Seed, ...] = Field(min_length=1)
    data: StudyData = StudyData()
    training: dict[str, Any] = Field(default={})
    arms: tuple[ArmConfig, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _names_and_seeds_are_unique(self) -> Self:
        for what, values in (("seed", self.seeds), ("arm", tuple(arm.name.casefold() for arm in self.arms))):
            twice = sorted({str(value) for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"{what} {', '.join(twice)} occurs more than once; keep one")
        names = tuple(arm.name for arm in self.arms)
        if self.reference is not None and self.reference not in names:
            raise ValueError(choose_from("reference arm", self.reference, names))
        if any("seed" in training for training in (self.training, *(arm.training for arm in self.arms))):
            raise ValueError("training.seed: all arms share the seeds of the study; set these")
        return self


@dataclass(frozen=True, slots=True)
class Study:
    """A study file whose arms are all valid.

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
        arm.name: validated(TrainingConfig, merged(config.training, arm.training), f"{path}, arm {arm.name}")
        for arm in config.arms
    }
    for name, arm in arms.items():
        _refuse_leakage(f"{path}, arm {name}", arm, config.data)
    weight = "fer7_weight" if config.protocol == "P3" else "ferplus8_weight"
    for name, arm in arms.items():
        if config.protocol in ("P3", "P4") and not getattr(arm.loss, weight):
            raise ConfigError(
                f"{path}, arm {name}: loss.{weight} = 0 trains nothing for {config.protocol}; set protocol to P1 or P2"
            )
    return Study(path.stem, config, arms)


def shipped_studies() -> tuple[str, ...]:
    """The names of the studies that come with mien."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _refuse_leakage(where: str, arm: TrainingConfig, data: StudyData) -> None:
    """Raises `ConfigError` if a training would depend on the faces that it is then validated on."""
    if arm.early_stop.patience:
        raise ConfigError(
            f"{where}: early_stop would choose when to end by the faces the arm is validated on; set epochs alone"
        )
    if data.folds and (arm.start_from or arm.distillation.teachers):
        raise ConfigError(
            f"{where}: with folds all faces are used for validation, and the models of start_from and "
            "distillation.teachers may have been trained on them; leave these out, or folds"
        )
