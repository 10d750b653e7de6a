"""Which faces stand in the data more than once, within a split or across, and whether their labels agree."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mien.data.crops import Crops
from mien.data.duplicates import NEAR_DUPLICATE, Pairs, exact_duplicates, flat, near_duplicates, standardized
from mien.data.labelled_faces import NO_LABEL, LabelledFaces, Reference
from mien.results import to_jsonable

_DECIMALS = 6  # of a float32 correlation; finer differences are rounding, and the earlier face is then the nearer
_AT_ONCE = 4096  # pairs compared at once; bounds the memory


@dataclass(frozen=True, slots=True)
class CopyCount:
    """How many faces of one split have a copy in another, or a second one in the same.

    Attributes:
        split: Whose faces are counted.
        other: Where their copies are.
        exact: Faces with a copy of the same pixels.
        exact_other_label: Of those, the ones whose first such copy has another label.
        near: Faces with a copy whose pixels correlate by `NEAR_DUPLICATE` or more; the exact ones are among them.
        near_other_label: Of those, the ones whose nearest copy has another label.
    """

    split: str
    other: str
    exact: int
    exact_other_label: int
    near: int
    near_other_label: int


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Faces that are copies of one another, directly or by way of others in the group.

    Attributes:
        faces: Two or more, in order of the data.
        exact: Whether all have the same pixels.
    """

    faces: tuple[Reference, ...]
    exact: bool

    @property
    def labels(self) -> dict[str, int]:
        """How many of them have each label, the most frequent first."""
        return dict(Counter(face.label for face in self.faces if face.label is not None).most_common())

    @property
    def conflicting(self) -> bool:
        """Whether two of them have different labels."""
        return len(self.labels) > 1

    @property
    def across(self) -> bool:
        """Whether they are of more than one split."""
        return len({face.split for face in self.faces}) > 1

    def to_dict(self) -> dict[str, Any]:
        """The faces, and what holds of them as a group."""
        return {
            "faces": [face.to_dict() for face in self.faces],
            "exact": self.exact,
            "conflicting": self.conflicting,
            "across": self.across,
        }


@dataclass(frozen=True, slots=True)
class Copies:
    """What was found; faces of next to no contrast are left out, since they are all alike.

    Attributes:
        counts: For each split, copies within it, then in each other split.
        groups: All groups, those with different labels first, then those across splits, then by size.
    """

    counts: tuple[CopyCount, ...]
    groups: tuple[CopyGroup, ...]

    @property
    def spare(self) -> int:
        """Faces that could go without a picture being lost: all but one of each group."""
        return sum(len(group.faces) - 1 for group in self.groups)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain numbers, strings, lists and dicts."""
        return {
            "near_duplicate_correlation": NEAR_DUPLICATE,
            "counts": to_jsonable(self.counts),
            "spare": self.spare,
            "groups": [group.to_dict() for group in self.groups],
        }


@dataclass(frozen=True, slots=True)
class _Found:
    """Pairs of different faces, each both ways, and how alike the two are."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    correlation: NDArray[np.float64]
    exact: NDArray[np.bool_]

    def chosen(self, mask: NDArray[np.bool_]) -> "_Found":
        return _Found(self.first[mask], self.second[mask], self.correlation[mask], self.exact[mask])


def copies(faces: LabelledFaces, gray: NDArray[np.uint8]) -> Copies:
    """Finds all copies within and across splits; the time grows with the square of the number of faces.

    Args:
        faces: N faces whose splits are known.
        gray: The same as pictures of one size, uint8 of shape (N, H, W), by which nearly equal ones are found.
    """
    found = _pairs(faces.crops, gray)
    within = {name: faces.within([name]) for name in faces.splits}
    # Within a split first: it is what every data set has.
    places = [(own, other) for own in within for other in (own, *(name for name in within if name != own))]
    counts = tuple(
        _count(faces, found.chosen(within[own][found.first] & within[other][found.second]), (own, other))
        for own, other in places
    )
    return Copies(counts, _groups(faces, found))


def group_numbers(count: int, found: Copies) -> NDArray[np.int64]:
    """A number for each of `count` faces that copies share and no other faces have; shape (N,)."""
    numbers = np.arange(count)
    for group in found.groups:
        numbers[[face.position for face in group.faces]] = group.faces[0].position
    return numbers


def _pairs(crops: Crops, gray: NDArray[np.uint8]) -> _Found:
    shows_something = np.flatnonzero(~flat(gray))
    shown, shown_crops = gray[shows_something], crops[shows_something]
    near = near_duplicates(shown, shown)
    near = Pairs(*(side[near.first != near.second] for side in (near.first, near.second)))
    exact = exact_duplicates(shown_crops, shown_crops)
    codes = exact.first * len(shown) + exact.second
    is_exact = np.isin(near.first * len(shown) + near.second, codes)
    correlation = np.where(is_exact, 1.0, _correlations(shown, near))
    return _Found(shows_something[near.first], shows_something[near.second], correlation, is_exact)


def _correlations(pixels: NDArray[np.uint8], pairs: Pairs) -> NDArray[np.float64]:
    parts = [np.empty(0)]
    for start in range(0, len(pairs), _AT_ONCE):
        chosen = slice(start, start + _AT_ONCE)
        first, second = (standardized(pixels[side[chosen]]) for side in (pairs.first, pairs.second))
        parts.append(np.einsum("ij,ij->i", first, second).astype(np.float64))
    return np.concatenate(parts).round(_DECIMALS)


def _count(faces: LabelledFaces, found: _Found, names: tuple[str, str]) -> CopyCount:
    exact, exact_other_label = _images_and_conflicts(faces, found.chosen(found.exact))
    near, near_other_label = _images_and_conflicts(faces, found)
    return CopyCount(*names, exact, exact_other_label, near, near_other_label)


def _images_and_conflicts(faces: LabelledFaces, found: _Found) -> tuple[int, int]:
    """How many faces have a copy, and for how many of them the nearest, else the first, has another label."""
    order = np.lexsort((found.second, -found.correlation, found.first))
    copies, nearest = np.unique(found.first[order], return_index=True)
    labels, copied = faces.fer7[copies], faces.fer7[found.second[order][nearest]]
    return len(copies), int(((labels != copied) & (labels != NO_LABEL) & (copied != NO_LABEL)).sum())


def _groups(faces: LabelledFaces, found: _Found) -> tuple[CopyGroup, ...]:
    links = coo_array((np.ones(len(found.first)), (found.first, found.second)), shape=(len(faces), len(faces)))
    _, number = connected_components(links, directed=False)
    members: dict[int, list[int]] = {}
    for position in np.unique(found.first):
        members.setdefault(int(number[position]), []).append(int(position))
    groups = [
        CopyGroup(
            faces.references(np.array(positions)),
            exact=all(np.array_equal(faces.crops[position], faces.crops[positions[0]]) for position in positions),
        )
        for positions in members.values()
    ]
    return tuple(sorted(groups, key=lambda group: (not group.conflicting, not group.across, -len(group.faces))))
