"""What a name stands for."""

from pathlib import Path

import pytest

from mien.errors import ArgumentError, ModelError
from mien.evaluate import MienClassifier, RecordedPredictions, load_classifier


def test_a_shipped_model_goes_by_its_name_or_another(tmp_path: Path) -> None:
    tiny = load_classifier("tiny")
    assert isinstance(tiny, MienClassifier)
    assert (tiny.name, list(tiny.labels)) == ("tiny", ["core4", "core4-fer2013", "fer7", "ferplus8", "core4-balanced"])
    assert load_classifier("tiny", name="old", threads=1).name == "old"
    with pytest.raises(ModelError, match="no model file"):
        load_classifier(tmp_path / "none.onnx")


def test_predictions_and_descriptions_go_by_their_suffix(tmp_path: Path) -> None:
    path = tmp_path / "theirs.CSV"
    path.write_text("row,happy,sad,surprise,neutral\n0,1,0,0,0\n", "utf-8")
    theirs = load_classifier(path)
    assert isinstance(theirs, RecordedPredictions)
    assert (theirs.name, list(theirs.labels)) == ("theirs", ["core4", "core4-fer2013"])
    assert load_classifier(path, name="others").name == "others"
    with pytest.raises(ModelError, match="cannot read the configuration"):
        load_classifier(tmp_path / "none.toml")


def test_a_prior_becomes_part_of_the_name_and_is_for_models_of_our_own(tmp_path: Path) -> None:
    happy = load_classifier("tiny", prior={"happy": 0.6, "sad": 0.1, "surprise": 0.1, "neutral": 0.2}, risk=0.1)
    assert happy.name == "tiny (prior happy 0.6, sad 0.1, surprise 0.1, neutral 0.2)"
    assert load_classifier("tiny", name="old", prior="balanced").name == "old (prior balanced)"
    for options in ({"prior": "balanced"}, {"risk": 0.1}):
        with pytest.raises(ArgumentError, match=r"a\.csv has no prior and no risk to choose"):
            load_classifier(tmp_path / "a.csv", **options)  # type: ignore[arg-type]
