"""Training configuration: typed, frozen, strict, read from TOML."""

from pathlib import Path
from typing import Annotated, Literal, Self, TypeGuard, get_args

from pydantic import Field, field_validator, model_validator

from mien.data.class_mapping import LEFT_OUT
from mien.errors import choose_from
from mien.expressions import FER7
from mien.settings import Strict, read_toml, validated

DENSE_FAMILIES = ("mlp", "lenet", "plain-cnn")
"""Families that end in dense layers."""

FACE_PX = 48
"""Width and height in pixels of the faces that a network is trained on; crops are made so large."""

_MOST_POOLINGS = {"lenet": 3, "plain-cnn": 5}  # of a face of 48 pixels
Count = Annotated[int, Field(ge=1)]
PublishedFamily = Literal["efficientnet-lite0"]


class PublishedConfig(Strict):
    """What a published network starts from and what it is shown; see `mien.train.networks.pretrained`.

    Attributes:
        weights: What the network starts from.
        frozen: Whether only the heads learn; otherwise all of it is tuned.
        input_px: Side that every face is resized to, in pixels.
    """

    weights: Literal["imagenet", "random"] = "imagenet"
    frozen: bool = False
    input_px: int = Field(default=48, ge=32, le=512)


class NetworkConfig(Strict):
    """Family and size of the network; see `mien.train.networks.expression.ExpressionNetwork`.

    Published families have their own stem, widths and depths.

    Attributes:
        family: What the network is built of.
        channels: 1 for gray faces, 3 for color; a gray face is given to a network of 3 channels three times.
        stem_width: Channels of the first convolution.
        stem_stride: Stride of the first convolution; 2 halves the resolution.
        widths: Channels of each stage.
        depths: Blocks in each stage; as many numbers as `widths` has.
        dense: Units of each dense layer of `mlp`, `lenet` and `plain-cnn`, which need it; the other families have
            none.
        dropout: Share of the features that are dropped before the heads.
        published: What published families start from.
    """

    family: Literal[
        "residual",
        "residual-se",
        "preactivation",
        "repvgg",
        "depthwise",
        "vgg",
        "mlp",
        "lenet",
        "plain-cnn",
        PublishedFamily,
    ] = "residual"
    channels: Literal[1, 3] = 1
    stem_width: int = Field(default=32, ge=1)
    stem_stride: Literal[1, 2] = 2
    widths: tuple[Count, ...] = Field(default=(48, 96, 256), min_length=1, max_length=5)
    depths: tuple[Count, ...] = (1, 2, 2)
    dense: tuple[Count, ...] = ()
    dropout: float = Field(default=0.2, ge=0, lt=1)
    published: PublishedConfig = PublishedConfig()

    @model_validator(mode="after")
    def _only_published_families_have_weights(self) -> Self:
        if self.published != PublishedConfig() and not is_published(self.family):
            families = ", ".join(get_args(PublishedFamily))
            raise ValueError(f"published has no meaning for {self.family}; leave it out, or take one of {families}")
        return self

    @model_validator(mode="after")
    def _one_depth_for_each_width(self) -> Self:
        if len(self.widths) != len(self.depths):
            raise ValueError(f"widths has {len(self.widths)} stages and depths {len(self.depths)}; give one for each")
        return self

    @model_validator(mode="after")
    def _dense_layers_where_they_belong(self) -> Self:
        if bool(self.dense) != (self.family in DENSE_FAMILIES):
            asked = "needs the widths of its dense layers" if not self.dense else "has no dense layers"
            raise ValueError(
                f"family {self.family} {asked}; dense = {list(self.dense)} is for {', '.join(DENSE_FAMILIES)}"
            )
        if self.family in DENSE_FAMILIES[1:] and len(self.widths) > _MOST_POOLINGS[self.family]:
            most = _MOST_POOLINGS[self.family]
            raise ValueError(f"family {self.family} halves its maps after each width; give at most {most} widths")
        return self


class LossConfig(Strict):
    """Weights of the two heads' cross-entropies; see `mien.train.losses`.

    Attributes:
        fer7_weight: Weight of the cross-entropy with FER2013's label, or the data set's own.
        ferplus8_weight: Weight of the cross-entropy with the distribution of the votes.
        label_smoothing: Share of FER2013's label that is spread evenly over all classes.
        outlier_votes: Whether single votes count; the published rule leaves them out.
        majority_votes: Whether the majority alone is learned, where there is one, instead of the votes' distribution.
        flip_consistency: Weight of the difference of attention between a face and its mirror image; doubles the time.
    """

    fer7_weight: float = Field(default=0.7, ge=0)
    ferplus8_weight: float = Field(default=1.0, ge=0)
    label_smoothing: float = Field(default=0.1, ge=0, lt=1)
    outlier_votes: bool = False
    majority_votes: bool = False
    flip_consistency: float = Field(default=0, ge=0)

    @model_validator(mode="after")
    def _the_majority_knows_no_single_votes(self) -> Self:
        if self.majority_votes and self.outlier_votes:
            raise ValueError("the majority leaves single votes out; set outlier_votes or majority_votes, not both")
        return self


