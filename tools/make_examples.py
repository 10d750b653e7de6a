"""Makes the pictures in `examples/` from two public-domain portraits that come inside PyPI packages.

Needs scikit-image and matplotlib, which mien itself does not: `pip install scikit-image matplotlib`, then
`python tools/make_examples.py`. Credits are in `examples/CREDITS.md`.
"""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"
WALL_SIZE = (960, 640)
WALL_COLOR = (226, 222, 214)


@dataclass(frozen=True, slots=True)
class Tile:
    """One portrait on the wall: which, what part of it, and where it hangs; all in pixels.

    Attributes:
        portrait: File name of the portrait.
        crop: Left, top and width of the part shown; its height follows from the tile.
        place: Left, top, width and height on the wall.
        mirrored: Whether left and right are swapped.
    """

    portrait: str
    crop: tuple[int, int, int]
    place: tuple[int, int, int, int]
    mirrored: bool = False


WALL = (
    Tile("grace_hopper.jpg", (61, 5, 390), (0, 0, 312, 400)),
    Tile("astronaut.jpg", (0, 0, 512), (0, 408, 312, 232)),
    Tile("astronaut.jpg", (105, 5, 240), (320, 0, 320, 320)),
    Tile("grace_hopper.jpg", (0, 0, 512), (320, 328, 320, 312), mirrored=True),
    Tile("astronaut.jpg", (50, 5, 390), (648, 0, 312, 232), mirrored=True),
    Tile("grace_hopper.jpg", (50, 12, 440), (648, 240, 312, 238)),
    Tile("astronaut.jpg", (0, 0, 505), (648, 486, 152, 154), mirrored=True),
    Tile("grace_hopper.jpg", (0, 0, 512), (808, 486, 152, 154)),
)


def main() -> None:
    """Writes the two portraits and the wall of both."""
    EXAMPLES.mkdir(exist_ok=True)
    with Image.open(inside("skimage", "data/astronaut.png")) as portrait:
        portrait.convert("RGB").save(EXAMPLES / "astronaut.jpg", quality=92, optimize=True)
    shutil.copyfile(inside("matplotlib", "mpl-data/sample_data/grace_hopper.jpg"), EXAMPLES / "grace_hopper.jpg")
    wall(WALL).save(EXAMPLES / "group.jpg", quality=88, optimize=True)


def inside(package: str, file: str) -> Path:
    """Where `file` of an installed `package` lies, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed; run: pip install scikit-image matplotlib")
    return Path(spec.origin).parent / file


def wall(tiles: tuple[Tile, ...]) -> Image.Image:
    """The portraits hung side by side, as on a wall of photographs."""
    canvas = Image.new("RGB", WALL_SIZE, WALL_COLOR)
    for tile in tiles:
        left, top, crop_width = tile.crop
        x, y, width, height = tile.place
        crop_height = round(crop_width * height / width)
        with Image.open(EXAMPLES / tile.portrait) as portrait:
            part = portrait.crop((left, top, left + crop_width, top + crop_height))
        part = part.resize((width, height), Image.Resampling.LANCZOS)
        canvas.paste(ImageOps.mirror(part) if tile.mirrored else part, (x, y))
    return canvas


if __name__ == "__main__":
    main()
