"""What lies behind the metrics: confusions, certainty, slices, corruption, leakage, invariance, and faces to look at.

Here are the records that an evaluation holds; each module has the function of its own name that makes them.
"""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.evaluate.analysis.confusions import Confusions
    from mien.evaluate.analysis.examples import Example, Gallery
    from mien.evaluate.analysis.invariance import Invariance
    from mien.evaluate.analysis.leakage import Leakage
    from mien.evaluate.analysis.robustness import Robustness
    from mien.evaluate.analysis.selective import Certainty
    from mien.evaluate.analysis.slices import Slices

__all__ = ["Certainty", "Confusions", "Example", "Gallery", "Invariance", "Leakage", "Robustness", "Slices"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Certainty": "selective",
        "Confusions": "confusions",
        "Example": "examples",
        "Gallery": "examples",
        "Invariance": "invariance",
        "Leakage": "leakage",
        "Robustness": "robustness",
        "Slices": "slices",
    },
)
