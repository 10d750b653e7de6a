import pytest

from mien.cli.priors import prior_of
from mien.errors import ArgumentError


def test_names_and_shares() -> None:
    assert prior_of(None) is None
    assert prior_of("balanced") == "balanced"
    assert prior_of("training") == "training"
    assert prior_of("happy=.6, neutral = 0.4") == {"happy": 0.6, "neutral": 0.4}
    assert prior_of("evenly") == "evenly"  # which is refused where it is used, with what is known


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("happy=x", "must give a number for each expression, as happy=.6; got 'happy=x'"),
        ("happy=.6,sad", "must give a number for each expression, as happy=.6; got 'sad'"),
        ("happy=.6,", "must give a number for each expression"),
        ("happy=.6,happy=.4", "names happy twice"),
    ],
)
def test_what_cannot_be_read_is_refused(text: str, says: str) -> None:
    with pytest.raises(ArgumentError, match=says):
        prior_of(text)
