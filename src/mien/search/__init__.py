"""Search for hyperparameters and architecture by Optuna: many short trainings, the best of which is written down."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.search.config import SearchConfig, load_search
    from mien.search.report import best_of, write_outputs
    from mien.search.search import Search, SearchOptions
    from mien.search.space import Choices, FloatRange, IntRange

__all__ = [
    "Choices",
    "FloatRange",
    "IntRange",
    "Search",
    "SearchConfig",
    "SearchOptions",
    "best_of",
    "load_search",
    "write_outputs",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Choices": "space",
        "FloatRange": "space",
        "IntRange": "space",
        "Search": "search",
        "SearchConfig": "config",
        "SearchOptions": "search",
        "best_of": "report",
        "load_search": "config",
        "write_outputs": "report",
    },
)
