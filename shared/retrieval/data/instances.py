"""Readers of the public data sets of image retrieval; `landmarks.py` has those of buildings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.training.datasets import ImageFile, read_images


@dataclass(frozen=True)
class Query:
    """One search of a protocol.

    Attributes:
        photo: What is searched with.
        relevant: Numbers of the photos that should be found.
        junk: Numbers of the photos that are neither right nor wrong, such as the query itself.
        box: The part that is searched with, as left, top, right, bottom in pixels; None for the whole photo.
    """

    photo: ImageFile
    relevant: frozenset[int]
    junk: frozenset[int] = frozenset()
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True)
class RetrievalSet:
    """Photos to search in, and the searches by which a search is measured.

    Attributes:
        name: What reports call it.
        photos: What is searched in, by number.
        queries: The searches.
        trapezoid: Whether its protocol takes average precision by trapezoids; see `shared.evaluation.ranking`.
    """

    name: str
    photos: tuple[ImageFile, ...]
    queries: tuple[Query, ...]
    trapezoid: bool = True

    def first(self, count: int | None) -> RetrievalSet:
        """The same set with only the first so many queries; all of them for None."""
        return RetrievalSet(self.name, self.photos, self.queries[:count], self.trapezoid)


def read_holidays(root: str | Path) -> RetrievalSet:
    """Lists INRIA Holidays, or a part of it.

    Jegou, Douze and Schmid, "Hamming embedding and weak geometric consistency for large scale image search",
    ECCV 2008. A photo's name is six digits, of which the first four are its group. The first photo of each
    group with at least two here is a query, and is left out of its own list: 500 queries in the whole set.

    Args:
        root: a folder with the photos, or with ZIP archives of them.

    Raises:
        FileNotFoundError: it holds no photo with such a name, or no group of two.
    """
    photos = [photo for photo in _photos_in(root) if re.fullmatch(r"\d{6}", photo.name)]
    photos.sort(key=lambda photo: photo.name)
    groups: dict[str, list[int]] = {}
    for number, photo in enumerate(photos):
        groups.setdefault(photo.name[:4], []).append(number)
    queries = [
        Query(photos[first], relevant=frozenset(others), junk=frozenset([first]))
        for first, *others in groups.values()
        if others
    ]
    if not queries:
        raise FileNotFoundError(f"{root} holds no group of photos named like 100000.jpg, 100001.jpg")
    whole = len(photos) == 1491
    name = "INRIA Holidays" if whole else f"INRIA Holidays, a part of {len(photos)} photos"
    return RetrievalSet(name, tuple(photos), tuple(queries))


def read_ukbench(root: str | Path) -> RetrievalSet:
    """Lists the University of Kentucky benchmark, or its first photos.

    Nister and Stewenius, "Scalable recognition with a vocabulary tree", CVPR 2006: 10,200 photos, four in a
    row of each object. Every photo is a query, and belongs to what it should find.

    Args:
        root: a folder with `ukbench00000.jpg` and so on, at any depth.

    Raises:
        FileNotFoundError: it holds no such photo.
        ValueError: the last object has not all of its four photos, or one is missing in between.
    """
    photos = [photo for photo in _photos_in(root) if re.fullmatch(r"ukbench\d{5}", photo.name)]
    photos.sort(key=lambda photo: photo.name)
    if not photos:
        raise FileNotFoundError(f"{root} holds no photos named like ukbench00000.jpg")
    if len(photos) % 4 or int(photos[-1].name[-5:]) != len(photos) - 1:
        raise ValueError(f"{root} must hold ukbench00000 and what follows in fours, without a gap")
    queries = tuple(
        Query(photo, relevant=frozenset(range(number // 4 * 4, number // 4 * 4 + 4)))
        for number, photo in enumerate(photos)
    )
    return RetrievalSet("UKBench", tuple(photos), queries, trapezoid=False)


def _photos_in(root: str | Path) -> Sequence[ImageFile]:
    """Photos in a folder at any depth, or in the archives that lie in it."""
    root = Path(root)
    archives = sorted(root.glob("*.zip"))
    return read_images(archives or [root])
