"""From a training run to model packages: ONNX files that describe themselves, each with a card."""

from typing import TYPE_CHECKING

from mien._lazy import lazy_names

if TYPE_CHECKING:
    from mien.export.card import card_text, write_card
    from mien.export.output_paths import check_places
    from mien.export.pipeline import Export, ExportOptions, export, export_all

__all__ = ["Export", "ExportOptions", "card_text", "check_places", "export", "export_all", "write_card"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "Export": "pipeline",
        "ExportOptions": "pipeline",
        "card_text": "card",
        "check_places": "output_paths",
        "export": "pipeline",
        "export_all": "pipeline",
        "write_card": "card",
    },
)
