"""Networks from face to logits, and what each of their layers costs."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.train.networks.expression import ExpressionNetwork
    from mien.train.networks.layers import layer_table
    from mien.train.networks.pretrained import PublishedTrunk

__all__ = ["ExpressionNetwork", "PublishedTrunk", "layer_table"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {"ExpressionNetwork": "expression", "PublishedTrunk": "pretrained", "layer_table": "layers"},
)