class AugmentationConfig(Strict):
    """Ranges and shares of random changes to a training picture; see `mien.train.augment`.

    Ranges are drawn from evenly, for each picture anew. Half of the pictures are mirrored, whatever is set here.

    Attributes:
        rotation_deg: The most that a picture is turned, in degrees, either way.
        scale: The part that is shown is larger by a factor of 1 - `scale` to 1 + `scale`; one of its sides is then
            multiplied, the other divided, by 1 - `scale` / 3 to 1 + `scale` / 3.
        shift: The most that it is moved across and down, as a share of its side, either way.
        brightness: The most that is added or taken away, in gray levels of 255.
        contrast: Differences from the picture's own mean are multiplied by exp(-`contrast`) to exp(`contrast`).
        gamma: Exponent of gray levels as shares of 255, from exp(-`gamma`) to exp(`gamma`).
        noise: The highest standard deviation of normal noise, in gray levels of 255.
        low_resolution_share: Share of the pictures that are shrunk and enlarged again.
        low_resolution_min_px: The smallest side that they are shrunk to, in pixels; the largest is one pixel less than
            the picture's own.
        compression_share: Share of each batch that is compressed as by JPEG, of a quality of about 70 to 10.
        bad_crop_share: Share of the pictures whose `scale` and `shift` are 2.5 times those above.
        erase_share: Share of the pictures in which a rectangle, each side 15 to 45 % of theirs, becomes one gray.
        mixup_alpha: Both parameters of the beta distribution of a picture's own weight in mixup; 0 for no mixup.
        mixup_share: Share of the batches that are mixed by weight with a shuffled copy.
        cutmix_share: Share of the batches that get a rectangle, each side 20 to 70 %, of a shuffled copy.
    """

    rotation_deg: float = Field(default=15, ge=0, le=180)
    scale: float = Field(default=0.15, ge=0, lt=1)
    shift: float = Field(default=0.08, ge=0, lt=1)
    brightness: float = Field(default=25, ge=0)
    contrast: float = Field(default=0.3, ge=0, lt=1)
    gamma: float = Field(default=0.3, ge=0, lt=1)
    noise: float = Field(default=6, ge=0)
    low_resolution_share: float = Field(default=0.2, ge=0, le=1)
    low_resolution_min_px: int = Field(default=20, ge=4, le=47)
    compression_share: float = Field(default=0, ge=0, le=1)
    bad_crop_share: float = Field(default=0, ge=0, le=1)
    erase_share: float = Field(default=0.4, ge=0, le=1)
    mixup_alpha: float = Field(default=0.2, ge=0)
    mixup_share: float = Field(default=0.5, ge=0, le=1)
    cutmix_share: float = Field(default=0, ge=0, le=1)

    @model_validator(mode="after")
    def _a_batch_is_mixed_in_one_way(self) -> Self:
        if self.mixup_share + self.cutmix_share > 1:
            raise ValueError(f"mixup_share {self.mixup_share} and cutmix_share {self.cutmix_share} are more than 1")
        return self


class ProgressiveConfig(Strict):
    """A first share of the epochs that sees smaller pictures, and is quicker for it.

    Source: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", ICML 2021.

    Attributes:
        share: Share of the epochs that sees smaller pictures.
        first_px: Their side, in pixels.
    """

    share: float = Field(default=0, ge=0, lt=1)
    first_px: int = Field(default=32, ge=16, le=47)


class OptimizerConfig(Strict):
    """The optimizer under a one-cycle schedule with cosine annealing; see `mien.train.optim`.

    Attributes:
        method: `sgd` is Nesterov's.
        sharpness_radius: Radius of sharpness-aware steps (SAM), which take twice the time; 0 for none.
        peak_learning_rate: The highest learning rate of the cycle; each method takes its own, such as 0.04 for `sgd`,
            0.002 for `adamw` and 0.008 for `muon`.
        warmup_share: Share of the steps in which the learning rate rises.
        momentum: Momentum; of `adamw`, the decay of its first moment.
        weight_decay: Weight decay.
        averaging_decay: Decay per step of the exponential moving average of the weights, which is what is validated
            and exported.
    """

    method: Literal["sgd", "adamw", "muon"] = "sgd"
    sharpness_radius: float = Field(default=0, ge=0)
    peak_learning_rate: float = Field(default=0.04, gt=0)
    warmup_share: float = Field(default=0.1, gt=0, lt=1)
    momentum: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=5e-4, ge=0)
    averaging_decay: float = Field(default=0.998, ge=0, lt=1)


