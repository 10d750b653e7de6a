import pytest

from mien.export.card import about_certainty, about_export, about_failures

EXPORT = {
    "precision": "fp32",
    "opset": 18,
    "inputs": {"faces": ["batch", 1, 48, 48]},
    "parity": {
        "greatest_difference": 0.1413,
        "mean_difference": 0.021,
        "agreement": {"core4": 0.9941},
        "accuracy": {"P2": 0.8877},
        "network_accuracy": {"P2": 0.8888},
    },
}
SHARE = {"value": 0.1, "low": 0.05, "high": 0.15}
CERTAINTY = {
    "core4": {
        "n": 1458,
        "calibration_error": 0.016,
        "error_by_chance": 0.018,
        "bins": [],
        "coverage": [0.8, 0.9, 0.95, 1.0],
        "risk": [0.041, 0.072, 0.083, 0.1],
        "aurc": 0.02087,
        "certain": SHARE | {"value": 0.884},
        "certain_wrong": SHARE | {"value": 0.067},
        "wrong": SHARE,
        "uncertain_outside": {"anger": SHARE | {"value": 0.864, "n": 177}},
    }
}


@pytest.mark.parametrize(
    ("stated", "says"),
    [
        ({}, "Weights and arithmetic are in float32"),
        ({"precision": "fp16"}, "Weights are stored in float16"),
        ({"precision": "int8", "range_faces": 128}, "that 128 faces of the training set gave them"),
        ({"inputs": {"faces": [8, 1, 48, 48]}}, "; 8 faces at once."),
    ],
)
def test_form_of_the_file_is_said(stated: dict[str, object], says: str) -> None:
    text = about_export(EXPORT | stated)
    assert says in text
    assert "at most 0.14 (mean 0.02)" in text
    assert "on 99.4 % (`core4`) of the held-out faces" in text
    assert "| P2 | 88.9 % | 88.8 % |" in text


def test_risks_stand_under_their_coverage() -> None:
    text = about_certainty(CERTAINTY, {"core4": 0.6008}, "some-card")
    head, _, row = next(part for part in text.split("\n\n") if "AURC" in part).splitlines()
    shown = dict(zip(*(line.strip("| ").split(" | ") for line in (head, row)), strict=True))
    assert shown["at 95 %"] == "8.3 %"
    assert shown["at 90 %"] == "7.2 %"
    assert shown["all answered"] == "10.0 %"
    assert shown["ECE"] == "1.6 % (1.8 %)"
    assert "| `core4` | 0.60 | 88.4 % (5.0-15.0) | 6.7 % (5.0-15.0) |" in text
    assert "| `core4` | anger | 177 | 86.4 % (5.0-15.0) |" in text
    assert "(some-card/calibration.svg)" in text
    assert "(some-card/risk-coverage.svg)" in text


def test_what_is_not_there_is_said() -> None:
    assert "too few faces" in about_certainty({}, {}, "some-card")
    assert "none" in about_failures(())


def test_mistakes_are_rows_without_pictures() -> None:
    text = about_failures([{"row": 31234, "truth": "sad", "answer": "happy", "probability": 0.998}])
    assert "| 31234 | sad | happy | 99.8 % |" in text
    assert "![" not in text
