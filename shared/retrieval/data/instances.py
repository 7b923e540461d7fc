"""Retrieval sets, and readers of INRIA Holidays and UKBench; `landmarks.py` reads Oxford5k and Paris6k."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from shared.core.image_files import ImageFile, read_images
from shared.core.images import Box


@dataclass(frozen=True)
class Query:
    """Query of a retrieval set.

    Attributes:
        image: Query image.
        relevant: Indices of the relevant images.
        junk: Indices of images that are neither right nor wrong, such as the query itself.
        box: Part of the query image to search with, in pixels; None for the whole.
    """

    image: ImageFile
    relevant: frozenset[int]
    junk: frozenset[int] = frozenset()
    box: Box | None = None


@dataclass(frozen=True)
class RetrievalSet:
    """Images and queries of a benchmark.

    Attributes:
        name: Name in reports.
        images: Searched images, by index.
        queries: Queries.
        trapezoid: True if the protocol integrates precision by trapezoids; see `shared.evaluation.ranking`.
    """

    name: str
    images: tuple[ImageFile, ...]
    queries: tuple[Query, ...]
    trapezoid: bool = True

    def limit(self, count: int | None) -> RetrievalSet:
        """Return the set with its first `count` queries; None keeps all."""
        return replace(self, queries=self.queries[:count])


def read_holidays(root: str | Path) -> RetrievalSet:
    """List INRIA Holidays, or a part of it.

    Jegou, Douze and Schmid, "Hamming embedding and weak geometric consistency for large scale image search",
    ECCV 2008. An image's name is six digits, of which the first four are its group. The first image of each
    group of at least two is a query, and is left out of its own ranking: 500 queries in the whole set.

    Args:
        root: Folder of the images, or of ZIP archives of them.

    Raises:
        FileNotFoundError: It holds no image with such a name, or no group of two.
    """
    images = [image for image in _read_folder(root) if re.fullmatch(r"\d{6}", image.name)]
    images.sort(key=lambda image: image.name)
    groups: dict[str, list[int]] = {}
    for index, image in enumerate(images):
        groups.setdefault(image.name[:4], []).append(index)
    queries = [
        Query(images[first], relevant=frozenset(relevant), junk=frozenset([first]))
        for first, *relevant in groups.values()
        if relevant
    ]
    if not queries:
        raise FileNotFoundError(f"{root} holds no group of photos named like 100000.jpg, 100001.jpg")
    complete = len(images) == 1491
    name = "INRIA Holidays" if complete else f"INRIA Holidays, a part of {len(images)} photos"
    return RetrievalSet(name, tuple(images), tuple(queries))


def read_ukbench(root: str | Path) -> RetrievalSet:
    """List the University of Kentucky benchmark, or its first images.

    Nister and Stewenius, "Scalable recognition with a vocabulary tree", CVPR 2006: 10,200 images, four in a
    row of each object. Every image is a query, and relevant to itself.

    Args:
        root: Folder with `ukbench00000.jpg` and so on, at any depth.

    Raises:
        FileNotFoundError: It holds no such image.
        ValueError: An image is missing in between, or the last object has less than four.
    """
    images = [image for image in _read_folder(root) if re.fullmatch(r"ukbench\d{5}", image.name)]
    images.sort(key=lambda image: image.name)
    if not images:
        raise FileNotFoundError(f"{root} holds no photos named like ukbench00000.jpg")
    if len(images) % 4 or int(images[-1].name[-5:]) != len(images) - 1:
        raise ValueError(f"{root} must hold ukbench00000 and what follows in fours, without a gap")
    queries = tuple(
        Query(image, relevant=frozenset(range(index // 4 * 4, index // 4 * 4 + 4)))
        for index, image in enumerate(images)
    )
    return RetrievalSet("UKBench", tuple(images), queries, trapezoid=False)


def _read_folder(root: str | Path) -> Sequence[ImageFile]:
    """List the images of a folder at any depth, or of the archives in it."""
    root = Path(root)
    archives = sorted(root.glob("*.zip"))
    return read_images(archives or [root])
