from mien.search.config import SearchConfig
from mien.search.trial import config_of, values_of

SEARCH = SearchConfig.model_validate(
    {
        "base": {"epochs": 9, "network": {"depths": [1], "widths": [4]}},
        "epochs": 2,
        "space": {"network.widths": {"choices": [[4], [8]]}, "optimizer.momentum": {"low": 0.1, "high": 0.9}},
    }
)


def test_the_configuration_of_a_trial_has_its_values_and_the_epochs_of_the_base() -> None:
    stored = {"network.widths": "[8]", "optimizer.momentum": 0.5}
    assert values_of(SEARCH, stored) == {"network.widths": [8], "optimizer.momentum": 0.5}
    config = config_of(SEARCH, stored)
    assert (config.network.widths, config.optimizer.momentum, config.epochs) == ((8,), 0.5, 9)
    assert SEARCH.trial_epochs == 2
