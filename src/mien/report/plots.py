"""Pictures of a report: drawings as SVG, readable in grayscale and by those who see colors differently; faces as PNG.

Nothing is told apart by color alone. Matplotlib is loaded when something is drawn.
"""

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mien.errors import MissingExtra

INK, GUIDE, BAND = "#0b3c5d", "#767676", "#9db8cc"
"""Dark, for what is shown; a middle gray, for what it is to be compared with; light, for areas."""

_STYLE: Any = {
    "font.size": 9,
    "hatch.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.fonttype": "none",  # text stays text, which is small and can be searched
    "svg.hashsalt": "mien",  # the same drawing is the same file
}


def require_matplotlib(feature: str = "a report with drawings", extra: str = "evaluate") -> None:
    """Raises `MissingExtra`, which names the `feature` and what to install, if matplotlib is not installed."""
    try:
        import matplotlib  # noqa: F401, PLC0415 - an optional dependency
    except ImportError as missing:
        raise MissingExtra.for_feature(feature, extra, missing) from missing


def svg(draw: Callable[[Any], None], size_in: tuple[float, float]) -> bytes:
    """What `draw` draws into the axes it is given, `size_in` inches wide and high; the same each time."""
    return svg_figure(lambda figure: draw(figure.add_subplot()), size_in)


def svg_figure(draw: Callable[[Any], None], size_in: tuple[float, float]) -> bytes:
    """As `svg`, for what has several axes: `draw` is given the figure."""
    from matplotlib import rc_context  # noqa: PLC0415 - an optional dependency
    from matplotlib.figure import Figure  # noqa: PLC0415

    with rc_context(_STYLE):
        figure: Figure = Figure(figsize=size_in, layout="constrained")
        draw(figure)
        file = BytesIO()
        figure.savefig(file, format="svg", metadata={"Date": None})
    return file.getvalue()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A picture as PNG; uint8 of shape (H, W) or (H, W, 3)."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", optimize=True)
    return file.getvalue()
