"""The spelling of figures."""

from mien.report.format import (
    count,
    counted,
    first_upper,
    nats,
    nats_difference,
    p_value,
    percent_sign,
    points,
    points_with_interval,
    share,
    share_sign,
)
from mien.stats import Estimate, Proportion


def test_shares_are_per_cent_with_their_interval() -> None:
    assert share(Estimate(0.8134, 0.796, 0.827)) == "81.3 (79.6-82.7)"
    assert share_sign(Proportion.of(1, 1)) == "100.0 % (20.7-100.0)"
    assert (percent_sign(0.8134), percent_sign(0.8134, 0)) == ("81.3 %", "81 %")
    assert share(None) == share_sign(None) == nats(None) == p_value(None) == "-"


def test_differences_have_their_sign() -> None:
    assert points_with_interval(Estimate(0.012, -0.003, 0.027)) == "+1.2 (-0.3 to +2.7)"
    assert nats_difference(Estimate(0.012, -0.003, 0.027)) == "+0.012 (-0.003 to +0.027)"
    assert nats(Estimate(0.512, 0.49, 0.53)) == "0.512 (0.490-0.530)"
    assert p_value(0.0432) == "0.043"


def test_numbers_are_grouped_and_agree_with_their_noun() -> None:
    assert (count(2570), counted(2570, "face"), counted(1, "class", "es")) == ("2,570", "2,570 faces", "1 class")
    assert first_upper("selected on A") == "Selected on A"


def test_a_difference_that_rounds_to_nothing_has_no_minus() -> None:
    assert [points(value) for value in (-0.0004, 0.0, 0.012, -0.003)] == ["+0.0", "+0.0", "+1.2", "-0.3"]