class DistillationConfig(Strict):
    """Models whose mean answer is learned beside the labels; see `mien.train.distillation`.

    Attributes:
        teachers: Model files, or names of shipped models.
        weight: Weight of their mean answer in the targets; the labels have the rest.
        temperature: Divides the teachers' logits; above 1 their answers are softer.
    """

    teachers: tuple[str, ...] = ()
    weight: float = Field(default=0.5, ge=0, le=1)
    temperature: float = Field(default=1, gt=0)


class EarlyStopConfig(Strict):
    """Ends a run once a held-out figure has not got better for `patience` epochs; 0 never does.

    A figure is the accuracy by a protocol (P2), or the mean negative log-likelihood of its truth (nll_P2).

    Attributes:
        monitor: The metric.
        patience: Epochs without improvement after which the run ends; 0 for never.
    """

    monitor: Literal["P1", "P2", "P3", "P4", "nll_P1", "nll_P2", "nll_P3", "nll_P4"] = "nll_P2"
    patience: int = Field(default=0, ge=0)


class DataConfig(Strict):
    """What must be known of a data set beside its files; see docs/data.md.

    Attributes:
        name: For the model card; the folder's or file's name if left out.
        classes: FER2013's label for each class name of the data's own, or `""` to leave the class out.
    """

    name: str = ""
    classes: dict[str, str] = Field(default={})

    @field_validator("classes")
    @classmethod
    def _labels_of_fer7(cls, classes: dict[str, str]) -> dict[str, str]:
        for own, label in classes.items():
            if label not in (*FER7.labels, LEFT_OUT):
                raise ValueError(f"{own}: {choose_from('label', label, FER7.labels)}, or '' to leave the class out")
        return classes


class TrainingConfig(Strict):
    """Everything that decides what a training run gives, beside the data itself.

    Attributes:
        seed: Of first weights, order, augmentation and dropout.
        epochs: Passes over the training faces.
        batch_size: Faces a step, of all processes together.
        precision: `auto` takes bfloat16 where the device computes with it, otherwise 32 bits.
        start_from: Folder of a finished run with the same network, whose averaged weights are the first ones.
        network: Family and size of the network.
        loss: What the two heads learn, and by which weights.
        distillation: Models whose mean answer is learned beside the labels.
        augmentation: Random changes to training pictures.
        progressive: Smaller pictures in the first epochs.
        optimizer: How the weights are changed.
        early_stop: When a run ends before its last epoch.
        data: What must be known of a data set beside its files.
    """

    seed: int = Field(default=1, ge=0, lt=2**31)
    epochs: int = Field(default=44, ge=1)
    batch_size: int = Field(default=128, ge=2)
    precision: Literal["auto", "32-true", "bf16-mixed", "16-mixed"] = "auto"
    start_from: str | None = None
    network: NetworkConfig = NetworkConfig()
    loss: LossConfig = LossConfig()
    distillation: DistillationConfig = DistillationConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    progressive: ProgressiveConfig = ProgressiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    early_stop: EarlyStopConfig = EarlyStopConfig()
    data: DataConfig = DataConfig()

    @model_validator(mode="after")
    def _dense_layers_take_one_size(self) -> Self:
        if self.progressive.share and self.network.family in DENSE_FAMILIES:
            raise ValueError(f"progressive.share = {self.progressive.share}: {self.network.family} takes one size only")
        if self.progressive.share and is_published(self.network.family):
            raise ValueError(
                f"progressive.share = {self.progressive.share}: {self.network.family} resizes every picture itself; "
                "set network.published.input_px"
            )
        return self

    @model_validator(mode="after")
    def _sharpness_aware_steps_are_not_scaled(self) -> Self:
        if self.optimizer.sharpness_radius and self.precision == "16-mixed":
            raise ValueError("optimizer.sharpness_radius cannot go with 16-mixed; take precision bf16-mixed or 32-true")
        return self


def is_published(family: str) -> TypeGuard[PublishedFamily]:
    """Whether a family is a network of the literature, for which there are weights of others."""
    return family in get_args(PublishedFamily)


def load_config(path: Path) -> TrainingConfig:
    """Reads a configuration; `ConfigError` names what is wrong with it and the nearest known key."""
    return validated(TrainingConfig, read_toml(path), str(path))
