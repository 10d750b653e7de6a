from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.train.config import NetworkConfig, TrainingConfig, load_config

ROOT = Path(__file__).resolve().parents[3]


def written(folder: Path, text: str) -> Path:
    path = folder / "some.toml"
    path.write_text(text, "utf-8")
    return path


@pytest.mark.parametrize("path", sorted((ROOT / "configs").glob("*.toml")), ids=lambda path: path.stem)
def test_shipped_configurations_are_valid(path: Path) -> None:
    assert load_config(path).batch_size == 128


def test_what_is_not_set_has_its_default(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, "epochs = 3\n[loss]\nlabel_smoothing = 0.2\n"))
    assert config.epochs == 3
    assert config.loss.label_smoothing == 0.2
    assert config.optimizer == TrainingConfig().optimizer


def test_unknown_key_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'loss.label_smooting'; did you mean 'label_smoothing'\?"):
        load_config(written(tmp_path, "[loss]\nlabel_smooting = 0.2\n"))


def test_unknown_section_names_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'optimiser'; did you mean 'optimizer'\?"):
        load_config(written(tmp_path, "[optimiser]\nmomentum = 0.2\n"))


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"epochs = 0: .*; unknown key 'zzz'; known here: seed, epochs"):
        load_config(written(tmp_path, "epochs = 0\nzzz = 1\n"))


@pytest.mark.parametrize("text", ["epochs = ", "= 3", "[[["])
def test_not_toml(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="is not TOML"):
        load_config(written(tmp_path, text))


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        load_config(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[network]\nwidths = [8, 8]\n", "network: widths has 2 stages and depths 3; give one for each"),
        ("[network]\nwidths = [0, 8, 8]\n", r"network.widths.0 = 0"),
        ("seed = -1\n", "seed = -1"),
        ("[augmentation]\nlow_resolution_min_px = 48\n", "augmentation.low_resolution_min_px = 48"),
        ('precision = "half"\n', "precision = 'half'"),
        (
            "[augmentation]\nmixup_share = 0.6\ncutmix_share = 0.5\n",
            "augmentation: mixup_share 0.6 and cutmix_share 0.5",
        ),
        (
            'precision = "16-mixed"\n[optimizer]\nsharpness_radius = 0.1\n',
            "toml: optimizer.sharpness_radius cannot go with 16-mixed",
        ),
        ("[loss]\nmajority_votes = true\noutlier_votes = true\n", "loss: the majority leaves single votes out"),
        (
            'progressive.share = 0.5\n[network]\nfamily = "mlp"\ndense = [8]\n',
            "toml: progressive.share = 0.5: mlp takes one size only",
        ),
        (
            'progressive.share = 0.5\n[network]\nfamily = "efficientnet-lite0"\n',
            "toml: progressive.share = 0.5: efficientnet-lite0 resizes every picture itself",
        ),
    ],
)
def test_value_that_cannot_be_trained_with(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        load_config(written(tmp_path, text))


def test_class_names_are_mapped_to_labels_or_left_out(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, '[data.classes]\njoy = "happy"\ncontempt = ""\n"4" = "sad"\n'))
    assert config.data.classes == {"joy": "happy", "contempt": "", "4": "sad"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            '[data.classes]\njoy = "hapy"\n',
            r"data.classes: joy: no label 'hapy' \(did you mean 'happy'\?\).* '' to leave",
        ),
        ("[data.classes]\njoy = 3\n", "data.classes.joy = 3: input should be a valid string"),
        ("[data]\nclases = {}\n", r"unknown key 'data.clases'; did you mean 'classes'\?"),
    ],
)
def test_class_names_that_mean_nothing(tmp_path: Path, text: str, fault: str) -> None:
    with pytest.raises(ConfigError, match=fault):
        load_config(written(tmp_path, text))


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ({"family": "mlp"}, "family mlp needs the widths of its dense layers"),
        ({"dense": (8,)}, "family residual has no dense layers"),
        ({"family": "lenet", "widths": (4,) * 4, "depths": (1,) * 4, "dense": (8,)}, "give at most 3 widths"),
    ],
)
def test_dense_layers_belong_to_classic_families(network: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        NetworkConfig.model_validate(network)
